package cluster

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
)

// mostNew is how many holders are looked at that have come since a question was first
// answered: a moment ago.
const mostNew = 64

// holderFacts answers who holds the addresses from memory.
func (i *Inventory) holderFacts(q *pod.Questions) pod.HolderFacts {
	found, err := i.holders.of(&q.Addresses)
	if err != nil {
		return pod.HolderFacts{Err: err}
	}
	facts := pod.HolderFacts{Owners: knownOwners(q.Owner)}
	for _, h := range found {
		facts.Holders = append(facts.Holders, pod.HolderFact{Holder: h, Owners: knownOwners(h.Owner)})
	}
	return i.withNamed(q, facts)
}

// of looks for the holders of addresses in memory.
func (h *holders) of(a *pod.Addresses) ([]*pod.Holder, error) {
	if err := h.ready(); err != nil {
		return nil, err
	}
	return h.index.Of(a), nil
}

// refreshHolders answers again about the holders that are contested, and those that have
// come since: each as the API server has it.
func (i *Inventory) refreshHolders(ctx context.Context, q *pod.Questions, before []pod.HolderFact) pod.HolderFacts {
	now, err := i.holders.of(&q.Addresses)
	if err != nil {
		return pod.HolderFacts{Err: err}
	}
	known := map[*pod.Holder]bool{}
	for _, h := range before {
		known[h.Holder] = true
	}
	now = slices.DeleteFunc(now, func(h *pod.Holder) bool { return known[h] })
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
		return pod.HolderFacts{Err: aboveErr}
	}
	facts := pod.HolderFacts{Owners: above.owners, Fresh: above.fresh}
	for n := range answers {
		a := &answers[n]
		if a.err != nil {
			return pod.HolderFacts{Err: a.err}
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
	pod.HolderFact
	fresh bool
	err   error
}

// read asks the API server about a holder.
func (h *holders) read(ctx context.Context, holder *pod.Holder) holderAnswer {
	text := holder.Identity
	if holder.Record.Name != "" {
		text = holder.Record
	}
	read := h.following(text.Controller).reader.read(ctx, object.Reference{Namespace: text.Namespace, Name: text.Name})
	switch {
	case read.Err != nil:
		return holderAnswer{err: fmt.Errorf("%s %s: %w", text.Kind, quote.Value(text.Namespace+"/"+text.Name), read.Err)}
	case read.Value == nil:
		return holderAnswer{fresh: read.Fresh}
	}
	var a holderAnswer
	if holder.Record.Name != "" {
		a = h.readPod(ctx, read.Value)
	} else {
		var above ownership
		above, a.err = h.above(ctx, read.Value.Owner)
		a.HolderFact = pod.HolderFact{Holder: read.Value, Owners: above.owners, Ending: read.Value.Deleting || above.ending}
		a.fresh = above.fresh
	}
	a.fresh = a.fresh && read.Fresh
	return a
}

// readPod asks the API server about the pod of a record. The record of a pod that is
// gone keeps nothing, unless it belongs to a StatefulSet: then the next pod of that name
// gets the addresses.
func (h *holders) readPod(ctx context.Context, holder *pod.Holder) holderAnswer {
	p, err := h.readMeta(ctx, holder.Identity)
	switch {
	case err != nil:
		return holderAnswer{err: err}
	case p.Value != nil:
		above, err := h.above(ctx, p.Value.controller)
		fact := pod.HolderFact{Holder: holder, Owners: above.owners, Ending: p.Value.ending || above.ending}
		return holderAnswer{fact, p.Fresh && above.fresh, err}
	case holder.Owner.Name == "":
		return holderAnswer{fresh: p.Fresh}
	}
	above, err := h.above(ctx, holder.Owner)
	if err != nil || above.gone {
		return holderAnswer{fresh: p.Fresh && above.fresh, err: err}
	}
	// Of the pod that there is now, or will be, the name is the same.
	next := *holder
	next.UID = ""
	return holderAnswer{pod.HolderFact{Holder: &next, Owners: above.owners, Ending: above.ending}, p.Fresh && above.fresh, nil}
}

// withNamed adds the networks and subnets that the claims name, as memory has them.
func (i *Inventory) withNamed(q *pod.Questions, facts pod.HolderFacts) pod.HolderFacts {
	inventory.AddNamed(&facts, q.DefaultNamespace, i.networks.lookup, i.subnets.lookup)
	return facts
}

// knownOwners is the chain of owners as far as an object tells by itself.
func knownOwners(owner object.Identity) []object.Identity {
	if owner.Name == "" {
		return nil
	}
	return []object.Identity{owner}
}

// holdsAny says whether a holder keeps any of the addresses.
func holdsAny(h *pod.Holder, a *pod.Addresses) bool {
	return slices.ContainsFunc(h.Claims, func(c pod.Claim) bool {
		if c.IP.IsValid() {
			return slices.Contains(a.IPs, c.IP)
		}
		return slices.Contains(a.MACs, c.MAC)
	})
}
