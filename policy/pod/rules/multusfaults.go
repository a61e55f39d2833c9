package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/macvlan-webhook/macvlan-webhook/policy/multus"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// faultCheck makes the check of a rule that reports what the annotation grammar
// found wrong. The noun names the culprit, where the field does not; remedy says
// what to write instead.
func faultCheck(noun, remedy string, problems ...multus.Problem) func(*pod.View) []verdict.Finding {
	return func(p *pod.View) []verdict.Finding {
		var found []verdict.Finding
		for _, a := range []struct {
			key    string
			faults []multus.Fault
		}{
			{multus.DefaultNetworkAnnotation, p.Faults(multus.DefaultNetworkAnnotation)},
			{multus.NetworksAnnotation, p.Faults(multus.NetworksAnnotation)},
		} {
			count := 0
			for _, f := range a.faults {
				if !slices.Contains(problems, f.Problem) {
					continue
				}
				if count++; count > verdict.MaxFindings {
					continue
				}
				found = append(found, verdict.Finding{
					Place:   object.AtAnnotation(a.key, f.Offset),
					Message: faultMessage(p, a.key, noun, f),
					Remedy:  remedy,
				})
			}
			if count > verdict.MaxFindings {
				found[len(found)-1].Message += fmt.Sprintf(" (and %d more of the kind)", count-verdict.MaxFindings)
			}
		}
		return found
	}
}

// faultMessage states the fact: which value of which element is wrong in what
// way, and what is accepted.
func faultMessage(p *pod.View, annotation, noun string, f multus.Fault) string {
	var message string
	switch {
	case f.Element < 0:
		message = "the annotation"
	case f.Value == "" && noun == "":
		message = elementOf(p, annotation, f.Element)
	default:
		if noun == "" {
			noun = f.Field
		}
		message = strings.TrimSpace(noun+" "+quote.Value(f.Value)) + " of " + elementOf(p, annotation, f.Element)
	}
	message += " " + f.Detail
	if f.Want != "" {
		message += "; accepted: " + f.Want
	}
	return message
}

// elementOf names an element of an annotation: people count elements in JSON, and
// networks in a list with commas. Where the element can be read, its network follows.
func elementOf(p *pod.View, annotation string, n int) string {
	noun := "network"
	if multus.IsJSON(p.Subject.Annotations[annotation]) {
		noun = "element"
	}
	text := fmt.Sprintf("%s %d", noun, n+1)
	for i := range p.Interfaces() {
		iface := &p.Interfaces()[i]
		if iface.Annotation != annotation || iface.Index != n {
			continue
		}
		if p.Faulty(iface, multus.ProblemName) || p.Faulty(iface, multus.ProblemSyntax) {
			return text
		}
		return text + " (" + iface.Label() + ")"
	}
	return text
}
