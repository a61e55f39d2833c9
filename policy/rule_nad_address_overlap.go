package policy

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/macvlan-webhook/macvlan-webhook/policy/quote"
)

// A warning, not a denial: copies of a network in several namespaces, and a
// standalone and an overlay network on one link, are made on purpose, and it goes well
// as long as their pods do not run at the same time or on different nodes' links.
var ruleNADAddressOverlap = Rule{
	ID:      "nad-address-overlap",
	Title:   "Two networks on one link hand out the same addresses",
	Group:   groupNetworks,
	Default: Warn,
	Since:   "v0.1.0",
	Doc: "host-local and static know nothing of other networks. When the ranges or addresses of two networks on the same master overlap, two pods can get one address, and neither works reliably. " +
		"Networks of host-local whose configurations have the same `name` (and `dataDir`) share what is noted on a node: there they are not compared.",
	Remedy: "Give each network a range of its own, or the same `name` in both configurations of host-local.",
	Wrong: "metadata: {name: macvlan1}\nspec:\n" +
		"  config: '{\"cniVersion\": \"0.3.1\", \"type\": \"macvlan\", \"master\": \"eth0\", \"ipam\": {\"type\": \"static\", \"addresses\": [{\"address\": \"172.16.123.150/16\"}]}}'\n",
	Right: "metadata: {name: macvlan1}\nspec:\n" +
		"  config: '{\"cniVersion\": \"0.3.1\", \"type\": \"macvlan\", \"master\": \"eth0\", \"ipam\": {\"type\": \"static\", \"addresses\": [{\"address\": \"172.16.123.50/16\"}]}}'\n",
	checkNetwork: func(n *network) []Finding {
		set := n.compiled.AddressSet()
		if set.Empty() {
			return nil
		}
		type overlap struct {
			network     Reference
			first, last netip.Addr
		}
		var found []overlap
		for other := range n.neighbours {
			if first, last, ok := set.Overlap(other); ok {
				found = append(found, overlap{Reference{other.Namespace, other.Name}, first, last})
			}
		}
		if len(found) == 0 {
			return nil
		}
		one := slices.MinFunc(found, func(a, b overlap) int {
			return cmp.Or(strings.Compare(a.network.Namespace, b.network.Namespace), strings.Compare(a.network.Name, b.network.Name))
		})
		addresses := one.first.String()
		if one.first != one.last {
			addresses += "-" + one.last.String()
		}
		message := fmt.Sprintf("network %s on the same master hands out %s too", quote.Value(one.network.String()), addresses)
		if more := len(found) - 1; more > 0 {
			message += fmt.Sprintf(", and %d more overlap with this one", more)
		}
		return n.at("ipam", message, "give each network a range of its own")
	},
}
