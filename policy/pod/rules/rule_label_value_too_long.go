package rules

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/flatnetwork"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// Kubernetes' own limit (LabelValueMaxLength in apimachinery). The API server refuses
// such a label after mutating admission and before validating admission, so that both
// of our webhooks look.
var ruleLabelValueTooLong = pod.Rule{
	ID:      "label-value-too-long",
	Default: verdict.Deny,
	Check: func(p *pod.View) []verdict.Finding {
		var found verdict.Collector
		longLabels(&found, p.Subject)
		flatFaults(p, &found, flatnetwork.ProblemLabel)
		for r := range p.FlatRequests {
			if !r.Unattached() {
				derivedNames(p, &found, r.Generation)
			}
		}
		return found.List()
	},
}

// derivedNames adds what is made of a workload's name where the flat network serves its
// pods, and is longer than it may be.
func derivedNames(p *pod.View, found *verdict.Collector, g flatnetwork.Generation) {
	s := p.Subject
	if !s.Template() || strings.HasSuffix(s.Name, "*") {
		return
	}
	kind := strings.ToLower(s.Kind)
	if label := "apps." + kind + "-" + s.Namespace + "-" + s.Name; s.APIVersion == "apps/v1" && len(label) > validation.LabelValueMaxLength {
		found.Add(true, func() verdict.Finding {
			return verdict.Finding{
				Place:   object.AtObject("metadata.name"),
				Message: fmt.Sprintf("Rancher makes the label value %s from this name: it has %d bytes, and Kubernetes allows at most %d", quote.Value(label), len(label), validation.LabelValueMaxLength),
				Remedy:  shorterName(len(s.Name) - len(label) + validation.LabelValueMaxLength),
			}
		})
	}
	if service := s.Name + g.ServiceSuffix(); len(service) > validation.DNS1123LabelMaxLength {
		found.Add(true, func() verdict.Finding {
			return verdict.Finding{
				Place:   object.AtObject("metadata.name"),
				Message: fmt.Sprintf("a Service of this name gets a second one, %s: its name has %d characters, and Kubernetes allows at most %d", quote.Value(service), len(service), validation.DNS1123LabelMaxLength),
				Remedy:  fmt.Sprintf("shorten the name to %d characters, if a Service has the workload's name", validation.DNS1123LabelMaxLength-len(g.ServiceSuffix())),
			}
		})
	}
}

// shorterName says what to do about a label that is made of a workload's namespace and
// name, given how long the name may be.
func shorterName(length int) string {
	if length < 1 {
		return "choose a namespace with a shorter name, if Rancher manages the workload"
	}
	return fmt.Sprintf("shorten the name to %d characters, if Rancher manages the workload", length)
}

// longLabels adds the findings about labels that the pod itself has.
func longLabels(found *verdict.Collector, s *pod.Subject) {
	for _, key := range slices.Sorted(maps.Keys(s.Labels)) {
		value := s.Labels[key]
		if len(value) <= validation.LabelValueMaxLength {
			continue
		}
		found.Add(false, func() verdict.Finding {
			return verdict.Finding{
				Place: object.AtLabel(key),
				Message: fmt.Sprintf("the value %s of label %s has %d bytes, and Kubernetes allows at most %d", quote.Value(value), quote.Value(key),
					len(value), validation.LabelValueMaxLength),
				Remedy: "shorten it, or put it into an annotation: lists of addresses are read from annotations only",
			}
		})
	}
}

// HasLongLabel says whether a label of the pod is longer than Kubernetes takes, which
// has to be said in mutating admission: afterwards the API server says it in its own
// words.
func HasLongLabel(s *pod.Subject) bool {
	for _, value := range s.Labels {
		if len(value) > validation.LabelValueMaxLength {
			return true
		}
	}
	return false
}

// JudgeLabels gives the verdict on the subject's labels alone, which rests on nothing
// that an inventory would have to tell. Modes do not count: the API server refuses the
// object in any namespace.
func JudgeLabels(s *pod.Subject, c *config.Config) verdict.Verdict {
	if exempt := c.ExemptNamespace(s.Namespace); exempt != "" {
		return verdict.Verdict{Exempt: exempt}
	}
	var v verdict.Verdict
	if action := c.Action(ruleLabelValueTooLong.ID, ruleLabelValueTooLong.Default); action != verdict.Off {
		var found verdict.Collector
		longLabels(&found, s)
		v.Add(ruleLabelValueTooLong.ID, action, 0, found.List(), s.PodPath)
	}
	return v
}
