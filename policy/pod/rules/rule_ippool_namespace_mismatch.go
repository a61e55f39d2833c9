package rules

import (
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/spiderpool"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// Names override the selector (selectByPod in Spiderpool's pkg/ipam/allocate.go).
var ruleIPPoolNamespaceMismatch = pod.Rule{
	ID:      "ippool-namespace-mismatch",
	Default: verdict.Deny,
	Check:   misfitCheck(spiderpool.MisfitNamespace),
}
