package policy

import "github.com/macvlan-webhook/macvlan-webhook/policy/multus"

// An interface name is checked by Multus, then by libcni, then by the kernel;
// each refuses names that the one before lets through.
var ruleInterfaceNameInvalid = Rule{
	ID:      "interface-name-invalid",
	Title:   "An interface name is one that the kernel refuses",
	Group:   groupMultus,
	Default: Deny,
	Since:   "v0.1.0",
	Doc: "The name after `@`, or the JSON field `interface`, becomes the name of a network interface. It has at most 15 bytes, no " +
		"white space, no `/`, `:` or `%`, and is none of `.`, `..`, `all` and `default`. Multus accepts some of these, " +
		"the CNI library and the kernel do not, and the pod never starts.",
	Remedy: "Use up to 15 letters, digits, `-`, `_` or `.`, or leave the name out: Multus then calls the interfaces net1, net2 and so on.",
	Wrong:  "k8s.v1.cni.cncf.io/networks: kube-system/macvlan-overlay-vlan0@production-storage\n",
	Right:  "k8s.v1.cni.cncf.io/networks: kube-system/macvlan-overlay-vlan0@net1\n",
	check: faultCheck("interface name",
		"choose a shorter, plain name such as net1, or leave it out: Multus then names the interfaces net1, net2 and so on",
		multus.ProblemInterface),
}
