package cluster

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

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
func (i *Inventory) holderFacts(ctx context.Context, q *policy.Questions) policy.HolderFacts {
	found, err := i.holdersOf(ctx, &q.Addresses)
	if err != nil {
		return policy.HolderFacts{Err: err}
	}
	// Where lists were asked for and nobody was found, there is nobody to ask about.
	facts := policy.HolderFacts{Owners: owner(q.Owner), Fresh: len(found) == 0 && !i.pools.begun.Load()}
	for _, h := range found {
		facts.Holders = append(facts.Holders, policy.HolderFact{Holder: h, Owners: owner(h.Owner)})
	}
	return i.withNamed(ctx, q, facts)
}

// holdersOf looks for the holders in memory. Where there is no cache, as in a check
// from the command line, the API server is asked for all once.
func (i *Inventory) holdersOf(ctx context.Context, a *policy.Addresses) ([]*policy.Holder, error) {
	h := i.holders
	if !i.pools.begun.Load() {
		h.listOnce(ctx)
	} else if err := h.ready(); err != nil {
		return nil, err
	}
	return h.index.Of(a), nil
}

// listOnce fills the index from lists. Many who may write a pod may not list these, so
// what cannot be listed holds nothing, and that is said once.
func (h *holders) listOnce(ctx context.Context) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.listed {
		return
	}
	errs := make([]error, len(h.holdings))
	var lists sync.WaitGroup
	for n, k := range h.holdings {
		lists.Go(func() {
			var all []*policy.Holder
			all, errs[n] = k.list(ctx)
			for _, holder := range all {
				if holder != nil {
					h.index.Set(k.Kind+"/"+holder.Namespace+"/"+holder.Name, holder)
				}
			}
		})
	}
	lists.Wait()
	if ctx.Err() != nil {
		return
	}
	h.listed = true
	var resources []string
	var first error
	for n, err := range errs {
		if err != nil && !apierrors.IsNotFound(err) {
			resources = append(resources, h.holdings[n].kind.resource.Resource)
			first = cmp.Or(first, err)
		}
	}
	if first != nil {
		h.logger.Warn("not all that may hold addresses can be listed, so addresses in use may be missed", "resources", strings.Join(resources, ","), "error", first)
	}
}

// refreshHolders answers anew about the holders that are contested, and those that have
// come since: each as the API server has it.
func (i *Inventory) refreshHolders(ctx context.Context, q *policy.Questions, before []policy.HolderFact) policy.HolderFacts {
	now, err := i.holdersOf(ctx, &q.Addresses)
	if err != nil {
		return policy.HolderFacts{Err: err}
	}
	known := map[*policy.Holder]bool{}
	for _, h := range before {
		known[h.Holder] = true
	}
	now = slices.DeleteFunc(now, func(h *policy.Holder) bool { return known[h] })
	found := slices.Concat(q.Contested, now[:min(len(now), mostNew)])
	excused := func(err error) bool { return !i.pools.begun.Load() && i.holders.forbidden(err) }
	looked := make([]look, len(found))
	var above ownership
	var aboveErr error
	var looks sync.WaitGroup
	for n, h := range found {
		looks.Go(func() { looked[n] = i.holders.look(ctx, h) })
	}
	looks.Go(func() { above, aboveErr = i.holders.above(ctx, q.Owner) })
	looks.Wait()

	if excused(aboveErr) {
		above, aboveErr = ownership{owners: owner(q.Owner), partial: true, fresh: true}, nil
	}
	if aboveErr != nil {
		return policy.HolderFacts{Err: aboveErr}
	}
	facts := policy.HolderFacts{Owners: above.owners, Partial: above.partial, Fresh: above.fresh}
	for n := range looked {
		l := &looked[n]
		if excused(l.err) {
			*l = look{HolderFact: policy.HolderFact{Holder: found[n], Owners: owner(found[n].Owner), Partial: true}, fresh: true}
		}
		if l.err != nil {
			return policy.HolderFacts{Err: l.err}
		}
		facts.Fresh = facts.Fresh && l.fresh
		if l.Holder != nil && holdsAny(l.Holder, &q.Addresses) {
			facts.Holders = append(facts.Holders, l.HolderFact)
		}
	}
	return i.withNamed(ctx, q, facts)
}

// forbidden says whether a read failed for want of a right. In a check from the command
// line that is no reason to leave a subject undecided: what was listed has to do, which
// is said once.
func (h *holders) forbidden(err error) bool {
	if !apierrors.IsForbidden(err) {
		return false
	}
	h.refused.Do(func() {
		h.logger.Warn("not all that may hold addresses can be read, so what is said of addresses in use may be out of date", "error", err)
	})
	return true
}

// look is what the API server says of a holder. Holder is nil when it keeps nothing any
// more.
type look struct {
	policy.HolderFact
	fresh bool
	err   error
}

// look asks the API server about a holder.
func (h *holders) look(ctx context.Context, holder *policy.Holder) look {
	object := holder.Identity
	if holder.Record.Name != "" {
		object = holder.Record
	}
	read := h.of(object.Controller).reader.read(ctx, policy.Reference{Namespace: object.Namespace, Name: object.Name})
	switch {
	case read.err != nil:
		return look{err: fmt.Errorf("%s %s: %w", object.Kind, quote.Value(object.Namespace+"/"+object.Name), read.err)}
	case read.value == nil:
		return look{fresh: read.fresh}
	}
	var l look
	if holder.Record.Name != "" {
		l = h.lookAtPod(ctx, read.value)
	} else {
		var above ownership
		above, l.err = h.above(ctx, read.value.Owner)
		l.HolderFact = policy.HolderFact{Holder: read.value, Owners: above.owners, Ending: read.value.Deleting || above.ending}
		l.fresh = above.fresh
	}
	l.fresh = l.fresh && read.fresh
	return l
}

// lookAtPod asks the API server about the pod of a record. The record of a pod that is
// gone keeps nothing, unless it belongs to a StatefulSet: then the next pod of that name
// gets the addresses.
func (h *holders) lookAtPod(ctx context.Context, holder *policy.Holder) look {
	pod, err := h.readMeta(ctx, holder.Identity)
	switch {
	case err != nil:
		return look{err: err}
	case pod.value != nil:
		above, err := h.above(ctx, pod.value.controller)
		return look{policy.HolderFact{Holder: holder, Owners: above.owners, Ending: pod.value.ending || above.ending}, pod.fresh && above.fresh, err}
	case holder.Owner.Name == "":
		return look{fresh: pod.fresh}
	}
	above, err := h.above(ctx, holder.Owner)
	if err != nil || above.gone {
		return look{fresh: pod.fresh && above.fresh, err: err}
	}
	// Of the pod that there is now, or will be, the name is the same.
	next := *holder
	next.UID = ""
	return look{policy.HolderFact{Holder: &next, Owners: above.owners, Ending: above.ending}, pod.fresh && above.fresh, nil}
}

// withNamed adds the networks and subnets that the claims name, as memory has them.
// Where there is no cache the API server is asked, and what it does not tell is not
// known.
func (i *Inventory) withNamed(ctx context.Context, q *policy.Questions, facts policy.HolderFacts) policy.HolderFacts {
	networks, subnets := inventory.Named(facts.Holders, q.DefaultNamespace)
	facts.Networks = map[policy.Reference]*cniconf.Network{}
	facts.Subnets = map[flatnetwork.SubnetReference]*flatnetwork.Subnet{}
	begun := i.pools.begun.Load()
	for _, ref := range networks {
		network := i.networks.lookup(ref)
		if network == nil && !begun {
			network = i.readNetwork(ctx, ref).Value
		}
		if network != nil {
			facts.Networks[ref] = network
		}
	}
	for _, ref := range subnets {
		subnet := i.subnets.lookup(ref)
		if subnet == nil && !begun {
			subnet = i.subnets.read(ctx, ref).Value
		}
		if subnet != nil {
			facts.Subnets[ref] = subnet
		}
	}
	return facts
}

// owner is the chain of owners as far as an object tells by itself.
func owner(id policy.Identity) []policy.Identity {
	if id.Name == "" {
		return nil
	}
	return []policy.Identity{id}
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
