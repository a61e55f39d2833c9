package policy

import "github.com/macvlan-webhook/macvlan-webhook/policy/spiderpool"

// Spiderpool passes such pools over (selectByPod in its pkg/ipam/allocate.go).
var ruleIPPoolDisabled = Rule{
	ID:      "ippool-disabled",
	Title:   "A pool is disabled or being deleted",
	Group:   groupSpiderpool,
	Default: Deny,
	Since:   "v0.1.0",
	Doc:     "A SpiderIPPool with `spec.disable: true`, or one that is being deleted, gives no new addresses." + leftOut,
	Remedy:  "Name a pool that is in use.",
	Wrong: "k8s.v1.cni.cncf.io/networks: kube-system/vlan100\n" +
		"ipam.spidernet.io/ippool: '{\"ipv4\":[\"vlan100-v4-disabled\"]}'\n",
	Right: "k8s.v1.cni.cncf.io/networks: kube-system/vlan100\n" +
		"ipam.spidernet.io/ippool: '{\"ipv4\":[\"vlan100-v4\"]}'\n",

	restsOn: onNetworks | onPools,
	check:   misfitCheck(spiderpool.MisfitDisabled, spiderpool.MisfitTerminating),
}
