// Package inventory answers what a cluster holds, as far as rules ask for it.
//
// Its two rooms are files (objects in YAML: offline checks, and a server
// without a cluster) and cluster (informers, with a live read where their cache
// has nothing). Both keep compiled, immutable values: a
// NetworkAttachmentDefinition is parsed when it changes, never when it is asked
// for.
package inventory

import (
	"context"
	"iter"

	"github.com/macvlan-webhook/macvlan-webhook/policy"
	"github.com/macvlan-webhook/macvlan-webhook/policy/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/flatnetwork"
)

// Inventory answers questions about networks, namespaces and pools.
type Inventory interface {
	// Facts answers from memory, and from the source itself only for networks,
	// subnets and the namespace where memory does not have them. Pools are answered
	// as a whole, whichever the questions name.
	Facts(ctx context.Context, q policy.Questions) policy.Facts
	// Refresh asks the source itself about whatever the questions name and the
	// facts do not have fresh, and returns the facts with that replaced. Where no
	// answer can be had, the facts say so.
	Refresh(ctx context.Context, q policy.Questions, facts policy.Facts) policy.Facts
	// Networks are all that are known, in any order; nil when they cannot be had.
	Networks(ctx context.Context) iter.Seq[*cniconf.Network]
	// Subnets are all of the flat network that are known, in any order; nil when they
	// cannot be had.
	Subnets(ctx context.Context) iter.Seq[*flatnetwork.Subnet]
	// Nodes are all that are known, in any order; none when they cannot be had, or
	// are not to be asked for. They are looked for when they are gone through.
	Nodes(ctx context.Context) iter.Seq[*policy.Node]
	// Users are those that ask for a network, by what the configuration says. When
	// ctx ends before all were seen, the answer is those seen so far.
	Users(ctx context.Context, network policy.Reference, config *policy.Config) policy.Users
}

// Layer is an inventory that may stand over another one ([Overlay]).
type Layer interface {
	Inventory
	// Has says whether the pod or workload of that kind, namespace and name is there.
	Has(id policy.Identity) bool
}
