package rules

import (
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/multus"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// A pod has one first interface, so the default-network annotation names
// exactly one network. Multus refuses two, and crashes on an empty JSON list.
var ruleDefaultNetworkCount = pod.Rule{
	ID:      "default-network-count",
	Default: verdict.Deny,
	Check: faultCheck("",
		"leave one network in "+multus.DefaultNetworkAnnotation+" and list the others in "+multus.NetworksAnnotation,
		multus.ProblemCount),
}
