package policy

import "github.com/macvlan-webhook/macvlan-webhook/policy/spiderpool"

// Spiderpool decodes the annotations without asking for known fields only
// (pkg/ipam/pool_selections.go).
var ruleIPPoolUnknownField = Rule{
	ID:      "ippool-unknown-field",
	Title:   "A pool annotation has a field that Spiderpool does not know",
	Group:   groupSpiderpool,
	Default: Warn,
	Since:   "v0.1.0",
	Doc: "Spiderpool passes over fields that it does not know, without a word: `ipv4pools` and `ipv6pools`, which were the names up to version " +
		"0.2, and `interface` and `cleangateway` in `ipam.spidernet.io/ippool`, which holds for all interfaces. The pod starts without what the field asks for.",
	Remedy: "Use the fields `ipv4` and `ipv6`; for one interface among several use `ipam.spidernet.io/ippools`.",
	Wrong: "k8s.v1.cni.cncf.io/networks: kube-system/vlan100\n" +
		"ipam.spidernet.io/ippool: '{\"ipv4\":[\"vlan100-v4\"],\"ipv6pools\":[\"vlan100-v6\"]}'\n",
	Right: "k8s.v1.cni.cncf.io/networks: kube-system/vlan100\n" +
		"ipam.spidernet.io/ippool: '{\"ipv4\":[\"vlan100-v4\"],\"ipv6\":[\"vlan100-v6\"]}'\n",

	check: spiderFaultCheck(false, "use a field that Spiderpool knows, or remove it",
		spiderpool.ProblemUnknownField, spiderpool.PoolAnnotation, spiderpool.PoolsAnnotation),
}
