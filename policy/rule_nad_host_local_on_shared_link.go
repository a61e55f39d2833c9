package policy

var ruleNADHostLocalOnSharedLink = Rule{
	ID:      "nad-host-local-on-shared-link",
	Title:   "Every node hands out the same addresses on a link that nodes share",
	Group:   groupNetworks,
	Default: Warn,
	Since:   "v0.1.0",
	Doc: "host-local notes the addresses in use on the node, and no node knows of the others. The pods of a macvlan network are all on one network, whichever node they run on: as soon as two nodes have pods, " +
		"these get the same addresses. It goes well where all pods of the network run on one node, or where each node's link leads to a network of its own.",
	Remedy: "Use an IPAM plugin that knows the whole cluster, such as Spiderpool or Whereabouts, or DHCP. Where all pods of the network run on one node, silence this rule in PolicyConfig: " +
		"`rules: {nad-host-local-on-shared-link: off}`.",
	Wrong: "metadata: {name: macvlan0}\nspec:\n" +
		"  config: '{\"cniVersion\": \"0.3.1\", \"type\": \"macvlan\", \"master\": \"eth0\", \"ipam\": {\"type\": \"host-local\", \"subnet\": \"172.30.0.0/16\"}}'\n",
	Right: "metadata: {name: macvlan0}\nspec:\n" +
		"  config: '{\"cniVersion\": \"0.3.1\", \"type\": \"macvlan\", \"master\": \"eth0\", \"ipam\": {\"type\": \"spiderpool\"}}'\n",
	checkNetwork: func(n *network) []Finding {
		m := n.macvlan()
		if m == nil || m.LinkInContainer || !n.compiled.IPAM.NodeLocal() || n.compiled.IPAM.Fault() != "" {
			return nil
		}
		return n.at("ipam", "host-local hands out the same addresses on every node: pods on two nodes get one address twice",
			"use an IPAM plugin that knows the whole cluster, such as spiderpool or whereabouts, unless all pods of the network run on one node")
	},
}
