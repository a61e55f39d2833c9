package policy

import "github.com/macvlan-webhook/macvlan-webhook/policy/flatnetwork"

// V1 pairs the lists by position, V2 counts them only; both want the same number.
var ruleAddressCountMismatch = Rule{
	ID:      "address-count-mismatch",
	Title:   "The lists of IP and MAC addresses have different lengths",
	Group:   groupAddresses,
	Default: Deny,
	Since:   "v0.1.0",
	Doc: "When both annotations of Rancher's flat network hold lists, they must have the same number of addresses. A list may stand beside `auto`. In V1 the " +
		"n-th IP address gets the n-th MAC address; V2 takes the first free one of either list, so that pairs do not stay together.",
	Remedy: "Write as many MAC addresses as IP addresses, or `auto` for one of the two.",
	Wrong: "k8s.v1.cni.cncf.io/networks: '[{\"name\":\"rancher-flat-network\",\"interface\":\"eth1\"}]'\n" +
		"flatnetwork.pandaria.io/subnet: vlan300\nflatnetwork.pandaria.io/ip: 10.30.0.21-10.30.0.22\nflatnetwork.pandaria.io/mac: 02:00:5e:00:00:01\n",
	Right: "k8s.v1.cni.cncf.io/networks: '[{\"name\":\"rancher-flat-network\",\"interface\":\"eth1\"}]'\n" +
		"flatnetwork.pandaria.io/subnet: vlan300\nflatnetwork.pandaria.io/ip: 10.30.0.21-10.30.0.22\nflatnetwork.pandaria.io/mac: 02:00:5e:00:00:01-02:00:5e:00:00:02\n",
	check: flatFaultCheck(flatnetwork.ProblemCount),
}
