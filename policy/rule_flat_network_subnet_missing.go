package policy

import (
	"slices"

	"github.com/macvlan-webhook/macvlan-webhook/policy/flatnetwork"
	"github.com/macvlan-webhook/macvlan-webhook/policy/quote"
)

// Both generations look for the subnet before anything else.
var ruleFlatNetworkSubnetMissing = podRule{
	ID:      "flat-network-subnet-missing",
	Default: Deny,
	Check: func(p *View) []Finding {
		var found findings
		p.flatFaults(&found, flatnetwork.ProblemNoSubnet)
		for n := range p.Interfaces() {
			i := &p.Interfaces()[n]
			for _, g := range flatnetwork.Generations {
				if i.Annotation == "" || !slices.Contains(g.Networks(), i.Reference.Name) || p.asksFlatNetwork(g) {
					continue
				}
				found.add(true, func() Finding {
					f := p.atInterface(i)
					f.Message = "interface " + quote.Value(i.Name) + " is one of the flat network (" + g.String() + "), and no annotation names its subnet, so that its controller passes over the pod"
					f.Remedy = "write " + g.SubnetAnnotation() + " and " + g.IPAnnotation() + `, or leave the network out`
					return f
				})
			}
		}
		return found.list()
	},
}

// asksFlatNetwork says whether an annotation of a generation has a value.
func (p *View) asksFlatNetwork(g flatnetwork.Generation) bool {
	for r := range p.FlatRequests {
		if r.Generation == g && !r.Void() {
			return true
		}
	}
	return false
}
