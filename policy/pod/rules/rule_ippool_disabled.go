package rules

import (
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/spiderpool"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// Spiderpool passes such pools over (selectByPod in its pkg/ipam/allocate.go).
var ruleIPPoolDisabled = pod.Rule{
	ID:      "ippool-disabled",
	Default: verdict.Deny,
	Check:   misfitCheck(spiderpool.MisfitDisabled, spiderpool.MisfitTerminating),
}
