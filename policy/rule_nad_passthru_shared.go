package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/macvlan-webhook/macvlan-webhook/policy/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/quote"
)

// drivers/net/macvlan.c: a link with an interface in mode passthru takes no other.
var ruleNADPassthruShared = Rule{
	ID:      "nad-passthru-shared",
	Title:   "Pods share a master that one of them takes for itself",
	Group:   groupNetworks,
	Default: Warn,
	Since:   "v0.1.0",
	Doc: "In the mode passthru an interface takes its master for itself. The next pod on that node fails, be it of the same network or of another one on that master, and whichever comes second. Said is that when another " +
		"network has the same master, or when more than one pod uses the network already, which is looked for when it is made or gets another mode or master. It goes well where the pods run on different nodes.",
	Remedy: "Use mode bridge, or give each network a master of its own and see to it that its pods run on different nodes.",
	Wrong:  "metadata: {name: vlan200-alone}\nspec:\n  config: '{\"cniVersion\": \"0.3.1\", \"type\": \"macvlan\", \"master\": \"bond0.200\", \"mode\": \"passthru\"}'\n",
	Right:  "metadata: {name: vlan200-shared}\nspec:\n  config: '{\"cniVersion\": \"0.3.1\", \"type\": \"macvlan\", \"master\": \"bond0.200\", \"mode\": \"bridge\"}'\n",
	checkNetwork: func(n *network) []Finding {
		m := n.macvlan()
		if m == nil {
			return nil
		}
		const remedy = "use mode bridge, or give each network a master of its own and see to it that its pods run on different nodes"
		alone := m.Mode == cniconf.ModePassthru
		var others []string
		for other := range n.neighbours {
			if alone || other.Macvlan.Mode == cniconf.ModePassthru {
				others = append(others, other.Namespace+"/"+other.Name)
			}
		}
		if len(others) > 0 {
			first := quote.Value(slices.Min(others))
			message := "network " + first + " has the same master"
			if more := len(others) - 1; more > 0 {
				message = fmt.Sprintf("network %s and %d more have the same master", first, more)
			}
			taker := "this one takes it for itself"
			if !alone {
				taker = "one of them takes it for itself"
			}
			return n.at("mode", message+", and "+taker+" (mode passthru): the second pod on a node fails", remedy)
		}
		// To ask means to list all pods, which is too much for a change of the MTU.
		if !alone || n.facts.Users == nil || n.takesAsBefore(m) {
			return nil
		}
		users := n.facts.Users()
		if users.Pods+users.Workloads < 2 {
			return nil
		}
		return n.at("mode", fmt.Sprintf("%s use this network (%s), and each takes the master for itself (mode passthru): the second pod on a node fails",
			users.count(), strings.Join(users.Names, ", ")), remedy)
	},
}

// takesAsBefore says whether an update leaves the network with the master that it had,
// in the mode that it had.
func (n *network) takesAsBefore(m *cniconf.Macvlan) bool {
	if n.old == nil || n.old.Macvlan == nil {
		return false
	}
	was := n.old.Macvlan
	return was.Mode == m.Mode && was.Master == m.Master && was.LinkInContainer == m.LinkInContainer
}
