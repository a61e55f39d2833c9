package inventory

import (
	"context"
	"iter"
	"maps"

	"github.com/macvlan-webhook/macvlan-webhook/policy"
	"github.com/macvlan-webhook/macvlan-webhook/policy/cniconf"
)

// Overlay answers from one inventory, and from another where the first has
// nothing: files that are about to be applied to a cluster, over that cluster.
// What the first has is taken to be fresh.
func Overlay(top Layer, base Inventory) Inventory { return &overlay{top, base} }

type overlay struct {
	top  Layer
	base Inventory
}

// Facts implements [Inventory].
func (o *overlay) Facts(ctx context.Context, q policy.Questions) policy.Facts {
	facts := o.top.Facts(ctx, q)
	below := o.base.Facts(ctx, left(q, &facts))
	if facts.NamesOnly {
		// A top without networks answers with what their names suggest.
		facts.Networks, facts.NamesOnly = below.Networks, below.NamesOnly
	} else {
		next := 0
		for n := range facts.Networks {
			if absent(facts.Networks[n]) {
				facts.Networks[n] = below.Networks[next]
				next++
			}
		}
	}
	if facts.CoordinatorMode == "" {
		facts.CoordinatorMode = below.CoordinatorMode
	}
	if facts.Namespace.Value == nil && facts.Namespace.Err == nil {
		facts.Namespace = below.Namespace
	}
	facts.Pools = over(facts.Pools, below.Pools, q.Pools)
	next := 0
	for n := range facts.Subnets {
		if open(facts.Subnets[n]) {
			facts.Subnets[n] = overSubnet(facts.Subnets[n], below.Subnets[next])
			next++
		}
	}
	if !q.Addresses.Empty() {
		facts.Holders = o.overHolders(ctx, &q, facts.Holders, below.Holders)
	}
	return facts
}

// Refresh implements [Inventory]. What the top has is fresh: only the base is
// asked.
func (o *overlay) Refresh(ctx context.Context, q policy.Questions, facts policy.Facts) policy.Facts {
	top := o.top.Facts(ctx, q)
	asked := q
	asked.Pools = left(q, &top).Pools
	asked.Contested = below(q.Contested, top.Holders.Holders)
	fresh := o.base.Refresh(ctx, asked, facts)
	fresh.Pools = over(top.Pools, fresh.Pools, q.Pools)
	for n := range q.Subnets {
		fresh.Subnets[n] = overSubnet(top.Subnets[n], fresh.Subnets[n])
	}
	if !q.Addresses.Empty() {
		fresh.Holders = o.overHolders(ctx, &q, top.Holders, fresh.Holders)
	}
	return fresh
}

// left are the questions that facts leave open.
func left(q policy.Questions, facts *policy.Facts) policy.Questions {
	out := policy.Questions{EveryPool: q.EveryPool, Addresses: q.Addresses, Owner: q.Owner, DefaultNamespace: q.DefaultNamespace}
	for n, ref := range q.Networks {
		if facts.NamesOnly || absent(facts.Networks[n]) {
			out.Networks = append(out.Networks, ref)
		}
	}
	if facts.Namespace.Value == nil {
		out.Namespace = q.Namespace
	}
	for _, name := range q.Pools {
		if facts.Pools.Index.Pool(name) == nil {
			out.Pools = append(out.Pools, name)
		}
	}
	for n, ref := range q.Subnets {
		if open(facts.Subnets[n]) {
			out.Subnets = append(out.Subnets, ref)
		}
	}
	return out
}

// Networks implements [Inventory]: those of the base that the top does not have stand
// behind its own.
func (o *overlay) Networks(ctx context.Context) iter.Seq[*cniconf.Network] {
	top, base := o.top.Networks(ctx), o.base.Networks(ctx)
	if base == nil {
		return top
	}
	return func(yield func(*cniconf.Network) bool) {
		seen := map[policy.Reference]bool{}
		for n := range top {
			seen[policy.Reference{Namespace: n.Namespace, Name: n.Name}] = true
			if !yield(n) {
				return
			}
		}
		for n := range base {
			if !seen[policy.Reference{Namespace: n.Namespace, Name: n.Name}] && !yield(n) {
				return
			}
		}
	}
}

// Nodes implements [Inventory]: those of the base that the top does not have stand
// behind its own.
func (o *overlay) Nodes(ctx context.Context) iter.Seq[*policy.Node] {
	return func(yield func(*policy.Node) bool) {
		seen := map[string]bool{}
		for n := range o.top.Nodes(ctx) {
			seen[n.Name] = true
			if !yield(n) {
				return
			}
		}
		for n := range o.base.Nodes(ctx) {
			if !seen[n.Name] && !yield(n) {
				return
			}
		}
	}
}

// Users implements [Inventory]. Users in the top may be those of the base once more,
// so the answer is that of the one that knows more; with some in both it is a lower
// bound.
func (o *overlay) Users(ctx context.Context, network policy.Reference, config *policy.Config) policy.Users {
	top, base := o.top.Users(ctx, network, config), o.base.Users(ctx, network, config)
	above, below := top.Pods+top.Workloads, base.Pods+base.Workloads
	switch {
	case above == 0:
		return base
	case above > below:
		base.Incomplete = base.Incomplete || below > 0 || base.Err != nil
		top.Incomplete = base.Incomplete
		return top
	default:
		base.Incomplete = true
		return base
	}
}

func absent(f policy.Answer[cniconf.Network]) bool { return f.Value == nil && f.Err == nil }

// over is what two inventories say of pools together: the top's pools, and those
// of the base that have other names. Of the named ones, those of the top are
// fresh. Where one of the two cannot answer, it is not known what there is.
func over(top, base policy.PoolFacts, named []string) policy.PoolFacts {
	switch {
	case top.Err != nil:
		return top
	case base.Err != nil || top.Index == nil:
		return base
	}
	out := policy.PoolFacts{Index: base.Index.Clone(top.Index), Fresh: map[string]bool{}, EveryFresh: base.EveryFresh}
	maps.Copy(out.Fresh, base.Fresh)
	for _, name := range named {
		if top.Index.Pool(name) != nil {
			out.Fresh[name] = true
		}
	}
	return out
}
