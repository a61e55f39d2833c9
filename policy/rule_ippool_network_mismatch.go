package policy

import "github.com/macvlan-webhook/macvlan-webhook/policy/spiderpool"

// The list of networks of a pool binds it (selectByPod in Spiderpool's
// pkg/ipam/allocate.go).
var ruleIPPoolNetworkMismatch = Rule{
	ID:      "ippool-network-mismatch",
	Title:   "A pool is for other networks",
	Group:   groupSpiderpool,
	Default: Deny,
	Since:   "v0.1.0",
	Doc: "`spec.multusName` of a SpiderIPPool lists the networks that it serves. An entry without a namespace is in Spiderpool's own namespace, not in the " +
		"pod's. Likewise Spiderpool looks a default-network without a namespace up in its own." + leftOut,
	Remedy: "Name a pool of the interface's network, or have the network added to `spec.multusName` of the pool.",
	Wrong: "k8s.v1.cni.cncf.io/networks: kube-system/vlan100\n" +
		"ipam.spidernet.io/ippool: '{\"ipv4\":[\"vlan200-v4\"]}'\n",
	Right: "k8s.v1.cni.cncf.io/networks: kube-system/vlan100\n" +
		"ipam.spidernet.io/ippool: '{\"ipv4\":[\"vlan100-v4\"]}'\n",

	restsOn: onNetworks | onPools,
	check:   misfitCheck(spiderpool.MisfitNetwork),
}
