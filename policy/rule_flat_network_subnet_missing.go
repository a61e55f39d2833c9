package policy

import (
	"slices"

	"github.com/macvlan-webhook/macvlan-webhook/policy/flatnetwork"
	"github.com/macvlan-webhook/macvlan-webhook/policy/quote"
)

// Both generations look for the subnet before anything else.
var ruleFlatNetworkSubnetMissing = Rule{
	ID:      "flat-network-subnet-missing",
	Title:   "A pod asks the flat network for addresses and names no subnet",
	Group:   groupFlat,
	Default: Deny,
	Since:   "v0.1.0",
	Doc: "The annotations `ip` and `mac` are addresses of the subnet that the annotation `subnet` names. A pod without it is none of the flat network's " +
		"for its controller, and its interface waits for an address that never comes. A pod with the network and no annotation of it at all is a warning.",
	Remedy: "Name the subnet.",
	Wrong: "k8s.v1.cni.cncf.io/networks: '[{\"name\":\"rancher-flat-network\",\"interface\":\"eth1\"}]'\n" +
		"flatnetwork.pandaria.io/ip: 10.30.0.21\n",
	Right: "k8s.v1.cni.cncf.io/networks: '[{\"name\":\"rancher-flat-network\",\"interface\":\"eth1\"}]'\n" +
		"flatnetwork.pandaria.io/ip: 10.30.0.21\nflatnetwork.pandaria.io/subnet: vlan300\n",
	check: func(p *Pod) []Finding {
		var found findings
		p.flatFaults(&found, flatnetwork.ProblemNoSubnet)
		for n := range p.interfaces {
			i := &p.interfaces[n]
			for _, g := range flatnetwork.Generations {
				if i.annotation == "" || !slices.Contains(g.Networks(), i.Reference.Name) || p.asksFlatNetwork(g) {
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
func (p *Pod) asksFlatNetwork(g flatnetwork.Generation) bool {
	return slices.ContainsFunc(p.flat, func(r *flatRequest) bool { return r.Generation == g && !r.Void() })
}
