package inventory

import (
	"context"
	"iter"
	"slices"

	"github.com/macvlan-webhook/macvlan-webhook/policy"
	"github.com/macvlan-webhook/macvlan-webhook/policy/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/flatnetwork"
)

// Subnets implements [Inventory]: those of the base that the top does not have stand
// behind its own.
func (o *overlay) Subnets(ctx context.Context) iter.Seq[*flatnetwork.Subnet] {
	top, base := o.top.Subnets(ctx), o.base.Subnets(ctx)
	switch {
	case base == nil:
		return top
	case top == nil:
		return base
	}
	return func(yield func(*flatnetwork.Subnet) bool) {
		seen := map[flatnetwork.SubnetReference]bool{}
		for s := range top {
			seen[s.Reference] = true
			if !yield(s) {
				return
			}
		}
		for s := range base {
			if !seen[s.Reference] && !yield(s) {
				return
			}
		}
	}
}

// open says whether a fact leaves it open what a subnet is.
func open(f policy.Answer[flatnetwork.Subnet]) bool { return f.Value == nil && f.Err == nil }

// overSubnet is what two inventories say of one subnet together. It is not known which
// subnets there are only where neither knows any.
func overSubnet(top, base policy.Answer[flatnetwork.Subnet]) policy.Answer[flatnetwork.Subnet] {
	if !open(top) || base.Unknown && !top.Unknown {
		return top
	}
	return base
}

// below are those of some holders that the top does not have.
func below(holders []*policy.Holder, top []policy.HolderFact) []*policy.Holder {
	return slices.DeleteFunc(slices.Clone(holders), func(h *policy.Holder) bool {
		return slices.ContainsFunc(top, func(above policy.HolderFact) bool { return above.Holder == h })
	})
}

// overHolders is what two inventories say together of those who hold some addresses:
// the top's, and those of the base that the top does not have. Fresh are they when the
// base's are.
func (o *overlay) overHolders(ctx context.Context, q *policy.Questions, top, base policy.HolderFacts) policy.HolderFacts {
	switch {
	case top.Err != nil:
		return top
	case base.Err != nil:
		return base
	}
	out := policy.HolderFacts{Holders: slices.Clone(top.Holders), Owners: top.Owners, Partial: top.Partial, Fresh: base.Fresh}
	if len(base.Owners) > len(top.Owners) || len(base.Owners) == len(top.Owners) && top.Partial {
		out.Owners, out.Partial = base.Owners, base.Partial
	}
	for _, h := range base.Holders {
		// What the top has without the address will not hold it any more. A pod that was
		// given one keeps it, whatever is written.
		written := h.Record.Name == "" && o.top.Has(h.Identity)
		if !written && !slices.ContainsFunc(top.Holders, func(above policy.HolderFact) bool { return above.Is(h.Identity) }) {
			out.Holders = append(out.Holders, h)
		}
	}
	// What a claim of one names may be in the other.
	out.Networks, out.Subnets = map[policy.Reference]*cniconf.Network{}, map[flatnetwork.SubnetReference]*flatnetwork.Subnet{}
	var named policy.Questions
	named.Networks, named.Subnets = Named(out.Holders, q.DefaultNamespace)
	if len(named.Networks)+len(named.Subnets) == 0 {
		return out
	}
	facts := o.Facts(ctx, named)
	for n, ref := range named.Networks {
		if network := facts.Networks[n].Value; network != nil && !facts.NamesOnly {
			out.Networks[ref] = network
		}
	}
	for n, ref := range named.Subnets {
		if subnet := facts.Subnets[n].Value; subnet != nil {
			out.Subnets[ref] = subnet
		}
	}
	return out
}
