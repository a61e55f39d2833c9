package policy

import (
	"slices"

	"github.com/macvlan-webhook/macvlan-webhook/policy/flatnetwork"
)

// flatFaultCheck makes the check of a rule that reports what is wrong with the
// annotations of the flat network. Where no such network is attached nobody reads
// them, which has a rule of its own: then it is a warning.
func flatFaultCheck(problems ...flatnetwork.Problem) func(*View) []Finding {
	return func(p *View) []Finding {
		var found findings
		p.flatFaults(&found, problems...)
		return found.list()
	}
}

// flatFaults adds what [flatFaultCheck] reports.
func (p *View) flatFaults(found *findings, problems ...flatnetwork.Problem) {
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
			found.add(f.Softened || unattached || waits && !attached, func() Finding {
				return Finding{Place: AtAnnotation(f.Annotation, f.Offset), Message: f.Message(), Remedy: f.Remedy}
			})
		}
	}
}
