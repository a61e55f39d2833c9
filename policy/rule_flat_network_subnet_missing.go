package policy

import "github.com/macvlan-webhook/macvlan-webhook/policy/flatnetwork"

// Both generations look for the subnet before anything else.
var ruleFlatNetworkSubnetMissing = Rule{
	ID:      "flat-network-subnet-missing",
	Title:   "A pod asks the flat network for addresses and names no subnet",
	Group:   groupFlat,
	Default: Deny,
	Since:   "v0.1.0",
	Doc: "The annotations `ip` and `mac` are addresses of the subnet that the annotation `subnet` names. A pod without it is none of the flat network's " +
		"for its controller, and its interface waits for an address that never comes.",
	Remedy: "Name the subnet.",
	Wrong: "k8s.v1.cni.cncf.io/networks: '[{\"name\":\"rancher-flat-network\",\"interface\":\"eth1\"}]'\n" +
		"flatnetwork.pandaria.io/ip: 10.30.0.21\n",
	Right: "k8s.v1.cni.cncf.io/networks: '[{\"name\":\"rancher-flat-network\",\"interface\":\"eth1\"}]'\n" +
		"flatnetwork.pandaria.io/ip: 10.30.0.21\nflatnetwork.pandaria.io/subnet: vlan300\n",
	check: flatFaultCheck(flatnetwork.ProblemNoSubnet),
}
