package nad

import (
	"slices"
	"strings"
	"unique"

	"github.com/macvlan-webhook/macvlan-webhook/policy/links"
)

// Node is what rules read of a node: which names of masters mean a link there. It is
// not changed once made. A cluster has thousands of them, most with the same names,
// so no more is kept than that, and each name once.
type Node struct {
	Name string
	// ContainerRuntime is the program that starts its containers, such as containerd; empty
	// where it is not known.
	ContainerRuntime string

	// silent says that nothing is known of the node: nobody has published its links,
	// or what was published cannot be read.
	silent bool
	// cut says that the node has more links than there was room for.
	cut bool
	// usable are the names and further names of links that can be masters, sorted.
	usable []string
	// barred are those of links that cannot.
	barred []barredLink
}

// barredLink is a name of a link on which no macvlan works: a wireless one, or the port
// of another.
type barredLink struct{ name, memberOf string }

// CompileNode reads the annotation [links.Annotation] of a Node.
func CompileNode(name string, annotations map[string]string) *Node {
	n := &Node{Name: name}
	value, said := annotations[links.Annotation]
	published, err := links.Parse(value)
	if !said || err != nil {
		n.silent = true
		return n
	}
	n.cut = published.Omitted > 0
	for _, link := range published.Links {
		for _, name := range append([]string{link.Name}, link.AltNames...) {
			name = unique.Make(name).Value()
			if link.Wireless || link.MemberOf != "" {
				n.barred = append(n.barred, barredLink{name, unique.Make(link.MemberOf).Value()})
			} else {
				n.usable = append(n.usable, name)
			}
		}
	}
	slices.Sort(n.usable)
	n.usable = slices.Clip(n.usable)
	return n
}

// masterState is what a name is on a node, for a network that names it as its master.
type masterState int

const (
	masterUnknown masterState = iota
	masterUsable
	masterMissing
	masterWireless
	masterPort
)

// find says what the node knows by a name, and for a port of what it is one.
func (n *Node) find(name string) (m masterState, memberOf string) {
	if _, usable := slices.BinarySearch(n.usable, name); usable {
		return masterUsable, ""
	}
	for _, b := range n.barred {
		switch {
		case b.name != name:
		case b.memberOf != "":
			return masterPort, b.memberOf
		default:
			return masterWireless, ""
		}
	}
	if n.silent || n.cut {
		return masterUnknown, ""
	}
	return masterMissing, ""
}

// compareNodes sorts nodes by name.
func compareNodes(a, b *Node) int { return strings.Compare(a.Name, b.Name) }
