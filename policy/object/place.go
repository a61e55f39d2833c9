package object

import (
	"slices"
	"strconv"
	"strings"
)

// Place is where in an object something stands. It is kept as it was said, since few places
// are ever looked for: [Place.Steps] takes it apart, [Place.String] writes it down.
type Place struct {
	// Offset is where in the value, a text, the culprit begins, in bytes.
	Offset int

	// pod is the path of the pod in the object, in which the place is; empty for a Pod.
	pod string
	// path is that of a field. For an annotation or label it is the key, and keyed the field
	// of the metadata that has it.
	path, keyed string
	// ofObject says that the path begins at the object, also where that holds a template.
	ofObject bool
}

// The fields of metadata whose keys are places.
const (
	annotations = "annotations"
	labels      = "labels"
)

// AtAnnotation is a place in an annotation of the pod.
func AtAnnotation(key string, offset int) Place {
	return Place{keyed: annotations, path: key, Offset: offset}
}

// AtAnnotationOf is an annotation of what holds the pod: of the object itself, where the path is
// empty, or of what stands at the path in it.
func AtAnnotationOf(path, key string) Place {
	return Place{pod: path, keyed: annotations, path: key, ofObject: true}
}

// AtLabel is a label of the pod.
func AtLabel(key string) Place { return Place{keyed: labels, path: key} }

// AtField is a field of the pod, as spec.hostNetwork or spec.ranges[1].from.
func AtField(path string) Place { return Place{path: path} }

// AtObject is a field of the object, which is another place on a template.
func AtObject(path string) Place { return Place{path: path, ofObject: true} }

// At is the place at an offset in its value.
func (p Place) At(offset int) Place {
	p.Offset = offset
	return p
}

// In is the place in an object that holds the pod at a path, such as spec.template; the
// path of a Pod is empty.
func (p Place) In(podPath string) Place {
	if !p.ofObject {
		p.pod = podPath
	}
	return p
}

// Annotation is the key of the pod's annotation that the place is in; empty for other places.
func (p Place) Annotation() string {
	if p.ofObject {
		return ""
	}
	return p.keyIn(annotations)
}

// Label is the key of the label that the place is; empty for other places.
func (p Place) Label() string { return p.keyIn(labels) }

func (p Place) keyIn(field string) string {
	if p.keyed != field {
		return ""
	}
	return p.path
}

// Is says whether two places are the same.
func (p Place) Is(other Place) bool { return p == other }

// Steps lead to the place: names of fields, keys of annotations and labels, and indices of
// lists, which are of type int.
func (p Place) Steps() []any {
	if p.keyed != "" {
		return append(steps(p.pod), "metadata", p.keyed, p.path)
	}
	return slices.Concat(steps(p.pod), steps(p.path))
}

// String is the place as people write it, without the offset, such as
// metadata.annotations[k8s.v1.cni.cncf.io/networks].
func (p Place) String() string {
	path := p.path
	if p.keyed != "" {
		path = "metadata." + p.keyed + "[" + p.path + "]"
	}
	if p.pod == "" {
		return path
	}
	return p.pod + "." + path
}

// steps takes a path apart, such as spec.ranges[1].from. No name in it has a dot.
func steps(path string) []any {
	if path == "" {
		return nil
	}
	var steps []any
	for step := range strings.SplitSeq(path, ".") {
		name, index, indexed := strings.Cut(strings.TrimSuffix(step, "]"), "[")
		steps = append(steps, name)
		if n, err := strconv.Atoi(index); indexed && err == nil {
			steps = append(steps, n)
		}
	}
	return steps
}
