package policy

import "github.com/macvlan-webhook/macvlan-webhook/policy/multus"

// A pod has one first interface, so the default-network annotation names
// exactly one network. Multus refuses two, and crashes on an empty JSON list.
var ruleDefaultNetworkCount = Rule{
	ID:      "default-network-count",
	Title:   "The default-network annotation does not name exactly one network",
	Group:   groupMultus,
	Default: Deny,
	Since:   "v0.1.0",
	Doc: "`v1.multus-cni.io/default-network` says which network the pod's first interface (eth0) is on. Multus refuses more than " +
		"one, and fails on an empty JSON list. Further networks belong into `k8s.v1.cni.cncf.io/networks`.",
	Remedy: "Leave one network in `v1.multus-cni.io/default-network` and list the others in `k8s.v1.cni.cncf.io/networks`.",
	Wrong:  "v1.multus-cni.io/default-network: kube-system/macvlan-standalone-vlan100,kube-system/macvlan-standalone-vlan200\n",
	Right: "v1.multus-cni.io/default-network: kube-system/macvlan-standalone-vlan100\n" +
		"k8s.v1.cni.cncf.io/networks: kube-system/macvlan-standalone-vlan200\n",
	check: faultCheck("",
		"leave one network in "+multus.DefaultNetworkAnnotation+" and list the others in "+multus.NetworksAnnotation,
		multus.ProblemCount),
}
