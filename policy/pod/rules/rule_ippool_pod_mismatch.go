package rules

import (
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/spiderpool"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// The pod's labels are matched when it starts (selectByPod in Spiderpool's
// pkg/ipam/allocate.go).
var ruleIPPoolPodMismatch = pod.Rule{
	ID:      "ippool-pod-mismatch",
	Default: verdict.Deny,
	Check:   misfitCheck(spiderpool.MisfitPod),
}
