package inventory

import (
	"context"

	"github.com/macvlan-webhook/macvlan-webhook/policy"
)

// Overlay answers from one inventory, and from another where the first has
// nothing: files that are about to be applied to a cluster, over that cluster.
func Overlay(top, base Inventory) Inventory { return &overlay{top, base} }

type overlay struct{ top, base Inventory }

// Facts implements [Inventory].
func (o *overlay) Facts(ctx context.Context, references []policy.Reference) policy.Facts {
	facts := o.top.Facts(ctx, references)
	below := o.base.Facts(ctx, missing(references, facts))
	next := 0
	for n := range facts.Networks {
		if absent(facts.Networks[n]) {
			facts.Networks[n] = below.Networks[next]
			next++
		}
	}
	if facts.CoordinatorMode == "" {
		facts.CoordinatorMode = below.CoordinatorMode
	}
	return facts
}

// Refresh implements [Inventory]. What is not fresh comes from the base, since
// the facts that the top has are.
func (o *overlay) Refresh(ctx context.Context, references []policy.Reference, facts policy.Facts) policy.Facts {
	return o.base.Refresh(ctx, references, facts)
}

// missing are the references that the facts have no network for.
func missing(references []policy.Reference, facts policy.Facts) []policy.Reference {
	var missing []policy.Reference
	for n := range facts.Networks {
		if absent(facts.Networks[n]) {
			missing = append(missing, references[n])
		}
	}
	return missing
}

func absent(f policy.Fact) bool { return f.Network == nil && f.Err == nil }
