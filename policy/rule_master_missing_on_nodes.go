package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/macvlan-webhook/macvlan-webhook/policy/quote"
)

// namedNodes is how many nodes a message names: enough to look at one.
const namedNodes = 3

// What nodes say is seconds old, a link may be about to be made, and pods may be kept
// to the nodes that have it: all that is for people to judge.
var ruleMasterMissingOnNodes = Rule{
	ID:      "master-missing-on-nodes",
	Title:   "Nodes do not have the master of a network, or cannot use it",
	Group:   groupNetworks,
	Default: Warn,
	Since:   "v0.1.0",
	Doc: "A pod's interface is made on the link of the node that `master` names, by its name or an alternative one. Where there is none, pods fail on that node; so they do where it is a port of a bond, " +
		"bridge or team, and on a wireless link they get no answers. This is said as far as nodes say what links they have, in the annotation `macvlan-webhook.io/links` of their Node, which `macvlan-installer` writes if it is told to " +
		"(docs/installer.md), and if the webhook reads it (`--node-facts`). Nothing is said of nodes without it, nor, when a node has more links than are listed, of one that is not listed, nor of networks without a master or " +
		"with one that Spiderpool's ifacer makes.",
	Remedy: "Name a link that every node has, make it on the nodes that lack it, or keep the network's pods to those that have it.",
	Wrong:  "metadata: {name: storage}\nspec:\n  config: '{\"cniVersion\": \"0.3.1\", \"type\": \"macvlan\", \"master\": \"ens1f0\"}' # a port of bond0\n",
	Right:  "metadata: {name: storage}\nspec:\n  config: '{\"cniVersion\": \"0.3.1\", \"type\": \"macvlan\", \"master\": \"bond0\"}'\n",
	checkNetwork: func(n *network) []Finding {
		m := n.macvlan()
		if m == nil || m.Master == "" || m.LinkInContainer || n.compiled.MakesMaster() || n.facts.Nodes == nil {
			return nil
		}
		var missing, wireless, ports []*Node
		unknown, total := 0, 0
		for node := range n.facts.Nodes {
			total++
			switch found, _ := node.find(m.Master); found {
			case masterUnknown:
				unknown++
			case masterMissing:
				missing = append(missing, node)
			case masterWireless:
				wireless = append(wireless, node)
			case masterPort:
				ports = append(ports, node)
			}
		}
		telling := total - unknown
		rest := ""
		switch {
		case unknown == 1:
			rest = " (1 more does not say)"
		case unknown > 1:
			rest = fmt.Sprintf(" (%d more do not say)", unknown)
		}
		// A warning is cut at its end: the nodes stand before what that means.
		var found []Finding
		say := func(nodes []*Node, fact, meaning, remedy string) {
			if len(nodes) == 0 {
				return
			}
			found = append(found, n.at("master", "as the nodes say, "+fact+": "+nameNodes(nodes, m.Master)+rest+"; "+meaning+" there",
				remedy+"; what links a node has:\n  kubectl get node NAME -o jsonpath='{.metadata.annotations.macvlan-webhook\\.io/links}'")...)
		}
		master := quote.Value(m.Master)
		if len(missing) == telling {
			say(missing, fmt.Sprintf("none of %d has a link %s", telling, master), "pods fail", "name a link that the nodes have, or make this one there")
		} else {
			verb := "have"
			if len(missing) == 1 {
				verb = "has"
			}
			say(missing, fmt.Sprintf("%d of %d %s no link %s", len(missing), telling, verb, master), "pods fail",
				"make the link there, name one that every node has, or keep the pods to nodes that have it")
		}
		say(ports, fmt.Sprintf("%s is a port on %d of %d", master, len(ports), telling), "pods fail", "name the link that it is a port of")
		say(wireless, fmt.Sprintf("%s is wireless on %d of %d", master, len(wireless), telling), "macvlan does not work", "name a wired link")
		return found
	},
}

// nameNodes names the first nodes, those whose link is a port with what it belongs to.
func nameNodes(nodes []*Node, master string) string {
	slices.SortFunc(nodes, compareNodes)
	var names []string
	for _, node := range nodes[:min(len(nodes), namedNodes)] {
		name := quote.Value(node.Name)
		if _, memberOf := node.find(master); memberOf != "" {
			name += " (of " + quote.Value(memberOf) + ")"
		}
		names = append(names, name)
	}
	text := strings.Join(names, ", ")
	if more := len(nodes) - namedNodes; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
