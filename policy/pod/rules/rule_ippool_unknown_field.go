package rules

import (
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/spiderpool"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// Spiderpool decodes the annotations without asking for known fields only
// (pkg/ipam/pool_selections.go).
var ruleIPPoolUnknownField = pod.Rule{
	ID:      "ippool-unknown-field",
	Default: verdict.Warn,
	Check: spiderFaultCheck(false, "use a field that Spiderpool knows, or remove it",
		spiderpool.ProblemUnknownField, spiderpool.PoolAnnotation, spiderpool.PoolsAnnotation),
}
