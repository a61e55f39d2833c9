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

// SameAs says whether a finding is the same one, whatever it leads to. What falls short
// by less than before is not new.
func (f *Finding) SameAs(before Finding) bool {
	if f.Rule != before.Rule || !f.Place.Is(before.Place) {
		return false
	}
	return f.Message == before.Message || f.Shortfall > 0 && f.Shortfall <= before.Shortfall
}

// Warnings are the lines for kubectl's "Warning:", each of at most 120
// characters: one for every finding that warns, one for all that are inherited,
// since they are not about what is being done, and one for a mode that does not
// count.
func (v *Verdict) Warnings() []string {
	var lines, rules []string
	for i := range v.Findings {
		f := &v.Findings[i]
		switch {
		case f.Inherited:
			if !slices.Contains(rules, f.Rule) {
				rules = append(rules, f.Rule)
			}
		case f.Action == Warn:
			lines = append(lines, f.Warning())
		}
	}
	if len(rules) > 0 {
		clause := v.Inherited
		if v.Mode == ModeWarn {
			clause = "in mode enforce, " + clause
		}
		lines = append(lines, shortened(clause+": "+strings.Join(rules, ", ")))
	}
	if v.ModeNote != "" {
		lines = append(lines, shortened(v.ModeNote))
	}
	return lines
}
