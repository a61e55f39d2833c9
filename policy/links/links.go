// Package links is the format in which macvlan-installer publishes the network
// links of a node, as the annotation [Annotation] of its Node, and in which the
// rules read them: what the "master" of a macvlan network can be there.
//
// The value is compact JSON:
//
//	{"links":[{"name":"bond0","kind":"bond","mtu":9000,"up":true},
//	          {"name":"bond0.100","kind":"vlan","vlan":100,"parent":"bond0","mtu":1500,"up":true}]}
//
// Writer and reader need not be of the same version: fields and kinds may be
// added, and a reader ignores those that it does not know. The package is
// pure.
package links

// Annotation is the key on the Node.
const Annotation = "macvlan-webhook.io/links"

// Bounds of what is published and read. Every watcher of nodes gets the value with
// each change of a Node, and the annotations of an object have room for 256 KiB
// together. A VLAN takes about 85 bytes, so the first bound is met before the
// second by names of ordinary length. The policy in
// manifests/installer/node-facts holds the second bound as well.
const (
	MaxLinks = 512
	MaxBytes = 64 << 10
)

// Kind is what a link is made of.
type Kind string

// The kinds of links. Other is what can be a master without being one of the
// rest, such as a team or a dummy, and what a later version may know by name.
const (
	Physical Kind = "physical"
	Bond     Kind = "bond"
	VLAN     Kind = "vlan"
	Bridge   Kind = "bridge"
	Other    Kind = "other"
)

// Link is a link of a node. Names are as the node has them: quote them before they
// are shown.
type Link struct {
	// Name is the one by which a network names its master: up to 15 bytes.
	Name string `json:"name"`
	// AltNames are further names that serve as well, of up to 127 bytes, sorted
	// (ip link property add altname).
	AltNames []string `json:"altNames,omitempty"`
	Kind     Kind     `json:"kind"`
	// VLAN is the ID of a link of the kind VLAN, from 0 to 4094.
	VLAN int `json:"vlan,omitempty"`
	// Parent is the link that a VLAN is on; empty when it is not of this node's
	// network namespace.
	Parent string `json:"parent,omitempty"`
	// MTU is in bytes, without the Ethernet header.
	MTU int `json:"mtu"`
	// Up says that the link is switched on and that there is something at its other
	// end: what the kernel calls running.
	Up bool `json:"up"`
	// Wireless links take frames from their own address alone: no macvlan works
	// there, though it can be made.
	Wireless bool `json:"wireless,omitempty"`
	// MemberOf is the bond, bridge, team or switch that the link is a port of; empty
	// for none. The kernel makes no macvlan on a port.
	MemberOf string `json:"memberOf,omitempty"`
}

// Node is what is published of a node.
type Node struct {
	// Links are sorted by name. No name or further name occurs twice.
	Links []Link `json:"links"`
	// Omitted is how many more there are, for which there was no room: while it is
	// not 0, a link that is not among Links may exist.
	Omitted int `json:"omitted,omitempty"`
}

// Find returns the link that a network means by the name of a master: one with
// that name, or one with it as a further name, as the kernel looks it up.
func (n Node) Find(name string) (Link, bool) {
	for _, link := range n.Links {
		if link.has(name) {
			return link, true
		}
	}
	return Link{}, false
}

func (l Link) has(name string) bool {
	for _, other := range l.AltNames {
		if other == name {
			return true
		}
	}
	return l.Name == name
}
