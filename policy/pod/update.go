package pod

import (
	"maps"
	"slices"

	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// ReadsAsBefore says whether an update changes nothing that rules read.
func (s *Subject) ReadsAsBefore(old *Subject) bool {
	return s.HostNetwork == old.HostNetwork && s.Scale.Pods == old.Scale.Pods && s.Scale.Surge == old.Scale.Surge &&
		maps.Equal(s.Annotations, old.Annotations) && slices.Equal(s.Strays, old.Strays) && maps.Equal(s.Labels, old.Labels)
}

// Inherit makes warnings of denials for what stood in the object before an update,
// so that nobody has to repair an object to scale it: those that the verdict on the
// old object has as well, at a place that the update leaves as it was.
func Inherit(v *verdict.Verdict, subject, old *Subject, before *verdict.Verdict) {
	v.Inherit(subject.InheritedClause(), func(f *verdict.Finding) bool {
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
		return (untouched || f.Shortfall > 0) && slices.ContainsFunc(before.Findings, f.SameAs) || untouched && before.Crowded(f.Rule, v)
	})
	if subject.ReadsAsBefore(old) {
		v.Undecided = nil
	}
}

// InheritedClause says what a denial means that an update of the subject inherits.
func (s *Subject) InheritedClause() string {
	return "the next pods of this " + s.Kind + " will be refused"
}
