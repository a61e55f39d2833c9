package policy

import "github.com/macvlan-webhook/macvlan-webhook/policy/spiderpool"

// The list of networks of a pool binds it (selectByPod in Spiderpool's
// pkg/ipam/allocate.go).
var ruleIPPoolNetworkMismatch = podRule{
	ID:      "ippool-network-mismatch",
	Default: Deny,
	Check:   misfitCheck(spiderpool.MisfitNetwork),
}
