package policy

import (
	"fmt"

	"github.com/macvlan-webhook/macvlan-webhook/policy/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/spiderpool"
)

// In named form every interface of Spiderpool's must be listed, in the form
// without names the position tells (validateAndMutateMultipleNICAnnotations in
// Spiderpool's pkg/ipam/utils.go).
var ruleIPPoolsInterfaceMissing = Rule{
	ID:      "ippools-interface-missing",
	Title:   "A pool annotation leaves out an interface",
	Group:   groupSpiderpool,
	Default: Deny,
	Since:   "v0.1.0",
	Doc: "Where `ipam.spidernet.io/ippools` is there, it must list every interface that gets its addresses from Spiderpool, under the name " +
		"that the interface has in the pod: the one after `@` or in `\"interface\"` of the networks annotation, else net1, net2 and so on by position. Spiderpool refuses the pod otherwise. Without names, the first " +
		"element is for eth0 and the one after it for net1.",
	Remedy: "List each interface, or use `ipam.spidernet.io/ippool`, which holds for all of them.",
	Wrong: "k8s.v1.cni.cncf.io/networks: kube-system/vlan100,kube-system/vlan200\n" +
		"ipam.spidernet.io/ippools: '[{\"interface\":\"net1\",\"ipv4\":[\"vlan100-v4\"]}]'\n",
	Right: "k8s.v1.cni.cncf.io/networks: kube-system/vlan100,kube-system/vlan200\n" +
		"ipam.spidernet.io/ippools: '[{\"interface\":\"net1\",\"ipv4\":[\"vlan100-v4\"]},{\"interface\":\"net2\",\"ipv4\":[\"vlan200-v4\"]}]'\n",

	restsOn: onNetworks,
	check: func(p *Pod) []Finding {
		if !p.reads(spiderpool.PoolsAnnotation) {
			return nil
		}
		var found findings
		var taken map[string]bool
		for n := range p.supplies {
			s := &p.supplies[n]
			if s.choice.Element >= 0 || s.choice.Unknown {
				continue
			}
			if taken == nil {
				taken = p.chosenPools()
			}
			found.add(false, func() Finding {
				return Finding{
					Annotation: spiderpool.PoolsAnnotation,
					Message: fmt.Sprintf("interface %s (network %s) gets its addresses from Spiderpool and is not in the list: Spiderpool refuses the pod",
						quote.Value(s.iface.Name), s.iface.label()),
					Remedy: p.listRemedy(s, taken),
				}
			})
		}
		return found.list()
	},
}

// chosenPools are those that the interfaces get already. Two interfaces must not
// share a pool, so none of them is a proposal for another.
func (p *Pod) chosenPools() map[string]bool {
	pools := map[string]bool{}
	for n := range p.supplies {
		for _, family := range families {
			for _, pool := range p.supplies[n].choice.Pools(family) {
				pools[pool] = true
			}
		}
	}
	return pools
}

// listRemedy says what to add to the list for an interface, with a pool that is
// not taken by another one. It takes it.
func (p *Pod) listRemedy(s *supply, taken map[string]bool) string {
	what := "add an element for it"
	if !p.pools.Named {
		what = "give every element its interface, and add one for this one"
	}
	for _, family := range families {
		// A name that is too long to be shown in full is nothing to paste.
		if fitting := p.fittingPools(s.iface, family, taken); len(fitting) > 0 && len(fitting[0]) <= quote.Limit {
			taken[fitting[0]] = true
			return fmt.Sprintf("%s:\n  {\"interface\":%s,\"ipv%d\":[%s]}", what, quote.Value(s.iface.Name), family, quote.Value(fitting[0]))
		}
	}
	return fmt.Sprintf("%s, with a pool of its own: {\"interface\":%s,\"ipv4\":[\"pool\"]}", what, quote.Value(s.iface.Name))
}
