package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/multus"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// faultCheck makes the check of a rule that reports what the annotation grammar
// found wrong. The noun names the culprit, where the field does not; remedy says
// what to write instead.
func faultCheck(noun, remedy string, problems ...multus.Problem) func(*pod.View) []verdict.Finding {
	return func(p *pod.View) []verdict.Finding {
		var found []verdict.Finding
		for _, key := range []string{multus.DefaultNetworkAnnotation, multus.NetworksAnnotation} {
			var of verdict.Collector
			for _, f := range p.Faults(key) {
				if !slices.Contains(problems, f.Problem) {
					continue
				}
				of.AddOf(false, f.More, func() verdict.Finding {
					return verdict.Finding{Place: object.AtAnnotation(key, f.Offset), Message: faultMessage(p, key, noun, f), Remedy: remedy}
				})
			}
			found = append(found, of.List()...)
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
