package snapshot

import (
	"context"
	"fmt"
	"slices"

	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/flatnetwork"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
)

// holderFacts answers who holds the addresses. Where nobody does, nobody is asked about.
func (i *Inventory) holderFacts(ctx context.Context, q *pod.Questions) pod.HolderFacts {
	index, err := i.holderIndex(ctx, q.DefaultNamespace)
	if err != nil {
		return pod.HolderFacts{Err: err}
	}
	facts := pod.HolderFacts{Fresh: true}
	holders := index.Of(&q.Addresses)
	if len(holders) == 0 {
		return facts
	}
	chain, err := i.ownersFrom(ctx, q.Owner)
	if err != nil {
		return pod.HolderFacts{Err: err}
	}
	facts.Owners, facts.Partial = chain.owners, chain.partial
	for _, h := range holders {
		fact, err := i.holder(ctx, h)
		switch {
		case err != nil:
			return pod.HolderFacts{Err: err}
		case fact.Holder != nil:
			facts.Holders = append(facts.Holders, fact)
		}
	}
	inventory.AddNamed(&facts, q.DefaultNamespace,
		func(ref object.Reference) *cniconf.Network { return i.network(ctx, ref).Value },
		func(ref flatnetwork.SubnetReference) *flatnetwork.Subnet { return i.subnet(ctx, ref).Value })
	return facts
}

// holderIndex is that of the holders of all layers. An object holds what it has in the
// uppermost, though that be nothing. What networks give to it by themselves it holds too.
func (i *Inventory) holderIndex(ctx context.Context, defaultNamespace string) (*pod.HolderIndex, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.holders != nil {
		return i.holders, nil
	}
	index := pod.NewHolderIndex()
	fixing := i.fixingNetworks(ctx)
	for _, l := range i.layers {
		holders, err := l.everyHolder(ctx)
		if err != nil {
			return nil, err
		}
		for _, h := range holders {
			index.Set(h.kind+"/"+h.namespace+"/"+h.name, h.with(fixing, defaultNamespace))
		}
	}
	i.holders = index
	return index, nil
}

// fixingNetworks are those that fix an address, as far as all networks are known.
func (i *Inventory) fixingNetworks(ctx context.Context) map[object.Reference]*cniconf.Network {
	fixing := map[object.Reference]*cniconf.Network{}
	for n := range i.Networks(ctx) {
		if n.FixesAny() {
			fixing[object.Reference{Namespace: n.Namespace, Name: n.Name}] = n
		}
	}
	return fixing
}

// with is the holder with what networks give it.
func (h *keyedHolder) with(fixing map[object.Reference]*cniconf.Network, defaultNamespace string) *pod.Holder {
	if h.subject == nil || len(fixing) == 0 {
		return h.holder
	}
	given := h.subject.GivenClaims(defaultNamespace, func(ref object.Reference) *cniconf.Network { return fixing[ref] })
	if len(given) == 0 {
		return h.holder
	}
	return inventory.HolderWith(h.subject, slices.Concat(h.subject.Claims(), given))
}

// holder is what is known of a holder besides; it has none where it keeps nothing any
// more. The record of a pod that is gone keeps nothing, unless it belongs to a
// StatefulSet: then the next pod of that name gets the addresses.
func (i *Inventory) holder(ctx context.Context, h *pod.Holder) (pod.HolderFact, error) {
	fact := pod.HolderFact{Holder: h, Ending: h.Deleting}
	owner, isGone := h.Owner, false
	if h.Record.Name != "" {
		p, found, err := i.owner(ctx, h.Identity)
		if err != nil {
			return pod.HolderFact{}, err
		}
		another := h.UID != "" && p.uid != "" && p.uid != h.UID
		switch {
		case found == there && !another:
			fact.Ending = p.deleting
			if owner.Name == "" {
				owner = p.owner
			}
		case found == unknown:
			fact.Partial = owner.Name == ""
		case owner.Name == "":
			return pod.HolderFact{}, nil
		default:
			next := *h
			next.UID = ""
			fact.Holder, isGone = &next, true
		}
	}
	chain, err := i.ownersFrom(ctx, owner)
	if err != nil || isGone && chain.gone {
		return pod.HolderFact{}, err
	}
	fact.Owners = chain.owners
	fact.Partial = fact.Partial || chain.partial
	fact.Ending = fact.Ending || chain.ending
	return fact, nil
}

// ownerChain is who is above an object, as far as the layers tell.
type ownerChain struct {
	// owners begin with the nearest.
	owners []object.Identity
	// partial says that there may be more owners above the last one.
	partial bool
	// gone says that the first of them does not exist, and ending that one of them does
	// not, or is being deleted.
	gone, ending bool
}

// ownersFrom follows owners upwards, beginning with the first.
func (i *Inventory) ownersFrom(ctx context.Context, first object.Identity) (ownerChain, error) {
	var chain ownerChain
	seen := map[object.Identity]bool{}
	for next := first; next.Name != ""; {
		name := next
		name.UID = ""
		// Nothing keeps owner references from forming a circle.
		if seen[name] {
			break
		}
		seen[name] = true
		chain.owners = append(chain.owners, next)
		object, found, err := i.owner(ctx, next)
		switch {
		case err != nil:
			return chain, err
		case found == unknown:
			chain.partial = pod.HoldsPod(next.APIVersion, next.Kind)
			return chain, nil
		case found == gone:
			chain.gone, chain.ending = len(chain.owners) == 1, true
			return chain, nil
		}
		chain.ending = chain.ending || object.deleting
		next = object.owner
	}
	return chain, nil
}

// owner is a pod or workload as the owner of others, as the uppermost layer has it that
// knows it.
func (i *Inventory) owner(ctx context.Context, id object.Identity) (ownerObject, presence, error) {
	for _, l := range i.downwards() {
		object, found, err := l.owner(ctx, id)
		if err != nil {
			return ownerObject{}, unknown, fmt.Errorf("%s %s: %w", id.Kind, quote.Value(id.Namespace+"/"+id.Name), err)
		}
		if found != unknown {
			return object, found, nil
		}
	}
	return ownerObject{}, unknown, nil
}
