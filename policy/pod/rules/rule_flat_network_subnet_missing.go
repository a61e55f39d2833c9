package rules

import (
	"slices"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/flatnetwork"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// Both generations look for the subnet before anything else.
var ruleFlatNetworkSubnetMissing = pod.Rule{
	ID:      "flat-network-subnet-missing",
	Default: verdict.Deny,
	Check: func(p *pod.View) []verdict.Finding {
		var found verdict.Collector
		flatFaults(p, &found, flatnetwork.ProblemNoSubnet)
		for n := range p.Interfaces() {
			i := &p.Interfaces()[n]
			for _, g := range flatnetwork.Generations {
				if i.Annotation == "" || !slices.Contains(g.Networks(), i.Reference.Name) || asksFlatNetwork(p, g) {
					continue
				}
				found.Add(true, func() verdict.Finding {
					f := atInterface(p, i)
					f.Message = "interface " + quote.Value(i.Name) + " belongs to the flat network (" + g.String() + "), and no annotation names its subnet, so its controller ignores the pod"
					f.Remedy = "write " + g.SubnetAnnotation() + " and " + g.IPAnnotation() + `, or leave the network out`
					return f
				})
			}
		}
		return found.List()
	},
}

// asksFlatNetwork says whether an annotation of a generation has a value.
func asksFlatNetwork(p *pod.View, g flatnetwork.Generation) bool {
	for r := range p.FlatRequests {
		if r.Generation == g && !r.Void() {
			return true
		}
	}
	return false
}
