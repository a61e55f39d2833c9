// Package flaw words what is wrong with a CNI configuration that its plugins can decode
// and then refuse, or take otherwise than it seems to be meant.
package flaw

// Kind is what a flaw is about. For each there is one rule of networks.
type Kind int

const (
	// Route is one that cannot be added to any pod, or not to most.
	Route Kind = iota + 1
	// Address is one that the network itself gives, and no interface can have.
	Address
	// Whereabouts is what the whereabouts plugin refuses or takes otherwise.
	Whereabouts
	// IPAMKey is a key that the IPAM plugin does not know, such as that of another one.
	IPAMKey
	// Chain is about plugins that cannot work in the order in which they stand.
	Chain
	// Plugin is a field of one plugin of the chain.
	Plugin
	// Gateway is one outside of its subnet, or a start behind its last address, which
	// host-local refuses from version 1.10.0 on.
	Gateway
)

// Effect is what becomes of the network's pods.
type Effect int

const (
	// FailsAll: every pod fails, whatever it asks for.
	FailsAll Effect = iota + 1
	// FailsSome: pods fail unless they ask for something that takes its place.
	FailsSome
	// MayFail: pods fail, unless something is otherwise that cannot be seen here.
	MayFail
	// FailsNewer: every pod fails on a node with a newer version of the plugin, when it
	// starts and when it ends.
	FailsNewer
	// Stays: pods start, and cannot be deleted.
	Stays
	// Ignored: pods start, without what the configuration seems to mean.
	Ignored
)

// Flaw is one thing that is wrong with a network's configuration.
type Flaw struct {
	Kind   Kind
	Effect Effect
	// Plugin is the index of the plugin in the chain, or OfList, and Path leads to the culprit within
	// its configuration: strings for keys, ints from 0 for indices.
	Plugin int
	Path   []any
	// Kernel says that the kernel refuses it, and no plugin: where a program drives the device
	// it goes well.
	Kernel bool
	// Text is a clause that states the fact, with values quoted: `"ipam.routes[0]" goes by
	// "10.9.0.1", which ...`. Want says what to write instead.
	Text, Want string
}

// OfList stands for the list of plugins itself, in place of one of them.
const OfList = -1
