package policy

import "github.com/macvlan-webhook/macvlan-webhook/policy/spiderpool"

// Spiderpool passes such pools over (selectByPod in its pkg/ipam/allocate.go).
var ruleIPPoolDisabled = podRule{
	ID:      "ippool-disabled",
	Default: Deny,
	Check:   misfitCheck(spiderpool.MisfitDisabled, spiderpool.MisfitTerminating),
}
