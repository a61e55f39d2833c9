package policy

import "github.com/macvlan-webhook/macvlan-webhook/policy/spiderpool"

// Spiderpool compares spec.ipVersion with the list (selectByPod in its
// pkg/ipam/allocate.go).
var ruleIPPoolWrongFamily = podRule{
	ID:      "ippool-wrong-family",
	Default: Deny,
	Check:   misfitCheck(spiderpool.MisfitFamily),
}
