package nad

import (
	"fmt"
	"slices"
	"strings"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// drivers/net/macvlan.c: a link with an interface in mode passthru takes no other.
var ruleNADPassthruShared = Rule{
	ID:      "nad-passthru-shared",
	Default: verdict.Warn,
	Check: func(n *view) []verdict.Finding {
		m := n.macvlan()
		if m == nil {
			return nil
		}
		const remedy = "use mode bridge, or give each network a master of its own and make sure that its pods run on different nodes"
		alone := m.Mode == cniconf.ModePassthru
		var others []string
		for other := range n.neighbours {
			if alone || other.Macvlan.Mode == cniconf.ModePassthru {
				others = append(others, other.Namespace+"/"+other.Name)
			}
		}
		if len(others) > 0 {
			first := quote.Value(slices.Min(others))
			message := "network " + first + " has the same master, which "
			if more := len(others) - 1; more > 0 {
				message = fmt.Sprintf("network %s and %d more have the same master, which ", first, more)
			}
			taker := "this one takes exclusively"
			if !alone {
				taker = "one of them takes exclusively"
			}
			return n.at("mode", message+taker+" (mode passthru): the second pod on a node fails", remedy)
		}
		// To ask means to list all pods, which is too much for a change of the MTU.
		if !alone || n.facts.Users == nil || n.takesAsBefore(m) {
			return nil
		}
		users := n.facts.Users()
		if users.Pods+users.Workloads < 2 {
			return nil
		}
		return n.at("mode", fmt.Sprintf("%s use this network (%s), and each takes the master exclusively (mode passthru): the second pod on a node fails",
			users.count(), strings.Join(users.Names, ", ")), remedy)
	},
}

// takesAsBefore says whether an update leaves the network with the master that it had,
// in the mode that it had.
func (n *view) takesAsBefore(m *cniconf.Macvlan) bool {
	if n.old == nil || n.old.Macvlan == nil {
		return false
	}
	was := n.old.Macvlan
	return was.Mode == m.Mode && was.Master == m.Master && was.LinkInContainer == m.LinkInContainer
}
