package policy

import "github.com/macvlan-webhook/macvlan-webhook/policy/spiderpool"

// Names override the selector (selectByPod in Spiderpool's pkg/ipam/allocate.go).
var ruleIPPoolNamespaceMismatch = podRule{
	ID:      "ippool-namespace-mismatch",
	Default: Deny,
	Check:   misfitCheck(spiderpool.MisfitNamespace),
}
