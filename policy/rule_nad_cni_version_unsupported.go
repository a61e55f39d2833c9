package policy

import "github.com/macvlan-webhook/macvlan-webhook/policy/cniconf"

var ruleNADCNIVersionUnsupported = Rule{
	ID:      "nad-cni-version-unsupported",
	Title:   "A plugin of the network refuses the CNI version",
	Group:   groupNetworks,
	Default: Deny,
	Since:   "v0.1.0",
	Doc: "Every plugin of a chain is called with the `cniVersion` of the configuration. Spiderpool's IPAM takes 0.3.0, 0.3.1, 0.4.0 and 1.0.0 only, and wants it to be named; " +
		"others refuse what is no released version of the specification. A macvlan network without IPAM needs 0.3.0 or later, and is called with 0.1.0 where no version is named.",
	Remedy: "Write `\"cniVersion\": \"0.3.1\"`, which all of them take.",
	Wrong:  "metadata: {name: vlan100}\nspec:\n  config: '{\"cniVersion\": \"1.1.0\", \"type\": \"macvlan\", \"master\": \"bond0.100\", \"ipam\": {\"type\": \"spiderpool\"}}'\n",
	Right:  "metadata: {name: vlan100}\nspec:\n  config: '{\"cniVersion\": \"0.3.1\", \"type\": \"macvlan\", \"master\": \"bond0.100\", \"ipam\": {\"type\": \"spiderpool\"}}'\n",
	checkNetwork: func(n *network) []Finding {
		why := n.compiled.CNIVersionFault
		if why == "" {
			return nil
		}
		return atConfig(cniconf.Locate(n.source.Config, "cniVersion"), "no pod can use this network: "+why, `write "cniVersion": "0.3.1"`)
	},
}
