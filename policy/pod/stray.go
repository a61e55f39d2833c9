package pod

import (
	"maps"
	"slices"
	"strings"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/flatnetwork"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/multus"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/spiderpool"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/spelling"
)

// Stray is an annotation that nobody reads, because it stands in the wrong place or its key is
// misspelled.
type Stray struct {
	// Key is as it was written.
	Key string
	// Meant is the annotation of pods that was meant: Key itself, where only the place is
	// wrong.
	Meant string
	// Reader is who reads the one that was meant.
	Reader string
	// Holder is the path of what has the annotation: of the pod in the object, or of what
	// holds the template, empty for the object itself.
	Holder string
}

// Place is where the annotation is.
func (s *Stray) Place() object.Place { return object.AtAnnotationOf(s.Holder, s.Key) }

// maxStrays is how many misspelled keys are kept: all that a person wrote by hand.
const maxStrays = 8

// family are the annotations of pods with one prefix.
type family struct {
	// reader is who reads them.
	reader string
	prefix string
	names  []string
	// kin are what prefixes have in them that people write for this one, from memory or
	// from another version of the program.
	kin []string
	// distinctive says that no other program has annotations of these names.
	distinctive bool
}

var families = []family{
	familyOf("Multus", []string{multus.NetworksAnnotation}, true, "cncf.io", "multus-cni.io"),
	familyOf("Multus", []string{multus.DefaultNetworkAnnotation}, true, "multus-cni.io", "cncf.io"),
	familyOf("Spiderpool", slices.Concat(PoolAnnotations, dependentAnnotations, []string{spiderpool.RoutesAnnotation}), false, "spidernet.io", "spiderpool.io"),
	familyOf("Spiderpool", InjectAnnotations, true, "spidernet.io", "spiderpool.io"),
	familyOf("Rancher's flat network", flatnetwork.V1.Annotations(), false, "macvlan.panda", "macvlan.cattle", "macvlan.cluster.cattle"),
	familyOf("Rancher's flat network", flatnetwork.V2.Annotations(), false, "flatnetwork.panda", "flatnetwork.cattle", "flatnetwork.cluster.cattle"),
}

// familyOf makes a family of keys that have one prefix.
func familyOf(reader string, keys []string, distinctive bool, kin ...string) family {
	f := family{reader: reader, kin: kin, distinctive: distinctive}
	for _, key := range keys {
		prefix, name, _ := strings.Cut(key, "/")
		f.prefix = prefix
		f.names = append(f.names, name)
	}
	return f
}

// nearMiss finds the annotation of pods that a key was meant to be, which is none that rules
// read: the prefix is right and the name nearly so, or the name is right and the prefix
// nearly so.
func nearMiss(key string) (Stray, bool) {
	prefix, name, slashed := strings.Cut(key, "/")
	if len(prefix) > spelling.MaxLength || len(name) > spelling.MaxLength {
		return Stray{}, false
	}
	stray := func(f *family, name string) (Stray, bool) {
		// The key is a part of all annotations.
		return Stray{Key: strings.Clone(key), Meant: f.prefix + "/" + name, Reader: f.reader}, true
	}
	for i := range families {
		f := &families[i]
		switch {
		case !slashed && len(key) > len(f.prefix)+1 && strings.HasPrefix(key, f.prefix):
			// A dot or a dash for the slash.
			if name := key[len(f.prefix)+1:]; slices.Contains(f.names, name) {
				return stray(f, name)
			}
		case prefix == f.prefix:
			if near, ok := spelling.Nearest(name, f.names); ok {
				return stray(f, near)
			}
		case slashed && slices.Contains(f.names, name) && f.mayMean(prefix):
			return stray(f, name)
		}
	}
	return Stray{}, false
}

// mayMean says whether a prefix that is another may be meant for this one.
func (f *family) mayMean(prefix string) bool {
	if _, near := spelling.Nearest(prefix, []string{f.prefix}); near {
		return true
	}
	if !f.distinctive && slices.ContainsFunc(families, func(other family) bool { return other.prefix == prefix }) {
		return false
	}
	return slices.ContainsFunc(f.kin, func(part string) bool { return strings.Contains(prefix, part) })
}

// readerOf is who reads an annotation that rules read.
func readerOf(key string) string {
	prefix, _, _ := strings.Cut(key, "/")
	for i := range families {
		if families[i].prefix == prefix {
			return families[i].reader
		}
	}
	return ""
}

// noteStray keeps a key that rules do not read, where it is a near miss.
func (a *podAnnotations) noteStray(key string) {
	if len(a.strays) == maxStrays {
		return
	}
	if s, near := nearMiss(key); near && !slices.Contains(a.strays, s) {
		a.strays = append(a.strays, s)
	}
}

// outerAnnotations are those of what holds a template: the keys that rules read in pods, as far as
// they ask for anything.
type outerAnnotations struct{ keys []string }

// UnmarshalJSON never fails: nothing else depends on these annotations.
func (a *outerAnnotations) UnmarshalJSON(text []byte) error {
	values, _, err := object.KeepAnnotations(text, annotationKeys, nil)
	if err != nil {
		return nil
	}
	delete(values, MirrorAnnotation)
	maps.DeleteFunc(values, func(_, value string) bool { return value == "" })
	a.keys = slices.Sorted(maps.Keys(values))
	return nil
}

// misplaced are the annotations of what holds the template of a subject that were meant for
// the template: those that it does not have itself. Of the flat network it has to lack all.
func (s *Subject) misplaced(holder string, outer outerAnnotations) []Stray {
	var found []Stray
	for _, key := range outer.keys {
		same := []string{key}
		for _, g := range flatnetwork.Generations {
			if slices.Contains(g.Annotations(), key) {
				same = g.Annotations()
			}
		}
		if !slices.ContainsFunc(same, func(key string) bool { return s.Annotations[key] != "" }) {
			found = append(found, Stray{Key: key, Meant: key, Reader: readerOf(key), Holder: holder})
		}
	}
	return found
}

// findStrays finds the annotations that nobody reads: those of the pod, without those beside the
// one that was meant, and those around its template.
func (s *Subject) findStrays(near []Stray, outer, job outerAnnotations) {
	for _, stray := range near {
		if s.Annotations[stray.Meant] == "" {
			stray.Holder = s.PodPath
			s.Strays = append(s.Strays, stray)
		}
	}
	// A Deployment's annotations are copied to its ReplicaSets.
	if s.Template() && !s.Spawned() {
		s.Strays = append(s.Strays, s.misplaced("", outer)...)
		s.Strays = append(s.Strays, s.misplaced("spec.jobTemplate", job)...)
	}
}
