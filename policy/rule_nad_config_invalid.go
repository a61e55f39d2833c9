package policy

import "cmp"

// The same as network-config-unusable says of pods, to whoever writes the network.
var ruleNADConfigInvalid = Rule{
	ID:      "nad-config-invalid",
	Title:   "The configuration of a network cannot be read",
	Group:   groupNetworks,
	Default: Deny,
	Since:   "v0.1.0",
	Doc: "`spec.config` of a NetworkAttachmentDefinition is a CNI configuration in JSON: one plugin with a `type`, or a list of `plugins`. Kubernetes " +
		"stores any text, and every pod that uses the network fails. Judged is what Multus and libcni read, the addresses of host-local and static, and the fields of " +
		"Spiderpool's IPAM and coordinator. An empty configuration is fine: Multus then reads a file of that name on the node.",
	Remedy: "Correct the configuration at the place that is named.",
	Wrong: "metadata: {name: vlan100}\nspec:\n" +
		"  config: '{\"cniVersion\": \"0.3.1\", \"plugins\": [{\"type\": \"macvlan\", \"master\": \"bond0.100\"},]}'\n",
	Right: "metadata: {name: vlan100}\nspec:\n" +
		"  config: '{\"cniVersion\": \"0.3.1\", \"plugins\": [{\"type\": \"macvlan\", \"master\": \"bond0.100\"}]}'\n",
	checkNetwork: func(n *network) []Finding {
		const remedy = "correct spec.config: it is a CNI configuration in JSON, with a \"type\" or a list of \"plugins\""
		why := cmp.Or(n.compiled.Unusable, n.compiled.IPAM.Fault())
		if why == "" {
			return nil
		}
		at := n.compiled.LocateUnusable(n.source.Config)
		if n.compiled.Unusable == "" {
			at = n.compiled.Locate(n.source.Config, "ipam")
		}
		return atConfig(at, "no pod can use this network: "+why, remedy)
	},
}
