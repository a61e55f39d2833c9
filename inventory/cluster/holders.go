package cluster

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/policy"
	"github.com/macvlan-webhook/macvlan-webhook/policy/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/flatnetwork"
	"github.com/macvlan-webhook/macvlan-webhook/policy/quote"
)

// mostNew is how many holders are looked at that have come since a question was first
// answered: a moment ago.
const mostNew = 64

// holderFacts answers who holds the addresses from memory.
func (i *Inventory) holderFacts(q *policy.Questions) policy.HolderFacts {
	found, err := i.holders.of(&q.Addresses)
	if err != nil {
		return policy.HolderFacts{Err: err}
	}
	facts := policy.HolderFacts{Owners: knownOwners(q.Owner)}
	for _, h := range found {
		facts.Holders = append(facts.Holders, policy.HolderFact{Holder: h, Owners: knownOwners(h.Owner)})
	}
	return i.withNamed(q, facts)
}

// of looks for the holders of addresses in memory.
func (h *holders) of(a *policy.Addresses) ([]*policy.Holder, error) {
	if err := h.ready(); err != nil {
		return nil, err
	}
	return h.index.Of(a), nil
}

// refreshHolders answers anew about the holders that are contested, and those that have
// come since: each as the API server has it.
func (i *Inventory) refreshHolders(ctx context.Context, q *policy.Questions, before []policy.HolderFact) policy.HolderFacts {
	now, err := i.holders.of(&q.Addresses)
	if err != nil {
		return policy.HolderFacts{Err: err}
	}
	known := map[*policy.Holder]bool{}
	for _, h := range before {
		known[h.Holder] = true
	}
	now = slices.DeleteFunc(now, func(h *policy.Holder) bool { return known[h] })
	found := slices.Concat(q.Contested, now[:min(len(now), mostNew)])
	answers := make([]holderAnswer, len(found))
	var above ownership
	var aboveErr error
	var reads sync.WaitGroup
	for n, h := range found {
		reads.Go(func() { answers[n] = i.holders.read(ctx, h) })
	}
	reads.Go(func() { above, aboveErr = i.holders.above(ctx, q.Owner) })
	reads.Wait()

	if aboveErr != nil {
		return policy.HolderFacts{Err: aboveErr}
	}
	facts := policy.HolderFacts{Owners: above.owners, Fresh: above.fresh}
	for n := range answers {
		a := &answers[n]
		if a.err != nil {
			return policy.HolderFacts{Err: a.err}
		}
		facts.Fresh = facts.Fresh && a.fresh
		if a.Holder != nil && holdsAny(a.Holder, &q.Addresses) {
			facts.Holders = append(facts.Holders, a.HolderFact)
		}
	}
	return i.withNamed(q, facts)
}

// holderAnswer is what the API server says of a holder. Holder is nil when it keeps
// nothing any more.
type holderAnswer struct {
	policy.HolderFact
	fresh bool
	err   error
}

// read asks the API server about a holder.
func (h *holders) read(ctx context.Context, holder *policy.Holder) holderAnswer {
	object := holder.Identity
	if holder.Record.Name != "" {
		object = holder.Record
	}
	read := h.following(object.Controller).reader.read(ctx, policy.Reference{Namespace: object.Namespace, Name: object.Name})
	switch {
	case read.err != nil:
		return holderAnswer{err: fmt.Errorf("%s %s: %w", object.Kind, quote.Value(object.Namespace+"/"+object.Name), read.err)}
	case read.value == nil:
		return holderAnswer{fresh: read.fresh}
	}
	var a holderAnswer
	if holder.Record.Name != "" {
		a = h.readPod(ctx, read.value)
	} else {
		var above ownership
		above, a.err = h.above(ctx, read.value.Owner)
		a.HolderFact = policy.HolderFact{Holder: read.value, Owners: above.owners, Ending: read.value.Deleting || above.ending}
		a.fresh = above.fresh
	}
	a.fresh = a.fresh && read.fresh
	return a
}

// readPod asks the API server about the pod of a record. The record of a pod that is
// gone keeps nothing, unless it belongs to a StatefulSet: then the next pod of that name
// gets the addresses.
func (h *holders) readPod(ctx context.Context, holder *policy.Holder) holderAnswer {
	pod, err := h.readMeta(ctx, holder.Identity)
	switch {
	case err != nil:
		return holderAnswer{err: err}
	case pod.value != nil:
		above, err := h.above(ctx, pod.value.controller)
		fact := policy.HolderFact{Holder: holder, Owners: above.owners, Ending: pod.value.ending || above.ending}
		return holderAnswer{fact, pod.fresh && above.fresh, err}
	case holder.Owner.Name == "":
		return holderAnswer{fresh: pod.fresh}
	}
	above, err := h.above(ctx, holder.Owner)
	if err != nil || above.gone {
		return holderAnswer{fresh: pod.fresh && above.fresh, err: err}
	}
	// Of the pod that there is now, or will be, the name is the same.
	next := *holder
	next.UID = ""
	return holderAnswer{policy.HolderFact{Holder: &next, Owners: above.owners, Ending: above.ending}, pod.fresh && above.fresh, nil}
}

// withNamed adds the networks and subnets that the claims name, as memory has them.
func (i *Inventory) withNamed(q *policy.Questions, facts policy.HolderFacts) policy.HolderFacts {
	networks, subnets := inventory.Named(facts.Holders, q.DefaultNamespace)
	facts.Networks = map[policy.Reference]*cniconf.Network{}
	facts.Subnets = map[flatnetwork.SubnetReference]*flatnetwork.Subnet{}
	for _, ref := range networks {
		if network := i.networks.lookup(ref); network != nil {
			facts.Networks[ref] = network
		}
	}
	for _, ref := range subnets {
		if subnet := i.subnets.lookup(ref); subnet != nil {
			facts.Subnets[ref] = subnet
		}
	}
	return facts
}

// knownOwners is the chain of owners as far as an object tells by itself.
func knownOwners(owner policy.Identity) []policy.Identity {
	if owner.Name == "" {
		return nil
	}
	return []policy.Identity{owner}
}

// holdsAny says whether a holder keeps any of the addresses.
func holdsAny(h *policy.Holder, a *policy.Addresses) bool {
	return slices.ContainsFunc(h.Claims, func(c policy.Claim) bool {
		if c.IP.IsValid() {
			return slices.Contains(a.IPs, c.IP)
		}
		return slices.Contains(a.MACs, c.MAC)
	})
}
