package nad

import (
	"fmt"
	"strings"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// Running pods keep what they have: Multus notes on the node with which configuration
// it made an interface.
var ruleNADInUse = Rule{
	ID:      "nad-in-use",
	Default: verdict.Warn,
	Check: func(n *view) []verdict.Finding {
		f := verdict.Finding{
			Place: object.AtField("metadata.name"), Message: ": running pods keep their interfaces, but cannot be recreated once the network is gone",
			Remedy: "move the workloads to another network first, and delete this one when no pod uses it",
		}
		if !n.Deleted {
			change := n.change()
			if change == "" {
				return nil
			}
			f = atConfig(n.compiled.Locate(n.source.Config, "type"), "; the network "+change+": running pods keep what they have, new ones get something else",
				"create a new network with another name, and move the workloads to it")[0]
		}
		if n.facts.Users == nil {
			return nil
		}
		users := n.facts.Users()
		switch found := users.Pods + users.Workloads; {
		case users.Err != nil:
			f.Softened = true
			f.Message = fmt.Sprintf("could not find out whether pods use this network (%v)", users.Err) + f.Message
		case found == 0 && users.Incomplete:
			f.Softened = true
			f.Message = "not enough time to find out whether pods use this network" + f.Message
		case found == 0:
			return nil
		default:
			f.Message = fmt.Sprintf("used by %s (%s)", users.count(), users.named()) + f.Message
		}
		return []verdict.Finding{f}
	},
}

// change says what becomes of the network in an update that its pods feel, as a clause
// about it, or nothing.
func (n *view) change() string {
	if n.old == nil {
		return ""
	}
	// Where either cannot be used, nothing is known of it, nor of a file on the node.
	before, after := makes(n.old), makes(n.compiled)
	if before == "" || after == "" || n.old.OnNode && n.compiled.OnNode {
		return ""
	}
	if before != after {
		return fmt.Sprintf("changes from %s to %s", before, after)
	}
	was, _ := n.old.Role(n.mode)
	is, _ := n.compiled.Role(n.mode)
	if was != is {
		return fmt.Sprintf("changes from %s to %s", was, is)
	}
	return ""
}

// makes says in words what makes the interfaces of a network; nothing where nothing
// can.
func makes(n *cniconf.Network) string {
	switch {
	case n.OnNode:
		return "a file on the node"
	case n.Main() == "":
		return ""
	default:
		return quote.Value(n.Main())
	}
}

// count is how many users there are, in words.
func (u *Users) count() string {
	var parts []string
	for _, p := range []struct {
		n    int
		noun string
	}{{u.Pods, "pod"}, {u.Workloads, "workload"}} {
		switch {
		case p.n == 1:
			parts = append(parts, "1 "+p.noun)
		case p.n > 1:
			parts = append(parts, fmt.Sprintf("%d %ss", p.n, p.noun))
		}
	}
	text := strings.Join(parts, " and ")
	if u.Incomplete {
		return "at least " + text
	}
	return text
}

// named lists some of the users.
func (u *Users) named() string {
	text := strings.Join(u.Names, ", ")
	if u.Pods+u.Workloads > len(u.Names) {
		text += " and others"
	}
	return text
}
