package policy

import (
	"fmt"

	"github.com/macvlan-webhook/macvlan-webhook/policy/quote"
)

// macvlan passes over keys that it does not know.
var ruleNADVLANWithoutEffect = Rule{
	ID:      "nad-vlan-without-effect",
	Title:   "The macvlan plugin ignores the VLAN in the configuration",
	Group:   groupNetworks,
	Default: Warn,
	Since:   "v0.1.0",
	Doc: "The macvlan plugin has no key for a VLAN and says nothing about one. Pods get an interface on the master as it is: untagged, or in the VLAN of the master, " +
		"and not in the one that the configuration names.",
	Remedy: "Make a VLAN link on the nodes and name it as master, as in `\"master\": \"bond0.100\"`.",
	Wrong:  "metadata: {name: vlan100}\nspec:\n  config: '{\"cniVersion\": \"0.3.1\", \"type\": \"macvlan\", \"master\": \"bond0\", \"vlan\": 100}'\n",
	Right:  "metadata: {name: vlan100}\nspec:\n  config: '{\"cniVersion\": \"0.3.1\", \"type\": \"macvlan\", \"master\": \"bond0.100\"}'\n",
	checkNetwork: func(n *network) []Finding {
		m := n.compiled.Macvlan
		if m == nil || m.VLANKey == "" {
			return nil
		}
		on := "the link with the node's default route"
		if m.Master != "" {
			on = "master " + quote.Value(m.Master)
		}
		return n.at(m.VLANKey, fmt.Sprintf("the macvlan plugin ignores the key %q: pods hang on %s as it is", m.VLANKey, on),
			fmt.Sprintf("name a VLAN link of the nodes as master, such as bond0.100, whose name may have up to %d bytes, and remove %q", maxLinkName, m.VLANKey))
	},
}
