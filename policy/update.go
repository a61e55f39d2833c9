package policy

import (
	"maps"
	"slices"
	"strings"
)

// ReadsAsBefore says whether an update changes nothing that rules read.
func (s *Subject) ReadsAsBefore(old *Subject) bool {
	return s.HostNetwork == old.HostNetwork && maps.Equal(s.Annotations, old.Annotations) && maps.Equal(s.Labels, old.Labels)
}

// Inherit makes warnings of denials for what stood in the object before an update,
// so that nobody has to repair an object to scale it: those that the verdict on the
// old object has as well, at a place that the update leaves as it was.
func (v *Verdict) Inherit(subject, old *Subject, before *Verdict) {
	v.inherit(func(f *Finding) bool {
		untouched := subject.HostNetwork == old.HostNetwork
		if f.Annotation != "" {
			value, there := old.Annotations[f.Annotation]
			untouched = there && value == subject.Annotations[f.Annotation]
		}
		return untouched && slices.ContainsFunc(before.Findings, f.sameAs)
	})
	if subject.ReadsAsBefore(old) {
		v.Undecided = nil
	}
}

// inherit makes warnings of the denials that an update found in place.
func (v *Verdict) inherit(hadBefore func(*Finding) bool) {
	for i := range v.Findings {
		if f := &v.Findings[i]; f.Action == Deny && hadBefore(f) {
			f.Action, f.Inherited = Warn, true
		}
	}
}

// sameAs says whether a finding is the same one, whatever it leads to.
func (f *Finding) sameAs(other Finding) bool {
	return f.Rule == other.Rule && f.Path == other.Path && f.Offset == other.Offset && f.Message == other.Message
}

// Warnings are the lines for kubectl's "Warning:", each of at most 120
// characters: one for every finding that warns, one for all that are inherited,
// since they are not about what is being done, and one for a mode that does not
// count.
func (v *Verdict) Warnings(kind string) []string {
	var lines, inherited []string
	for i := range v.Findings {
		f := &v.Findings[i]
		switch {
		case f.Inherited:
			if !slices.Contains(inherited, f.Rule) {
				inherited = append(inherited, f.Rule)
			}
		case f.Action == Warn:
			lines = append(lines, f.Warning())
		}
	}
	if len(inherited) > 0 {
		fact := "the next pods of this " + kind + " will be refused"
		if kind == networkKind {
			fact = "this network has what a new one is refused for"
		}
		lines = append(lines, shortened(fact+": "+strings.Join(inherited, ", ")))
	}
	if v.ModeNote != "" {
		lines = append(lines, shortened(v.ModeNote))
	}
	return lines
}
