package rules

import (
	"slices"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/multus"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// Whoever reads an annotation of pods reads it by its full key, and in pods only: what stands
// elsewhere is silently passed over.
var ruleAnnotationMisplaced = pod.Rule{
	ID:      "annotation-misplaced",
	Default: verdict.Warn,
	Check: func(p *pod.View) []verdict.Finding {
		// Nobody would read it in its place either.
		if len(p.Interfaces()) == 0 {
			return nil
		}
		return append(strayAnnotations(p), strayLabels(p)...)
	},
}

func strayAnnotations(p *pod.View) []verdict.Finding {
	var found []verdict.Finding
	for i := range p.Subject.Strays {
		s := &p.Subject.Strays[i]
		f := verdict.Finding{
			Place:   s.Place(),
			Message: "annotation " + quote.Value(s.Key) + " is not one that " + s.Reader + " reads; accepted: " + quote.Value(s.Meant),
			Remedy:  "rename it to " + s.Meant,
		}
		if s.Key == s.Meant {
			lost := "the pods do not have it"
			if s.Key == multus.NetworksAnnotation {
				lost = "the pods start without these networks"
			}
			f.Message = "annotation " + quote.Value(s.Key) + " has no effect on the " + holderOfStray(p, s) + ": " + s.Reader + " reads it in pods only, and " + lost
			f.Remedy = "move it to " + p.Subject.PodPath + ".metadata.annotations"
		}
		found = append(found, f)
	}
	return found
}

// holderOfStray names what has an annotation that was meant for the pod template.
func holderOfStray(p *pod.View, s *pod.Stray) string {
	if s.Holder != "" {
		return "job template"
	}
	return p.Subject.Kind
}

// labelled are the annotations that people write as labels. Rancher's flat network has labels
// of the names of its annotations.
var labelled = slices.Concat([]string{multus.NetworksAnnotation, multus.DefaultNetworkAnnotation}, pod.PoolAnnotations)

func strayLabels(p *pod.View) []verdict.Finding {
	if len(p.Subject.Labels) == 0 {
		return nil
	}
	var found []verdict.Finding
	for _, key := range labelled {
		if p.Subject.Labels[key] == "" || p.Subject.Annotations[key] != "" {
			continue
		}
		found = append(found, verdict.Finding{
			Place:   object.AtLabel(key),
			Message: "label " + quote.Value(key) + " has no effect: it is read as an annotation only",
			Remedy:  "move it from labels to annotations",
		})
	}
	return found
}
