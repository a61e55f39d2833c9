package rules

import (
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/spiderpool"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// Spiderpool compares spec.ipVersion with the list (selectByPod in its
// pkg/ipam/allocate.go).
var ruleIPPoolWrongFamily = pod.Rule{
	ID:      "ippool-wrong-family",
	Default: verdict.Deny,
	Check:   misfitCheck(spiderpool.MisfitFamily),
}
