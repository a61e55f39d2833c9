package nad

import (
	"fmt"
	"slices"
	"strings"

	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// namedNodes is how many nodes a message names: enough to look at one.
const namedNodes = 3

// What nodes say is seconds old, a link may be about to be made, and pods may be kept
// to the nodes that have it: all that is for people to judge.
var ruleMasterMissingOnNodes = Rule{
	ID:      "master-missing-on-nodes",
	Default: verdict.Warn,
	Check: func(n *view) []verdict.Finding {
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
			rest = " (1 more does not report)"
		case unknown > 1:
			rest = fmt.Sprintf(" (%d more do not report)", unknown)
		}
		// A warning is cut at its end: the nodes stand before what that means.
		var found []verdict.Finding
		say := func(nodes []*Node, fact, meaning, remedy string) {
			if len(nodes) == 0 {
				return
			}
			found = append(found, n.at("master", "the nodes report that "+fact+": "+nameNodes(nodes, m.Master)+rest+"; "+meaning+" there",
				remedy+"; this shows the links of a node:\n  kubectl get node NAME -o jsonpath='{.metadata.annotations.macvlan-webhook\\.io/links}'")...)
		}
		master := quote.Value(m.Master)
		if len(missing) == telling {
			say(missing, fmt.Sprintf("none of %d has a link %s", telling, master), "pods fail", "name a link that the nodes have, or create this one there")
		} else {
			verb := "have"
			if len(missing) == 1 {
				verb = "has"
			}
			say(missing, fmt.Sprintf("%d of %d %s no link %s", len(missing), telling, verb, master), "pods fail",
				"create the link there, name one that every node has, or restrict the pods to nodes that have it")
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
