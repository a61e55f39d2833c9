package policy

import "github.com/macvlan-webhook/macvlan-webhook/policy/spiderpool"

// Spiderpool decodes the annotations without asking for known fields only
// (pkg/ipam/pool_selections.go).
var ruleIPPoolUnknownField = podRule{
	ID:      "ippool-unknown-field",
	Default: Warn,
	Check: spiderFaultCheck(false, "use a field that Spiderpool knows, or remove it",
		spiderpool.ProblemUnknownField, spiderpool.PoolAnnotation, spiderpool.PoolsAnnotation),
}
