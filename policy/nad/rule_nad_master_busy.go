package nad

import (
	"fmt"
	"slices"

	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// netdev_rx_handler_register of the kernel: a link carries macvlan or ipvlan. On which nodes
// their pods run, and when, nobody knows here.
var ruleNADMasterBusy = Rule{
	ID:      "nad-master-busy",
	Default: verdict.Warn,
	Check: func(n *view) []verdict.Finding {
		master, ok := n.compiled.Master()
		if !ok || n.facts.Networks == nil {
			return nil
		}
		var others []string
		for other := range n.facts.Networks {
			reference := object.Reference{Namespace: other.Namespace, Name: other.Name}
			if theirs, ok := other.Master(); ok && theirs.Link == master.Link && theirs.Kind != master.Kind && reference != n.Reference() {
				others = append(others, reference.String())
			}
		}
		if len(others) == 0 {
			return nil
		}
		message := "network " + quote.Value(slices.Min(others))
		if more := len(others) - 1; more > 0 {
			message += fmt.Sprintf(" and %d more", more)
		}
		return n.at("master", message+" on the same master and this one are of the types macvlan and ipvlan, and a link carries one of them: the second pod on a node fails",
			"use one type on a master, or a master of its own, such as a VLAN, for each")
	},
}
