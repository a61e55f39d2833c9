package policy

import "github.com/macvlan-webhook/macvlan-webhook/policy/spiderpool"

// The pod's labels are matched when it starts (selectByPod in Spiderpool's
// pkg/ipam/allocate.go).
var ruleIPPoolPodMismatch = Rule{
	ID:      "ippool-pod-mismatch",
	Title:   "A pool is for other pods",
	Group:   groupSpiderpool,
	Default: Deny,
	Since:   "v0.1.0",
	Doc:     "`spec.podAffinity` of a SpiderIPPool selects the pods that it serves by labels. A pool that Spiderpool made for one workload serves the pods of that workload." + leftOut,
	Remedy:  "Name a pool without podAffinity, or give the pod the labels that the pool asks for.",
	Wrong: "k8s.v1.cni.cncf.io/networks: kube-system/vlan100\n" +
		"ipam.spidernet.io/ippool: '{\"ipv4\":[\"vlan100-v4-web-only\"]}'\n",
	Right: "k8s.v1.cni.cncf.io/networks: kube-system/vlan100\n" +
		"ipam.spidernet.io/ippool: '{\"ipv4\":[\"vlan100-v4\"]}'\n",

	restsOn: onNetworks | onPools,
	check:   misfitCheck(spiderpool.MisfitPod),
}
