package pod

import (
	"maps"
	"reflect"
	"slices"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/multus"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// Update makes the subject what becomes of a pod that is there already. Its default pools are
// not filled in any more, and what is written is what Multus reads at the next sandbox. old
// is nil where it cannot be read.
func (s *Subject) Update(old *Subject) {
	s.Final, s.Before = true, map[string]string{}
	if old != nil {
		maps.Copy(s.Before, old.Annotations)
		old.Final, old.Before = true, s.Before
	}
}

// Existing says that the subject is a pod that was there before, and not one that is created.
func (s *Subject) Existing() bool { return s.Before != nil }

// Changes says whether an update of a pod changes any of some annotations.
func (s *Subject) Changes(keys ...string) bool {
	return slices.ContainsFunc(keys, func(key string) bool {
		before, was := s.Before[key]
		now, is := s.Annotations[key]
		return was != is || before != now
	})
}

// ReadsAsBefore says whether an update changes nothing that rules read.
func (s *Subject) ReadsAsBefore(old *Subject) bool {
	return s.HostNetwork == old.HostNetwork && s.Scale.Pods == old.Scale.Pods && s.Scale.Surge == old.Scale.Surge &&
		maps.Equal(s.Annotations, old.Annotations) && slices.Equal(s.Strays, old.Strays) && maps.Equal(s.Labels, old.Labels)
}

// takesAway says whether an update of a pod does nothing but remove annotations, or networks
// from their list.
func (s *Subject) takesAway() bool {
	for key, value := range s.Annotations {
		before, was := s.Before[key]
		if !was || value != before && (key != multus.NetworksAnnotation || !fewerNetworks(value, before, s.Namespace)) {
			return false
		}
	}
	return true
}

// fewerNetworks says whether a list of networks is another one from which some were taken.
func fewerNetworks(value, before, namespace string) bool {
	if len(value) > MaxAnnotationBytes || len(before) > MaxAnnotationBytes {
		return false
	}
	elements, faults := multus.ParseNetworks(value, namespace)
	rest, _ := multus.ParseNetworks(before, namespace)
	if len(elements) == 0 && len(faults) > 0 {
		return false
	}
	for _, e := range elements {
		n := slices.IndexFunc(rest, func(b multus.Element) bool {
			b.Offset = e.Offset
			return reflect.DeepEqual(b, e)
		})
		if n < 0 {
			return false
		}
		rest = rest[n+1:]
	}
	return true
}

// unplugs says whether an update of a pod does nothing but take networks out of their list, and
// perhaps other annotations away, while what those that are left rest on stays: the first
// interface, and all that is Spiderpool's.
func (s *Subject) unplugs() bool {
	return s.takesAway() && s.Changes(multus.NetworksAnnotation) && !s.Changes(multus.DefaultNetworkAnnotation) &&
		!s.Changes(InjectAnnotations...) && !s.Changes(SpiderpoolAnnotations...)
}

// leftBehind says whether a finding is about what the networks that were taken out leave behind:
// an annotation of Spiderpool for interfaces that are gone, or counted anew, and the names that
// these get.
func leftBehind(f *verdict.Finding) bool {
	return f.OfName || slices.Contains(SpiderpoolAnnotations, f.Place.Annotation())
}

// Inherit makes warnings of denials for what stood in the object before an update,
// so that nobody has to repair an object to scale it: those that the verdict on the
// old object has as well, at a place that the update leaves as it was.
//
// Of a pod that is there already the place may be rewritten: controllers add networks to the
// list of a running pod, and did not write those that stand in it. And a pod that is wrong may
// lose any annotation: what was hidden behind a mistake that goes is not new.
//
// A pod that is right may lose networks, too. Controllers that unplug one from a running pod,
// such as KubeVirt, know nothing of Spiderpool's annotations, which this program may have written
// itself, nor of the names of the others. The pod runs on as it is. At its next sandbox Multus
// may count the interfaces anew, and Spiderpool then refuses the pod, or at worst gives two of its
// interfaces one address: that harms nobody else, so that a warning is enough. What would let the
// pod start with wrong routes stays refused.
// Of itself an element that goes brings no such thing: whether networks fit together rests on
// what each of them is and on the first interface, which stays. But one may go that asked for
// the default route (default-route-taken, where the configuration denies it). And whoever takes
// away default-network gives the others another first interface: a way past the judgement at
// creation, if that passed.
func Inherit(v *verdict.Verdict, subject, old *Subject, before *verdict.Verdict) {
	repairs := subject.Existing() && subject.takesAway() && before.Refuses()
	unplugs := !repairs && subject.Existing() && subject.unplugs()
	clause := subject.InheritedClause()
	if unplugs {
		clause += ", and this one may fail when its sandbox is created again"
	}
	v.Inherit(clause, func(f *verdict.Finding) bool {
		if repairs || unplugs && leftBehind(f) {
			return true
		}
		if subject.Existing() {
			return slices.ContainsFunc(before.Findings, func(b verdict.Finding) bool {
				b.Place = b.Place.At(f.Place.Offset)
				return f.SameAs(b)
			})
		}
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
	if subject.ReadsAsBefore(old) || subject.Existing() && subject.takesAway() {
		v.Undecided = nil
	}
}

// InheritedClause says what a denial means that an update of the subject inherits.
func (s *Subject) InheritedClause() string {
	if s.Existing() {
		return "a new Pod with these annotations would be refused"
	}
	return "the next pods of this " + s.Kind + " will be refused"
}
