package policy

import (
	"fmt"

	"github.com/macvlan-webhook/macvlan-webhook/policy/quote"
)

// maxLinkName is how long the name of a link can be: IFNAMSIZ of Linux is 16 bytes,
// with the zero at the end.
const maxLinkName = 15

var ruleNADMasterNameTooLong = Rule{
	ID:      "nad-master-name-too-long",
	Title:   "The name of a master is longer than any link's",
	Group:   groupNetworks,
	Default: Deny,
	Since:   "v0.1.0",
	Doc: "The name of a link has up to 15 bytes in Linux. That is easily exceeded by a VLAN on a link with a long name: `enp129s0f1np1` is a link, but " +
		"`enp129s0f1np1.1000` cannot be made. A longer name finds a link only where every node has it as an alternative name (`ip link property add dev LINK altname NAME`): " +
		"a cluster that does so sets `rules: {nad-master-name-too-long: warn}` in PolicyConfig.",
	Remedy: "Name the link as the nodes do, or give the VLAN a shorter name there.",
	Wrong:  "metadata: {name: vlan1000}\nspec:\n  config: '{\"cniVersion\": \"0.3.1\", \"type\": \"macvlan\", \"master\": \"enp129s0f1np1.1000\"}'\n",
	Right:  "metadata: {name: vlan1000}\nspec:\n  config: '{\"cniVersion\": \"0.3.1\", \"type\": \"macvlan\", \"master\": \"lan0.1000\"}'\n",
	checkNetwork: func(n *network) []Finding {
		m := n.compiled.Macvlan
		if m == nil || len(m.Master) <= maxLinkName {
			return nil
		}
		return n.at("master", fmt.Sprintf("master %s has %d bytes; accepted: the name of a link, up to %d bytes", quote.Value(m.Master), len(m.Master), maxLinkName),
			"name the link as the nodes do; a VLAN on a link with a long name needs a shorter one, such as vlan1000")
	},
}
