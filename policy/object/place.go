package object

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Place is where in an object something stands.
type Place struct {
	// Steps lead to it: names of fields, keys of annotations and labels, and indices of
	// lists, which are of type int.
	Steps []any
	// Offset is where in the value, a text, the culprit begins, in bytes.
	Offset int

	// ofObject says that the steps begin at the object, also where that holds a template;
	// otherwise they begin at the pod.
	ofObject bool
}

// AtAnnotation is a place in an annotation of the pod.
func AtAnnotation(key string, offset int) Place {
	return Place{Steps: []any{"metadata", "annotations", key}, Offset: offset}
}

// AtLabel is a label of the pod.
func AtLabel(key string) Place {
	return Place{Steps: []any{"metadata", "labels", key}}
}

// AtField is a field of the pod, as spec.hostNetwork or spec.ranges[1].from.
func AtField(path string) Place { return Place{Steps: steps(path)} }

// AtObject is a field of the object, which is another place on a template.
func AtObject(path string) Place { return Place{Steps: steps(path), ofObject: true} }

// At is the place at an offset in its value.
func (p Place) At(offset int) Place {
	p.Offset = offset
	return p
}

// In is the place in an object that holds the pod at a path, such as spec.template; the
// path of a Pod is empty.
func (p Place) In(podPath string) Place {
	if podPath == "" || p.ofObject {
		return p
	}
	p.Steps = append(steps(podPath), p.Steps...)
	return p
}

// Annotation is the key of the annotation that the place is in; empty for other places.
func (p Place) Annotation() string { return p.keyIn("annotations") }

// Label is the key of the label that the place is; empty for other places.
func (p Place) Label() string { return p.keyIn("labels") }

// keyIn is the last step where that is a key of a field of metadata; empty elsewhere.
func (p Place) keyIn(field string) string {
	n := len(p.Steps)
	if n < 3 || p.Steps[n-3] != "metadata" || p.Steps[n-2] != field {
		return ""
	}
	key, _ := p.Steps[n-1].(string)
	return key
}

// Is says whether two places are the same.
func (p Place) Is(other Place) bool {
	return p.Offset == other.Offset && p.ofObject == other.ofObject && slices.Equal(p.Steps, other.Steps)
}

// String is the place as people write it, without the offset, such as
// metadata.annotations[k8s.v1.cni.cncf.io/networks].
func (p Place) String() string {
	var b strings.Builder
	keyed := p.Annotation() != "" || p.Label() != ""
	for n, step := range p.Steps {
		name, isName := step.(string)
		switch {
		case !isName || keyed && n == len(p.Steps)-1:
			fmt.Fprintf(&b, "[%v]", step)
		case n == 0:
			b.WriteString(name)
		default:
			b.WriteString("." + name)
		}
	}
	return b.String()
}

// steps takes a path apart, such as spec.ranges[1].from. No name in it has a dot.
func steps(path string) []any {
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
