package object

import (
	"slices"
	"testing"
)

func TestPlace(t *testing.T) {
	const networks = "k8s.v1.cni.cncf.io/networks"
	for _, tt := range []struct {
		name       string
		place      Place
		text       string
		steps      []any
		annotation string
		label      string
	}{
		{"annotation", AtAnnotation(networks, 7), "metadata.annotations[" + networks + "]", []any{"metadata", "annotations", networks}, networks, ""},
		{"annotation of a template", AtAnnotation(networks, 7).In("spec.jobTemplate.spec.template"),
			"spec.jobTemplate.spec.template.metadata.annotations[" + networks + "]",
			[]any{"spec", "jobTemplate", "spec", "template", "metadata", "annotations", networks}, networks, ""},
		{"annotation of a Pod", AtAnnotation("a", 0).In(""), "metadata.annotations[a]", []any{"metadata", "annotations", "a"}, "a", ""},
		{"label", AtLabel("addresses").In("spec.template"), "spec.template.metadata.labels[addresses]", []any{"spec", "template", "metadata", "labels", "addresses"}, "", "addresses"},
		{"annotations", AtField("metadata.annotations"), "metadata.annotations", []any{"metadata", "annotations"}, "", ""},
		{"field", AtField("spec.hostNetwork").In("spec.template"), "spec.template.spec.hostNetwork", []any{"spec", "template", "spec", "hostNetwork"}, "", ""},
		{"list", AtField("spec.ranges[1].from"), "spec.ranges[1].from", []any{"spec", "ranges", 1, "from"}, "", ""},
		{"list as such", AtField("spec.ranges[12]"), "spec.ranges[12]", []any{"spec", "ranges", 12}, "", ""},
		{"field of the object", AtObject("metadata.name").In("spec.template"), "metadata.name", []any{"metadata", "name"}, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := tt.place
			if p.String() != tt.text || !slices.Equal(p.Steps(), tt.steps) || p.Annotation() != tt.annotation || p.Label() != tt.label {
				t.Errorf("%q, %v, annotation %q, label %q", p, p.Steps(), p.Annotation(), p.Label())
			}
		})
	}
}

func TestPlaceIs(t *testing.T) {
	place := AtAnnotation("a", 7)
	for name, tt := range map[string]struct {
		other Place
		want  bool
	}{
		"the same":           {AtAnnotation("a", 7), true},
		"another offset":     {AtAnnotation("a", 8), false},
		"another annotation": {AtAnnotation("b", 7), false},
		"a label":            {AtLabel("a").At(7), false},
		"of a template":      {place.In("spec.template"), false},
	} {
		if place.Is(tt.other) != tt.want {
			t.Errorf("%s: %t", name, !tt.want)
		}
	}
}
