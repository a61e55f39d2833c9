package policy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/macvlan-webhook/macvlan-webhook/policy/multus"
	"github.com/macvlan-webhook/macvlan-webhook/policy/quote"
)

// Verdict is what is to be said about a subject.
type Verdict struct {
	// Findings stand in the order of the rule table, within a rule in the order
	// of the annotations.
	Findings []Finding
	// Interfaces the pod will have, the first one first. Empty for a pod on the
	// host's network, a mirror pod, or where an annotation cannot be read.
	Interfaces []Interface
	// Exempt says why the configuration spares the subject, such as
	// "namespace kube-system"; empty when it does not.
	Exempt string
	// Mode of the subject's namespace. In [ModeWarn] what would be a denial is a
	// finding of action Warn that is [Finding.Relaxed]. ModeNote says why a mode that
	// the namespace asks for does not count; empty when it does.
	Mode     Mode
	ModeNote string
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

// restsOn are the parts of the inventory's answers that may have to be confirmed: those
// that a refusal rests on, and who holds an address, also for a warning. That an
// address is held by a pod's own siblings is known only then.
func (v *Verdict) restsOn() source {
	var rests source
	for i := range v.Findings {
		r, ok := RuleByID(v.Findings[i].Rule)
		switch {
		case !ok:
		case v.Findings[i].Action == Deny:
			rests |= r.restsOn
		default:
			rests |= r.restsOn & onHolders
		}
	}
	return rests
}

// Unconfirmed are the questions whose answers have to come from the source itself
// before the verdict, the latest on the pod, counts: something may have been made or
// repaired a moment ago. It is false when all are fresh, or when nothing rests on them.
func (p *Pod) Unconfirmed(v *Verdict) (Questions, bool) {
	rests := v.restsOn()
	if rests == 0 {
		return Questions{}, false
	}
	q := p.PoolQuestions()
	f := &p.facts
	if rests&onPools == 0 {
		q.Pools, q.EveryPool = nil, false
	}
	if rests&onSubnets != 0 {
		q.Subnets = p.flatSubnets
	}
	if rests&onHolders != 0 {
		q.Addresses, q.Contested = p.contested()
		q.Owner, q.DefaultNamespace = p.Subject.Owner, p.config.Multus.DefaultNetworkNamespace
	}
	// What is said of addresses rests on nothing else.
	if rests == onHolders {
		q.Networks, q.Namespace = nil, ""
	}
	fresh := len(q.Networks) == 0 || !slices.ContainsFunc(f.Networks, func(n Fact) bool { return !n.Fresh })
	fresh = fresh && (q.Namespace == "" || f.Namespace.Fresh) && f.Pools.Confirmed(&q)
	fresh = fresh && (len(q.Subnets) == 0 || !slices.ContainsFunc(f.Subnets, func(s SubnetFact) bool { return !s.Fresh }))
	fresh = fresh && (q.Addresses.Empty() || f.Holders.Fresh)
	return q, !fresh
}

// Judge runs the rules over the pod. Facts answer [Pod.Questions], networks in
// their order. A pod is judged as often as there are new
// facts; each verdict stands on its own.
func (p *Pod) Judge(f Facts) Verdict {
	if p.exempt != "" {
		return Verdict{Exempt: p.exempt}
	}
	if _, mirror := p.Subject.Annotations[mirrorAnnotation]; mirror {
		return Verdict{}
	}
	if len(f.Networks) != len(p.references) || len(f.Subnets) != len(p.flatSubnets) {
		return Verdict{Undecided: fmt.Errorf("%d facts for %d networks, %d for %d subnets", len(f.Networks), len(p.references), len(f.Subnets), len(p.flatSubnets))}
	}
	p.resolve(f)
	var v Verdict
	v.Mode, v.ModeNote = p.mode()
	if v.Mode == ModeOff {
		return Verdict{Mode: ModeOff, Exempt: "mode off of namespace " + p.Subject.Namespace}
	}
	for i := range table {
		if table[i].check == nil {
			continue
		}
		v.report(&table[i], p.config, table[i].check(p), p.Subject.path)
	}
	if !p.misread() {
		v.Interfaces = slices.Clone(p.interfaces)
	}
	if v.Decision() != Deny {
		v.Undecided = p.undecided()
	}
	return v
}

// report adds what a rule has found, with the action that the configuration and the
// mode give it.
func (v *Verdict) report(r *Rule, c *Config, found []Finding, path func(*Finding) string) {
	action := c.action(r)
	if action == Off {
		return
	}
	for _, f := range found {
		f.Rule, f.Action, f.Path = r.ID, action, path(&f)
		switch {
		case f.softened:
			f.Action = Warn
		case v.Mode == ModeWarn && action == Deny:
			f.Action, f.Relaxed = Warn, true
		}
		v.Findings = append(v.Findings, f)
	}
}

// undecided is the reason why the facts leave open whether the pod is right.
func (p *Pod) undecided() error {
	for i, fact := range p.facts.Networks {
		if fact.Err != nil {
			return fmt.Errorf("look up network %s: %w", quote.Value(p.references[i].String()), fact.Err)
		}
	}
	for i, fact := range p.facts.Subnets {
		if fact.Err != nil {
			return fmt.Errorf("look up %s: %w", quote.Value(p.flatSubnets[i].String()), fact.Err)
		}
	}
	if err := p.facts.Holders.Err; err != nil && len(p.wants) > 0 {
		return fmt.Errorf("look up who holds the addresses: %w", err)
	}
	limited := slices.ContainsFunc(p.facts.Subnets, func(s SubnetFact) bool { return s.Subnet != nil && s.Subnet.Project != "" })
	switch {
	case len(p.supplies) == 0 && !limited:
		return nil
	case p.facts.Namespace.Err != nil:
		return fmt.Errorf("look up namespace %s: %w", quote.Value(p.Subject.Namespace), p.facts.Namespace.Err)
	case len(p.supplies) > 0 && p.facts.Pools.Err != nil:
		return fmt.Errorf("look up pools: %w", p.facts.Pools.Err)
	default:
		return nil
	}
}

// misread says whether an annotation cannot be read as a list of networks, so
// that the pod's interfaces are not known.
func (p *Pod) misread() bool {
	for _, faults := range [][]multus.Fault{p.defaultFaults, p.networkFaults} {
		for _, f := range faults {
			switch f.Problem {
			case multus.ProblemSyntax, multus.ProblemName, multus.ProblemCount, problemTooLarge:
				return true
			}
		}
	}
	return false
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
	fmt.Fprintf(b, "[%s] %s: %s", f.Rule, f.Path, f.Message)
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
