package policy

import "github.com/macvlan-webhook/macvlan-webhook/policy/spiderpool"

// Names override the selector (selectByPod in Spiderpool's pkg/ipam/allocate.go).
var ruleIPPoolNamespaceMismatch = Rule{
	ID:      "ippool-namespace-mismatch",
	Title:   "A pool is for other namespaces",
	Group:   groupSpiderpool,
	Default: Deny,
	Since:   "v0.1.0",
	Doc:     "`spec.namespaceName` of a SpiderIPPool lists the namespaces that it serves; where that is empty, `spec.namespaceAffinity` selects them by labels." + leftOut,
	Remedy:  "Name a pool that serves the pod's namespace.",
	Wrong: "k8s.v1.cni.cncf.io/networks: kube-system/vlan100\n" +
		"ipam.spidernet.io/ippool: '{\"ipv4\":[\"vlan100-v4-team-z\"]}'\n",
	Right: "k8s.v1.cni.cncf.io/networks: kube-system/vlan100\n" +
		"ipam.spidernet.io/ippool: '{\"ipv4\":[\"vlan100-v4\"]}'\n",

	restsOn: onNetworks | onPools,
	check:   misfitCheck(spiderpool.MisfitNamespace),
}
