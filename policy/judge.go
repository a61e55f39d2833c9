package policy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/macvlan-webhook/macvlan-webhook/policy/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/flatnetwork"
	"github.com/macvlan-webhook/macvlan-webhook/policy/quote"
)

// Verdict is what is to be said about a subject.
type Verdict struct {
	// Findings stand in the order of the rule table, within a rule in the order
	// of the annotations.
	Findings []Finding
	// Exempt says why the configuration spares the subject, such as
	// "namespace kube-system"; empty when it does not.
	Exempt string
	// Mode of the subject's namespace. In [ModeWarn] what would be a denial is a
	// finding of action Warn that is [Finding.Relaxed]. ModeNote says why a mode that
	// the namespace asks for does not count; empty when it does.
	Mode     Mode
	ModeNote string
	// Inherited is a clause that says what the findings which are [Finding.Inherited]
	// mean for the object; empty without any.
	Inherited string
	// Undecided is the reason why no verdict could be reached: the inventory
	// did not answer and what is known gives no reason to refuse.
	Undecided error
}

// Decision is the strongest action among the findings, Allow without any.
func (v *Verdict) Decision() Action {
	decision := Allow
	for i := range v.Findings {
		if v.Findings[i].Action.severity() > decision.severity() {
			decision = v.Findings[i].Action
		}
	}
	return decision
}

// RestsOn are the parts of the inventory's answers that may have to be confirmed: those
// that a refusal rests on, and who holds an address, also for a warning. That an
// address is held by a pod's own siblings is known only then.
func (v *Verdict) RestsOn() Parts {
	var rests Parts
	for i := range v.Findings {
		if f := &v.Findings[i]; f.Action == Deny {
			rests |= f.restsOn
		} else {
			rests |= f.restsOn & OnHolders
		}
	}
	return rests
}

// Unconfirmed are the questions whose answers have to come from the source itself
// before the verdict on the view counts: something may have been made or
// repaired a moment ago. It is false when all are fresh, or when nothing rests on them.
func (v *View) Unconfirmed(verdict *Verdict) (Questions, bool) {
	rests := verdict.RestsOn()
	f := &v.facts
	var q Questions
	fresh := true
	if rests&OnNetworks != 0 {
		q.Networks = v.references
		fresh = fresh && !slices.ContainsFunc(f.Networks, func(n Answer[cniconf.Network]) bool { return !n.Fresh })
		fresh = fresh && (f.Coordinator.Fresh || !v.inheritsMode())
	}
	if rests&OnNamespace != 0 {
		q.Namespace = v.Subject.Namespace
		fresh = fresh && f.Namespace.Fresh
	}
	if rests&OnPools != 0 {
		q.Pools, q.EveryPool = v.UsedPools()
		fresh = fresh && f.Pools.Confirmed(&q)
	}
	if rests&OnSubnets != 0 {
		q.Subnets = v.flatSubnets
		fresh = fresh && !slices.ContainsFunc(f.Subnets, func(s Answer[flatnetwork.Subnet]) bool { return !s.Fresh })
	}
	if rests&OnHolders != 0 {
		q.Addresses, q.Contested = v.inConflict()
		q.Owner, q.DefaultNamespace = v.Subject.Owner, v.Config.Multus.DefaultNetworkNamespace
		fresh = fresh && (q.Addresses.Empty() || f.Holders.Fresh)
	}
	return q, !fresh
}

// inheritsMode says whether the role of any network depends on the cluster's mode of
// coordinators.
func (v *View) inheritsMode() bool {
	return slices.ContainsFunc(v.facts.Networks, func(n Answer[cniconf.Network]) bool { return n.Value != nil && n.Value.Inherits() })
}

// Judge runs rules over the pod, in their order. Each verdict stands on its own.
func (v *View) Judge(rules []podRule) Verdict {
	if v.exempt != "" {
		return Verdict{Exempt: v.exempt}
	}
	if _, mirror := v.Subject.Annotations[mirrorAnnotation]; mirror {
		return Verdict{}
	}
	f := &v.facts
	if len(f.Networks) != len(v.references) || len(f.Subnets) != len(v.flatSubnets) {
		return Verdict{Undecided: fmt.Errorf("%d facts for %d networks, %d for %d subnets", len(f.Networks), len(v.references), len(f.Subnets), len(v.flatSubnets))}
	}
	var verdict Verdict
	verdict.Mode, verdict.ModeNote = v.mode()
	if verdict.Mode == ModeOff {
		return Verdict{Mode: ModeOff, Exempt: "mode off of namespace " + v.Subject.Namespace}
	}
	for i := range rules {
		r := &rules[i]
		action := v.Config.action(r.ID, r.Default)
		if action == Off {
			continue
		}
		// Whether a finding denies rests on the namespace's mode, whatever it says.
		v.parts = OnNamespace
		found := r.Check(v)
		verdict.add(r.ID, action, v.parts, found, v.Subject.PodPath)
	}
	if verdict.Decision() != Deny {
		verdict.Undecided = v.undecided()
	}
	return verdict
}

// undecided is the reason why the facts leave open whether the pod is right.
func (v *View) undecided() error {
	f := &v.facts
	for i, answer := range f.Networks {
		if answer.Err != nil {
			return fmt.Errorf("look up network %s: %w", quote.Value(v.references[i].String()), answer.Err)
		}
	}
	if err := f.Coordinator.Err; err != nil && v.inheritsMode() {
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

// add adds the findings of a rule, with the action that the mode leaves them.
func (v *Verdict) add(id string, action Action, restsOn Parts, found []Finding, podPath string) {
	for _, f := range found {
		f.Rule, f.Action, f.restsOn = id, action, restsOn
		f.Place = f.Place.In(podPath)
		switch {
		case f.softened:
			f.Action = Warn
		case v.Mode == ModeWarn && action == Deny:
			f.Action, f.Relaxed = Warn, true
		}
		v.Findings = append(v.Findings, f)
	}
}

// Explanation is the text that a person reads: every finding of at least the
// given severity with its rule, its place and its remedy.
func (v *Verdict) Explanation(least Action) string {
	var b strings.Builder
	count := 0
	for i := range v.Findings {
		if v.Findings[i].Action.severity() < least.severity() {
			continue
		}
		if count++; count > 1 {
			b.WriteString("\n\n")
		}
		v.Findings[i].writeTo(&b)
	}
	if count > 1 {
		return strconv.Itoa(count) + " findings:\n\n" + b.String()
	}
	return b.String()
}

func (f *Finding) writeTo(b *strings.Builder) {
	fmt.Fprintf(b, "[%s] %s: %s", f.Rule, f.Path(), f.Message)
	if f.Remedy != "" {
		b.WriteString("\nTo fix it: ")
		b.WriteString(f.Remedy)
	}
}

// warningLength is how long an admission warning may be: the API conventions
// ask for 120 characters, which is what kubectl shows on one line.
const warningLength = 120

// Warning is the finding as one line for kubectl's "Warning:", cut at 120
// characters. The long form is what `kubectl macvlan explain` prints.
func (f *Finding) Warning() string {
	return shortened(f.Rule + ": " + strings.Join(strings.Fields(f.Message), " "))
}

// shortened cuts a warning at its length, between words where there is a space
// within the last part.
func shortened(text string) string {
	runes := []rune(text)
	if len(runes) <= warningLength {
		return text
	}
	cut := runes[:warningLength-1]
	for i := len(cut) - 1; i > warningLength*3/4; i-- {
		if cut[i] == ' ' {
			cut = cut[:i]
			break
		}
	}
	return string(cut) + "…"
}
