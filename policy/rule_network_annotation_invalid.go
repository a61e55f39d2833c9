package policy

import "github.com/macvlan-webhook/macvlan-webhook/policy/multus"

// Multus reads both annotations with one grammar: a comma list of
// namespace/name@interface, or a JSON list of objects. What it cannot read
// keeps the pod in ContainerCreating.
var ruleNetworkAnnotationInvalid = podRule{
	ID:      "network-annotation-invalid",
	Default: Deny,
	Check: func(p *View) []Finding {
		return append(unreadableAnnotation(p), oversizedAnnotation(p)...)
	},
}

var (
	unreadableAnnotation = faultCheck("",
		"write the networks as namespace/name, separated by commas (one network in "+multus.DefaultNetworkAnnotation+
			", or no such annotation), or as a JSON list:\n"+
			`  '[{"name":"macvlan-overlay-vlan0","namespace":"kube-system"}]'`,
		multus.ProblemSyntax, multus.ProblemName)
	oversizedAnnotation = faultCheck("", "name fewer networks, or say less about each", ProblemTooLarge)
)
