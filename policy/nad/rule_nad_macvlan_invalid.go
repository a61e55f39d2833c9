package nad

import (
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// What the macvlan plugin (containernetworking/plugins 1.10.0) refuses on every node.
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
			return n.at(m.FaultKey(), "the macvlan plugin fails for every pod: "+n.compiled.MacvlanFault,
				macvlanRemedy(m.FaultKey()))
		case m.MACFault != "":
			return n.at("mac", "the macvlan plugin fails for every pod that does not request its own address: mac "+quote.Value(m.MAC)+" "+m.MACFault,
				"remove mac: each interface then gets its own address")
		default:
			return nil
		}
	},
}

// macvlanRemedy says what the plugin takes without the key that is wrong.
func macvlanRemedy(key string) string {
	remedy := "correct the value, or remove it"
	switch key {
	case "mode":
		remedy = "set a valid mode, or remove it (default: bridge)"
	case "mtu":
		remedy = "set a valid mtu, or remove it (default: the MTU of the master)"
	case "bcqueuelen":
		remedy = "set a valid bcqueuelen, or remove it (default: the kernel's choice)"
	}
	return remedy
}
