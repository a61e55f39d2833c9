package policy

import "github.com/macvlan-webhook/macvlan-webhook/policy/spiderpool"

// The pod's labels are matched when it starts (selectByPod in Spiderpool's
// pkg/ipam/allocate.go).
var ruleIPPoolPodMismatch = podRule{
	ID:      "ippool-pod-mismatch",
	Default: Deny,
	Check:   misfitCheck(spiderpool.MisfitPod),
}
