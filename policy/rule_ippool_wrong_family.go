package policy

import "github.com/macvlan-webhook/macvlan-webhook/policy/spiderpool"

// Spiderpool compares spec.ipVersion with the list (selectByPod in its
// pkg/ipam/allocate.go).
var ruleIPPoolWrongFamily = Rule{
	ID:      "ippool-wrong-family",
	Title:   "A pool is of the other IP version",
	Group:   groupSpiderpool,
	Default: Deny,
	Since:   "v0.1.0",
	Doc:     "An IPv6 pool in a list of IPv4 pools, or the other way round." + leftOut,
	Remedy:  "Put the pool into the list of its own IP version.",
	Wrong: "k8s.v1.cni.cncf.io/networks: kube-system/vlan100\n" +
		"ipam.spidernet.io/ippool: '{\"ipv4\":[\"vlan100-v6\"]}'\n",
	Right: "k8s.v1.cni.cncf.io/networks: kube-system/vlan100\n" +
		"ipam.spidernet.io/ippool: '{\"ipv6\":[\"vlan100-v6\"]}'\n",

	restsOn: onNetworks | onPools,
	check:   misfitCheck(spiderpool.MisfitFamily),
}
