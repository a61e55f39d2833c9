package policy

import "github.com/macvlan-webhook/macvlan-webhook/policy/multus"

// A pod has one first interface, so the default-network annotation names
// exactly one network. Multus refuses two, and crashes on an empty JSON list.
var ruleDefaultNetworkCount = podRule{
	ID:      "default-network-count",
	Default: Deny,
	Check: faultCheck("",
		"leave one network in "+multus.DefaultNetworkAnnotation+" and list the others in "+multus.NetworksAnnotation,
		multus.ProblemCount),
}
