// Package inventory answers what a cluster holds, as far as rules ask for it.
//
// Two rooms answer: snapshot, of objects as they are at one moment (those that files
// reads, or that a cluster lists), and cluster, which follows a cluster (informers, with
// a live read where their cache has nothing). Both keep compiled, immutable values: a
// NetworkAttachmentDefinition is parsed when it changes, never when it is asked for.
package inventory

import (
	"context"
	"iter"

	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/flatnetwork"
	"github.com/macvlan-webhook/macvlan-webhook/policy/nad"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
)

// Inventory answers questions about networks, namespaces and pools.
type Inventory interface {
	// Facts answers from memory, and from the source itself only for networks,
	// subnets and the namespace where memory does not have them. Pools are answered
	// as a whole, whichever the questions name, as far as anything depends on them.
	Facts(ctx context.Context, q pod.Questions) pod.Facts
	// Refresh asks the source itself about whatever the questions name and the
	// facts do not have fresh, and returns the facts with that replaced. Where no
	// answer can be had, the facts say so.
	Refresh(ctx context.Context, q pod.Questions, facts pod.Facts) pod.Facts
	// Networks are all that are known, in any order; nil when they cannot be had.
	Networks(ctx context.Context) iter.Seq[*cniconf.Network]
	// Subnets are all of the flat network that are known, in any order; nil when they
	// cannot be had.
	Subnets(ctx context.Context) iter.Seq[*flatnetwork.Subnet]
	// Nodes are all that are known, in any order; none when they cannot be had, or
	// are not to be asked for. They are looked for when they are gone through.
	Nodes(ctx context.Context) iter.Seq[*nad.Node]
	// Users are those that ask for a network, by what the configuration says. When
	// ctx ends before all were seen, the answer is those seen so far.
	Users(ctx context.Context, network object.Reference, config *config.Config) nad.Users
}
