package rules

import (
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/multus"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// Multus reads both annotations with one grammar: a comma list of
// namespace/name@interface, or a JSON list of objects. What it cannot read
// keeps the pod in ContainerCreating.
var ruleNetworkAnnotationInvalid = pod.Rule{
	ID:      "network-annotation-invalid",
	Default: verdict.Deny,
	Check: func(p *pod.View) []verdict.Finding {
		return append(unreadableAnnotation(p), oversizedAnnotation(p)...)
	},
}

var (
	unreadableAnnotation = faultCheck("",
		"write the networks as namespace/name, separated by commas (one network in "+multus.DefaultNetworkAnnotation+
			", or no such annotation), or as a JSON list:\n"+
			`  '[{"name":"macvlan-overlay-vlan0","namespace":"kube-system"}]'`,
		multus.ProblemSyntax, multus.ProblemName)
	oversizedAnnotation = faultCheck("", "name fewer networks, or write less for each", pod.ProblemTooLarge)
)
