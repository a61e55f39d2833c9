package policy

import (
	"maps"
	"slices"
	"strings"
)

// ReadsAsBefore says whether an update changes nothing that rules read.
func (s *Subject) ReadsAsBefore(old *Subject) bool {
	return s.HostNetwork == old.HostNetwork && s.Scale.Pods == old.Scale.Pods && s.Scale.Surge == old.Scale.Surge &&
		maps.Equal(s.Annotations, old.Annotations) && maps.Equal(s.Labels, old.Labels)
}

// Inherit makes warnings of denials for what stood in the object before an update,
// so that nobody has to repair an object to scale it: those that the verdict on the
// old object has as well, at a place that the update leaves as it was.
func Inherit(v *Verdict, subject, old *Subject, before *Verdict) {
	v.inherit(subject.InheritedClause(), func(f *Finding) bool {
		untouched := subject.HostNetwork == old.HostNetwork
		if key := f.Place.Annotation(); key != "" {
			value, there := old.Annotations[key]
			untouched = there && value == subject.Annotations[key]
		}
		if key := f.Place.Label(); key != "" {
			value, there := old.Labels[key]
			untouched = there && value == subject.Labels[key]
		}
		// What falls short by less is better than before, whatever was written.
		return (untouched || f.shortfall > 0) && slices.ContainsFunc(before.Findings, f.sameAs)
	})
	if subject.ReadsAsBefore(old) {
		v.Undecided = nil
	}
}

// InheritedClause says what a denial means that an update of the subject inherits.
func (s *Subject) InheritedClause() string {
	return "the next pods of this " + s.Kind + " will be refused"
}

// inherit makes warnings of the denials that an update found in place.
//
// The clause is that of [Verdict.Inherited].
func (v *Verdict) inherit(clause string, hadBefore func(*Finding) bool) {
	for i := range v.Findings {
		if f := &v.Findings[i]; f.Action == Deny && hadBefore(f) {
			f.Action, f.Inherited, v.Inherited = Warn, true, clause
		}
	}
}

// sameAs says whether a finding is the same one, whatever it leads to. What falls short
// by less than before is not new.
func (f *Finding) sameAs(before Finding) bool {
	if f.Rule != before.Rule || !f.Place.Is(before.Place) {
		return false
	}
	return f.Message == before.Message || f.shortfall > 0 && f.shortfall <= before.shortfall
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
		lines = append(lines, shortened(v.Inherited+": "+strings.Join(rules, ", ")))
	}
	if v.ModeNote != "" {
		lines = append(lines, shortened(v.ModeNote))
	}
	return lines
}
