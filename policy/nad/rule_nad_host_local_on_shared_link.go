package nad

import "github.com/macvlan-webhook/macvlan-webhook/policy/verdict"

var ruleNADHostLocalOnSharedLink = Rule{
	ID:      "nad-host-local-on-shared-link",
	Default: verdict.Warn,
	Check: func(n *view) []verdict.Finding {
		m := n.macvlan()
		if m == nil || m.LinkInContainer || !n.compiled.IPAM.NodeLocal() || n.compiled.IPAM.Fault() != "" || n.oneNode() {
			return nil
		}
		return n.at("ipam", "host-local hands out the same addresses on every node: pods on two nodes get the same address",
			"use an IPAM plugin that knows the whole cluster, such as spiderpool or whereabouts, unless all pods of the network run on one node")
	},
}
