package nad

import (
	"fmt"

	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// macvlan ignores keys that it does not know.
var ruleNADVLANWithoutEffect = Rule{
	ID:      "nad-vlan-without-effect",
	Default: verdict.Warn,
	Check: func(n *view) []verdict.Finding {
		m := n.compiled.Macvlan
		if m == nil || m.VLANKey == "" {
			return nil
		}
		on := "the link with the node's default route"
		if m.Master != "" {
			on = "master " + quote.Value(m.Master)
		}
		return n.at(m.VLANKey, fmt.Sprintf("the macvlan plugin ignores %q: pods are attached directly to %s", m.VLANKey, on),
			fmt.Sprintf("name a VLAN link of the nodes as master, such as bond0.100 (up to %d bytes), and remove %q", maxLinkName, m.VLANKey))
	},
}
