package nad

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// A warning, not a denial: copies of a network in several namespaces, and a
// standalone and an overlay network on one link, are made on purpose, and it goes well
// as long as their pods do not run at the same time or on different nodes' links.
var ruleNADAddressOverlap = Rule{
	ID:      "nad-address-overlap",
	Default: verdict.Warn,
	Check: func(n *view) []verdict.Finding {
		set := n.compiled.AddressSet()
		if set.Empty() {
			return nil
		}
		type overlap struct {
			network     object.Reference
			first, last netip.Addr
		}
		var found []overlap
		for other := range n.neighbours {
			if first, last, ok := set.Overlap(other); ok {
				found = append(found, overlap{object.Reference{Namespace: other.Namespace, Name: other.Name}, first, last})
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
