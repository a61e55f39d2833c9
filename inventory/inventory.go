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
	"sync"

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

// confirmations is how often a refusal is confirmed: once for the networks, once
// more for pools that only the networks as they are now ask for.
const confirmations = 2

// Judge gives the verdict on a subject. A refusal that rests on what memory says
// is confirmed first: the network, the pool or the subnet may have been made or repaired
// a moment ago, and who held an address may be gone. When that cannot be confirmed, and nothing else is wrong, there is
// no verdict.
func Judge(ctx context.Context, inv Inventory, subject *policy.Subject, config *policy.Config) policy.Verdict {
	request := policy.Parse(subject, config)
	facts := inv.Facts(ctx, request.Questions())
	view := request.With(facts)
	verdict := policy.Judge(view)
	for range confirmations {
		q, open := view.Unconfirmed(&verdict)
		if !open {
			break
		}
		facts = inv.Refresh(ctx, q, facts)
		view = request.With(facts)
		verdict = policy.Judge(view)
	}
	return verdict
}

// JudgeUpdate gives the verdict on a subject that takes the place of an old one:
// what stood in that already is not refused.
func JudgeUpdate(ctx context.Context, inv Inventory, subject, old *policy.Subject, config *policy.Config) policy.Verdict {
	verdict := Judge(ctx, inv, subject, config)
	if verdict.Decision() == policy.Deny || verdict.Undecided != nil {
		before := Judge(ctx, inv, old, config)
		policy.Inherit(&verdict, subject, old, &before)
	}
	return verdict
}

// Complete fills in what a pod leaves to the configuration: its default pools. It
// returns the subject itself when there is nothing to fill in.
func Complete(ctx context.Context, inv Inventory, subject *policy.Subject, config *policy.Config) *policy.Subject {
	request := policy.Parse(subject, config)
	return request.With(inv.Facts(ctx, request.CompletionQuestions())).Completed()
}

// JudgeNetwork gives the verdict on a network that is written or deleted. Who uses it
// is found out only where that makes a difference.
func JudgeNetwork(ctx context.Context, inv Inventory, subject *policy.NetworkSubject, config *policy.Config) policy.Verdict {
	return subject.Judge(policy.NetworkFacts{
		CoordinatorMode: inv.Facts(ctx, policy.Questions{}).CoordinatorMode,
		Networks:        inv.Networks(ctx),
		Nodes:           inv.Nodes(ctx),
		Users:           sync.OnceValue(func() policy.Users { return inv.Users(ctx, subject.Reference(), config) }),
	}, config)
}

// JudgeSubnet gives the verdict on a subnet of Rancher's flat network that is written. A
// refusal for another subnet is confirmed first; one that cannot be read again does not
// stand in the way.
func JudgeSubnet(ctx context.Context, inv Inventory, subject *policy.SubnetSubject, config *policy.Config) policy.Verdict {
	facts := policy.SubnetFacts{Subnets: inv.Subnets(ctx)}
	verdict := subject.Judge(facts, config)
	colliding := subject.Colliding(facts)
	if verdict.Decision() != policy.Deny || len(colliding) == 0 {
		return verdict
	}
	var q policy.Questions
	var remembered policy.Facts
	for _, s := range colliding {
		q.Subnets = append(q.Subnets, s.Reference)
		remembered.Subnets = append(remembered.Subnets, policy.Answer[flatnetwork.Subnet]{Value: s})
	}
	fresh := inv.Refresh(ctx, q, remembered)
	facts.Subnets = func(yield func(*flatnetwork.Subnet) bool) {
		for _, answer := range fresh.Subnets {
			if answer.Value != nil && !yield(answer.Value) {
				return
			}
		}
	}
	return subject.Judge(facts, config)
}
