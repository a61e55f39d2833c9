package nad

import (
	"github.com/macvlan-webhook/macvlan-webhook/policy/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// What the macvlan plugin (containernetworking/plugins 1.9.1) refuses on every node.
// Whether an MTU fits the master is known on the nodes only.
var ruleNADMacvlanInvalid = Rule{
	ID:      "nad-macvlan-invalid",
	Default: verdict.Deny,
	Check: func(n *view) []verdict.Finding {
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
