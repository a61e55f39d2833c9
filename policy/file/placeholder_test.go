package file

import (
	"testing"

	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

func TestPlaceholderCovers(t *testing.T) {
	p := Placeholder{Place: object.AtAnnotationOf("spec.template", "a").At(5), End: 9}
	for _, tt := range []struct {
		place object.Place
		want  bool
	}{
		{object.AtAnnotation("a", 5).In("spec.template"), true},
		{object.AtAnnotation("a", 8).In("spec.template"), true},
		{object.AtAnnotation("a", 9).In("spec.template"), false},
		{object.AtAnnotation("a", 4).In("spec.template"), false},
		{object.AtAnnotation("b", 5).In("spec.template"), false},
		{object.AtAnnotation("a", 5), false},
		{object.AtField("spec.config").At(5), false},
	} {
		if got := p.Covers(tt.place); got != tt.want {
			t.Errorf("%s at %d: %t", tt.place, tt.place.Offset, got)
		}
	}
}

func TestValueIsPlaceholder(t *testing.T) {
	s := &Subject{Kind: "Pod", Name: "a", Placeholders: []Placeholder{{Place: object.AtAnnotationOf("spec.template", "a").At(5), End: 9, Text: "${\x1b}"}}}
	v := s.Judge(config.Default())
	if len(v.Findings) != 1 || v.Decision() != verdict.Warn || v.Findings[0].Path() != "spec.template.metadata.annotations[a]" || v.Findings[0].Place.Offset != 5 {
		t.Errorf("%+v", v.Findings)
	}
}

// A rule that is off is not run.
func TestRulesThatAreOff(t *testing.T) {
	before := Rules
	defer func() { Rules = before }()
	Rules = []Rule{{ID: "a", Default: verdict.Off, Check: func(*Subject) []verdict.Finding { t.Error("it was run"); return nil }}}
	(&Subject{Kind: "Pod", Name: "a"}).Judge(config.Default())
}
