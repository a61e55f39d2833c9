package nad

import (
	"fmt"

	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// maxLinkName is how long the name of a link can be: IFNAMSIZ of Linux is 16 bytes,
// with the zero at the end.
const maxLinkName = 15

var ruleNADMasterNameTooLong = Rule{
	ID:      "nad-master-name-too-long",
	Default: verdict.Deny,
	Check: func(n *view) []verdict.Finding {
		m := n.compiled.Macvlan
		if m == nil || len(m.Master) <= maxLinkName {
			return nil
		}
		remedy := "name the link as the nodes do; a VLAN on a link with a long name needs a shorter one, such as vlan1000"
		if n.compiled.MakesMaster() {
			remedy = "the plugin ifacer makes this link and names it so: create it on the nodes under a shorter name instead, such as vlan1000, " +
				"name that as the master, and leave the VLAN out"
		}
		return n.at("master", fmt.Sprintf("master %s has %d bytes; accepted: the name of a link, up to %d bytes", quote.Value(m.Master), len(m.Master), maxLinkName),
			remedy)
	},
}
