package policy

import "github.com/macvlan-webhook/macvlan-webhook/policy/quote"

// What the macvlan plugin (containernetworking/plugins 1.9.1) refuses on every node.
// Whether an MTU fits the master is known on the nodes only.
var ruleNADMacvlanInvalid = Rule{
	ID:      "nad-macvlan-invalid",
	Title:   "The macvlan plugin refuses the configuration",
	Group:   groupNetworks,
	Default: Deny,
	Since:   "v0.1.0",
	Doc: "The macvlan plugin takes the modes bridge, private, vepa and passthru, an `mtu` from 0 (that of the master) up to that of the master, a `bcqueuelen` from 0 to 4294967295 " +
		"and as `mac` a unicast address. With anything else no pod gets an interface.",
	Remedy: "Write a value that the plugin takes, or leave the key out.",
	Wrong:  "metadata: {name: vlan100}\nspec:\n  config: '{\"cniVersion\": \"0.3.1\", \"type\": \"macvlan\", \"master\": \"bond0.100\", \"mode\": \"l2\"}'\n",
	Right:  "metadata: {name: vlan100}\nspec:\n  config: '{\"cniVersion\": \"0.3.1\", \"type\": \"macvlan\", \"master\": \"bond0.100\", \"mode\": \"bridge\"}'\n",
	checkNetwork: func(n *network) []Finding {
		m := n.compiled.Macvlan
		switch {
		case m == nil:
			return nil
		case n.compiled.MacvlanFault != "":
			return n.at(m.FaultKey(), "the macvlan plugin will fail for every pod: "+n.compiled.MacvlanFault,
				"correct it, or leave it out: without mode, mtu and bcqueuelen the plugin takes bridge, the MTU of the master and the length that the kernel chooses")
		case m.MACFault != "":
			return n.at("mac", "the macvlan plugin will fail for every pod that asks for no address of its own: mac "+quote.Value(m.MAC)+" "+m.MACFault,
				"leave mac out: each interface then gets an address of its own")
		default:
			return nil
		}
	},
}
