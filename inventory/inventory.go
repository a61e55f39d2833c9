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

	"github.com/macvlan-webhook/macvlan-webhook/policy"
)

// Inventory answers about networks.
type Inventory interface {
	// Facts answers from memory, and from the source itself only for networks
	// that memory does not have. One answer per reference, in their order.
	Facts(ctx context.Context, references []policy.Reference) policy.Facts
	// Refresh asks the source itself about the networks whose facts are not
	// fresh, and returns the facts with those replaced. Where no answer can be
	// had, the fact says so.
	Refresh(ctx context.Context, references []policy.Reference, facts policy.Facts) policy.Facts
}

// Judge gives the verdict on a subject. A refusal that rests on what memory says
// of a network is confirmed first: the network may have been repaired a moment
// ago. When that cannot be confirmed, and nothing else is wrong, there is no
// verdict.
func Judge(ctx context.Context, inv Inventory, subject *policy.Subject, config *policy.Config) policy.Verdict {
	pod := policy.Parse(subject, config)
	references := pod.References()
	facts := inv.Facts(ctx, references)
	verdict := pod.Judge(facts)
	if verdict.Decision() == policy.Deny && verdict.RestsOnNetworks() && !fresh(facts) {
		verdict = pod.Judge(inv.Refresh(ctx, references, facts))
	}
	return verdict
}

func fresh(facts policy.Facts) bool {
	for i := range facts.Networks {
		if !facts.Networks[i].Fresh {
			return false
		}
	}
	return true
}
