package rules

import (
	"slices"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/flatnetwork"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// flatFaultCheck makes the check of a rule that reports what is wrong with the
// annotations of the flat network. Where no such network is attached nobody reads
// them, which has a rule of its own: then it is a warning.
func flatFaultCheck(problems ...flatnetwork.Problem) func(*pod.View) []verdict.Finding {
	return func(p *pod.View) []verdict.Finding {
		var found verdict.Collector
		flatFaults(p, &found, problems...)
		return found.List()
	}
}

// flatFaults adds what [flatFaultCheck] reports.
func flatFaults(p *pod.View, found *verdict.Collector, problems ...flatnetwork.Problem) {
	for r := range p.FlatRequests {
		attached, known := r.Attached()
		unattached := known && !attached
		for n := range r.Faults {
			f := &r.Faults[n]
			// Without the network there is nothing that would wait for an address.
			waits := f.Problem == flatnetwork.ProblemNoIP
			if !slices.Contains(problems, f.Problem) || unattached && waits {
				continue
			}
			found.AddOf(f.Softened || unattached || waits && !attached, f.More, func() verdict.Finding {
				return verdict.Finding{Place: object.AtAnnotation(f.Annotation, f.Offset), Message: f.Message(), Remedy: f.Remedy}
			})
		}
	}
}
