package rules

import (
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/spiderpool"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// The list of networks of a pool binds it (selectByPod in Spiderpool's
// pkg/ipam/allocate.go).
var ruleIPPoolNetworkMismatch = pod.Rule{
	ID:      "ippool-network-mismatch",
	Default: verdict.Deny,
	Check:   misfitCheck(spiderpool.MisfitNetwork),
}
