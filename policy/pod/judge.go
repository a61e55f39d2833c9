package pod

import (
	"fmt"
	"slices"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/flatnetwork"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// Unconfirmed are the questions whose answers have to come from the source itself
// before the verdict on the view counts: something may have been made or
// repaired a moment ago. It is false when all are fresh, or when nothing rests on them.
func (v *View) Unconfirmed(judged *verdict.Verdict) (Questions, bool) {
	rests := judged.RestsOn()
	f := &v.facts
	var q Questions
	fresh := true
	if rests&verdict.OnNetworks != 0 {
		q.Networks = v.references
		fresh = fresh && !slices.ContainsFunc(f.Networks, func(n Answer[cniconf.Network]) bool { return !n.settled() })
		fresh = fresh && (f.Coordinator.settled() || !InheritMode(f.Networks))
	}
	if rests&verdict.OnNamespace != 0 {
		q.Namespace = v.Subject.Namespace
		fresh = fresh && f.Namespace.settled()
	}
	if rests&verdict.OnPools != 0 {
		q.Pools, q.EveryPool = v.UsedPools()
		fresh = fresh && (f.Pools.Err != nil || f.Pools.Confirmed(&q))
	}
	if rests&verdict.OnSubnets != 0 {
		q.Subnets = v.flatSubnets
		fresh = fresh && !slices.ContainsFunc(f.Subnets, func(s Answer[flatnetwork.Subnet]) bool { return !s.settled() })
	}
	if rests&verdict.OnHolders != 0 {
		q.Addresses, q.Contested = v.inConflict()
		q.Owner, q.DefaultNamespace = v.Subject.Owner, v.Config.Multus.DefaultNetworkNamespace
		fresh = fresh && (q.Addresses.Empty() || f.Holders.Fresh || f.Holders.Err != nil)
	}
	return q, !fresh
}

// Judge runs rules over the pod, in their order. Each verdict stands on its own.
func (v *View) Judge(rules []Rule) verdict.Verdict {
	if v.exempt != "" {
		return verdict.Verdict{Exempt: v.exempt}
	}
	if _, mirror := v.Subject.Annotations[MirrorAnnotation]; mirror {
		return verdict.Verdict{}
	}
	var judged verdict.Verdict
	judged.Mode, judged.ModeNote = v.mode()
	if judged.Mode == verdict.ModeOff {
		return verdict.Verdict{Mode: verdict.ModeOff, Exempt: v.Config.Off(v.Subject.Namespace)}
	}
	for i := range rules {
		r := &rules[i]
		action := v.Config.Action(r.ID, r.Default)
		if action == verdict.Off {
			continue
		}
		// Whether a finding denies rests on the namespace's mode, whatever it says.
		v.parts = verdict.OnNamespace
		found := r.Check(v)
		judged.Add(r.ID, action, v.parts, found, v.Subject.PodPath)
	}
	// Where the mode of the namespace could not be looked up, the usual one stands: in enforce
	// a denial does.
	if judged.Decision() != verdict.Deny {
		judged.Undecided = v.undecided()
	}
	return judged
}

// undecided is the reason why the facts leave open whether the pod is right.
func (v *View) undecided() error {
	f := &v.facts
	for i, answer := range f.Networks {
		if answer.Err != nil {
			return fmt.Errorf("look up network %s: %w", quote.Value(v.references[i].String()), answer.Err)
		}
	}
	if err := f.Coordinator.Err; err != nil && InheritMode(f.Networks) {
		return fmt.Errorf("look up the mode of coordinators that name none: %w", err)
	}
	for i, answer := range f.Subnets {
		if answer.Err != nil {
			return fmt.Errorf("look up %s: %w", quote.Value(v.flatSubnets[i].String()), answer.Err)
		}
	}
	if err := f.Holders.Err; err != nil && len(v.addresses) > 0 {
		return fmt.Errorf("look up who holds the addresses: %w", err)
	}
	limited := slices.ContainsFunc(f.Subnets, func(s Answer[flatnetwork.Subnet]) bool { return s.Value != nil && s.Value.Project != "" })
	switch {
	case len(v.supplies) == 0 && !limited:
		return nil
	case f.Namespace.Err != nil:
		return fmt.Errorf("look up namespace %s: %w", quote.Value(v.Subject.Namespace), f.Namespace.Err)
	case len(v.supplies) > 0 && f.Pools.Err != nil:
		return fmt.Errorf("look up pools: %w", f.Pools.Err)
	default:
		return nil
	}
}
