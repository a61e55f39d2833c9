package policy

import (
	"github.com/macvlan-webhook/macvlan-webhook/policy/flatnetwork"
	"github.com/macvlan-webhook/macvlan-webhook/policy/quote"
)

// Both generations refuse a workload whose addresses are fixed by another, but not a
// pod, and V2 misses owners that Rancher has not labelled.
var ruleAddressInUse = Rule{
	ID:      "address-in-use",
	Title:   "An address belongs to another workload or pod",
	Group:   groupAddresses,
	Default: Deny,
	Since:   "v0.1.0",
	Doc: "An address that the annotations fix must be nobody else's: not fixed by another workload in any namespace, be it scaled to zero, and not given to a running pod " +
		"(MacvlanIP, FlatNetworkIP). The object itself, what made it and its own pods do not count; they are told by owner references and UIDs.\n\n" +
		"An IP address is taken within its layer 2 domain: the same subnet, or the same master and VLAN. So is a MAC address; between pods of the first generation of the flat network it is taken in the whole cluster. " +
		"A pod that may get one of several addresses is denied when none is left, and warned of otherwise. It is a warning, too, where the other one is being deleted, where a pod's own workload fixes the address as well as another workload does, " +
		"and where the owners are not all known, as with files that hold pods and not their ReplicaSets.",
	Remedy: "Write an address that is free, or take it away from the other one first.",
	Wrong: "k8s.v1.cni.cncf.io/networks: '[{\"name\":\"rancher-flat-network\",\"interface\":\"eth1\"}]'\n" +
		"flatnetwork.pandaria.io/subnet: vlan300\nflatnetwork.pandaria.io/ip: 10.30.0.90\n",
	Right: "k8s.v1.cni.cncf.io/networks: '[{\"name\":\"rancher-flat-network\",\"interface\":\"eth1\"}]'\n" +
		"flatnetwork.pandaria.io/subnet: vlan300\nflatnetwork.pandaria.io/ip: 10.30.0.21\n",
	restsOn: onNetworks | onSubnets | onHolders,
	check: func(p *Pod) []Finding {
		var found findings
		contests := p.firstContests()
		spare := p.spare(contests)
		for n := range contests {
			c := &contests[n]
			why := p.doubt(c)
			found.add(why != noDoubt || spare[c.wanted.list], func() Finding {
				f := p.atAddress(c.wanted)
				f.Message = c.wanted.named() + " " + p.having(c) + map[doubt]string{
					doubtEnding: ", which is being deleted",
					doubtOwn:    ", unless both belong together: not all of their owners are known",
					doubtChoice: ", which may get another one of its list",
					doubtPlan:   " as well",
				}[why]
				f.Remedy = "write an address that is free, or take it away from " + c.holder.label() + " first"
				if why == doubtEnding {
					f.Remedy = "wait until it is gone"
				}
				return f
			})
		}
		return found.list()
	},
}

// spare are the lists with an address that is left, so that a pod can do without the
// others. A workload wants them all.
func (p *Pod) spare(contests []contest) map[*flatnetwork.List]bool {
	if p.Subject.Template() {
		return nil
	}
	taken := make(map[*wanted]bool, len(contests))
	for n := range contests {
		taken[contests[n].wanted] = p.doubt(&contests[n]) == noDoubt
	}
	spare := map[*flatnetwork.List]bool{}
	for n := range p.wants {
		if w := &p.wants[n]; w.list != nil && !taken[w] {
			spare[w.list] = true
		}
	}
	return spare
}

// label names the holder in messages.
func (h *HolderFact) label() string {
	return h.Kind + " " + quote.Value(h.Namespace+"/"+h.Name)
}

// having says how the holder of a contest has its address, continuing a sentence that
// begins with it.
func (p *Pod) having(c *contest) string {
	h := c.holder
	text := "is fixed by " + h.label()
	if h.Record.Name != "" {
		text = "is in use by " + h.label()
	}
	switch {
	case c.claim.Subnet.Name == "":
		text += " on network " + quote.Value(c.claim.NetworkIn(p.config.Multus.DefaultNetworkNamespace).String())
	case c.claim.Subnet != c.wanted.claim.Subnet:
		text += " in " + quote.Value(c.claim.Subnet.String())
	}
	if h.Record.Name != "" {
		text += " (" + h.Record.Kind + ")"
	}
	return text
}
