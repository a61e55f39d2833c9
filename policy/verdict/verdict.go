package verdict

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Verdict is what is to be said about a subject.
type Verdict struct {
	// Findings stand in the order of the rule table, within a rule in the order
	// of the annotations.
	Findings []Finding
	// LeftOut are findings of rules of which none is said, where the verdict is
	// [Verdict.Bounded].
	LeftOut []Finding
	// Exempt says why the configuration spares the subject, such as
	// "namespace kube-system"; empty when it does not.
	Exempt string
	// Mode of the subject. In [ModeWarn] what would be a denial is a
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

// Refuses says whether anything denies, or would but for the namespace's mode.
func (v *Verdict) Refuses() bool {
	return slices.ContainsFunc(v.Findings, func(f Finding) bool { return f.refuses() })
}

func (f *Finding) refuses() bool { return f.Action == Deny || f.Relaxed }

// RestsOn are the parts of the inventory's answers that may have to be confirmed: those
// that a refusal rests on, also one that the mode makes a warning of, and who holds an
// address, for any warning. That an address is held by a pod's own siblings is known only
// then.
func (v *Verdict) RestsOn() Parts {
	var rests Parts
	for i := range v.Findings {
		if f := &v.Findings[i]; f.refuses() {
			rests |= f.restsOn
		} else {
			rests |= f.restsOn & OnHolders
		}
	}
	return rests
}

// Add adds the findings of a rule, with the action that the mode leaves them.
func (v *Verdict) Add(id string, action Action, restsOn Parts, found []Finding, podPath string) {
	for _, f := range found {
		f.Rule, f.Action, f.restsOn = id, action, restsOn
		f.Place = f.Place.In(podPath)
		switch {
		case f.Softened:
			f.Action = Warn
		case v.Mode == ModeWarn && action == Deny:
			f.Action, f.Relaxed = Warn, true
		}
		v.Findings = append(v.Findings, f)
	}
}

// Explanation is the text that a person reads: every finding of at least the
// given severity with its rule, its place and its remedy. What mends several findings
// of a rule is said once, behind the last of them.
func (v *Verdict) Explanation(least Action) string {
	var said []*Finding
	count := 0
	for i := range v.Findings {
		if f := &v.Findings[i]; f.Action.severity() >= least.severity() {
			said = append(said, f)
			count += 1 + f.More
		}
	}
	for i := range v.LeftOut {
		if f := &v.LeftOut[i]; f.Action.severity() >= least.severity() {
			count += 1 + f.More
		}
	}
	var b strings.Builder
	if count > 1 {
		b.WriteString(strconv.Itoa(count) + " findings:\n\n")
	}
	for n, f := range said {
		fmt.Fprintf(&b, "[%s] %s: %s", f.Rule, f.Path(), f.Text())
		last := n == len(said)-1
		if f.Remedy != "" && (last || said[n+1].Rule != f.Rule || said[n+1].Remedy != f.Remedy) {
			b.WriteString("\nTo fix it: ")
			b.WriteString(f.Remedy)
		}
		if !last {
			b.WriteString("\n\n")
		}
	}
	if rules := rulesOf(v.LeftOut, least); len(rules) > 0 {
		b.WriteString("\n\nThere is more to say of the rules " + strings.Join(rules, ", ") + ".")
	}
	return b.String()
}

// rulesOf are the rules of findings of at least a severity, each once.
func rulesOf(findings []Finding, least Action) []string {
	var rules []string
	for i := range findings {
		if f := &findings[i]; f.Action.severity() >= least.severity() && !slices.Contains(rules, f.Rule) {
			rules = append(rules, f.Rule)
		}
	}
	return rules
}

// Inherit makes warnings of the denials that an update found in place, and marks what would
// be one but for the mode.
//
// The clause is that of [Verdict.Inherited].
func (v *Verdict) Inherit(clause string, hadBefore func(*Finding) bool) {
	for i := range v.Findings {
		if f := &v.Findings[i]; f.refuses() && hadBefore(f) {
			f.Action, f.Inherited, v.Inherited = Warn, true, clause
		}
	}
}

// Crowded says that of a rule more findings were there than were kept, and at least as many as
// another verdict has: one that only the other has kept may be as old as the others.
func (v *Verdict) Crowded(rule string, now *Verdict) bool {
	n, more := v.number(rule)
	others, _ := now.number(rule)
	return more && others <= n
}

// number is how many findings of a rule there are, and whether some are not kept.
func (v *Verdict) number(rule string) (n int, more bool) {
	for i := range v.Findings {
		if f := &v.Findings[i]; f.Rule == rule {
			n += 1 + f.More
			more = more || f.More > 0
		}
	}
	return n, more
}

// SameAs says whether a finding stood there before, and was a reason to refuse then: one that
// was only warned of, because what it is about had no effect, is new when it has. What falls
// short by less than before is not new.
func (f *Finding) SameAs(before Finding) bool {
	if f.Rule != before.Rule || !f.Place.Is(before.Place) || !before.refuses() {
		return false
	}
	return f.Message == before.Message && f.More <= before.More || f.Shortfall > 0 && f.Shortfall <= before.Shortfall
}
