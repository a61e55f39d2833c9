package policy

import "github.com/macvlan-webhook/macvlan-webhook/policy/multus"

// Multus reads both annotations with one grammar: a comma list of
// namespace/name@interface, or a JSON list of objects. What it cannot read
// keeps the pod in ContainerCreating.
var ruleNetworkAnnotationInvalid = Rule{
	ID:      "network-annotation-invalid",
	Title:   "A network annotation cannot be read",
	Group:   groupMultus,
	Default: Deny,
	Since:   "v0.1.0",
	Doc: "Multus reads `v1.multus-cni.io/default-network` and `k8s.v1.cni.cncf.io/networks` as a comma list of " +
		"`namespace/name@interface` (namespace and interface may be left out) or, when the text has a `[`, `{` or `\"` in it, as a " +
		"JSON list of objects with at least a `name`. An annotation it cannot read, an element without a name, `null` as an " +
		"element, and names that no Kubernetes object can have all end with a pod that never starts.\n\n" +
		"In the comma form names are made of lower-case letters, digits and `-`; a network whose name has a dot can be " +
		"named in the JSON form only. An empty networks annotation is read as none; an empty default-network is an error.\n\n" +
		"An annotation of more than 64 KiB or 128 networks is not judged but refused: no pod needs it, and each network costs a look-up.",
	Remedy: "Write `namespace/name`, several of them separated by commas, or a JSON list such as " +
		"`[{\"name\":\"macvlan-overlay-vlan0\",\"namespace\":\"kube-system\"}]`.",
	Wrong: "k8s.v1.cni.cncf.io/networks: '{\"name\":\"macvlan-overlay-vlan0\"}'\n",
	Right: "k8s.v1.cni.cncf.io/networks: '[{\"name\":\"macvlan-overlay-vlan0\",\"namespace\":\"kube-system\"}]'\n",
	check: func(p *Pod) []Finding {
		return append(unreadableAnnotation(p), oversizedAnnotation(p)...)
	},
}

var (
	unreadableAnnotation = faultCheck("",
		"write the networks as namespace/name, separated by commas (one network in "+multus.DefaultNetworkAnnotation+
			", or no such annotation), or as a JSON list:\n"+
			`  '[{"name":"macvlan-overlay-vlan0","namespace":"kube-system"}]'`,
		multus.ProblemSyntax, multus.ProblemName)
	oversizedAnnotation = faultCheck("", "name fewer networks, or say less about each", problemTooLarge)
)
