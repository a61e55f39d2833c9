package policy

import (
	"fmt"

	"github.com/macvlan-webhook/macvlan-webhook/policy/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/spiderpool"
)

// In named form every interface of Spiderpool's must be listed, in the form
// without names the position tells (validateAndMutateMultipleNICAnnotations in
// Spiderpool's pkg/ipam/utils.go).
var ruleIPPoolsInterfaceMissing = podRule{
	ID:      "ippools-interface-missing",
	Default: Deny,
	Check: func(p *View) []Finding {
		if !p.reads(spiderpool.PoolsAnnotation) {
			return nil
		}
		var found findings
		var taken map[string]bool
		for n := range p.Supplies() {
			s := &p.Supplies()[n]
			if s.Choice.Element >= 0 || s.Choice.Unknown {
				continue
			}
			if taken == nil {
				taken = p.chosenPools()
			}
			found.add(false, func() Finding {
				return Finding{
					Place: AtAnnotation(spiderpool.PoolsAnnotation, 0),
					Message: fmt.Sprintf("interface %s (network %s) gets its addresses from Spiderpool and is not in the list: Spiderpool refuses the pod",
						quote.Value(s.Interface.Name), s.Interface.Label()),
					Remedy: p.listRemedy(s, taken),
				}
			})
		}
		return found.list()
	},
}

// chosenPools are those that the interfaces get already. Two interfaces must not
// share a pool, so none of them is a proposal for another.
func (p *View) chosenPools() map[string]bool {
	pools := map[string]bool{}
	for n := range p.Supplies() {
		for _, family := range Families {
			for _, pool := range p.Supplies()[n].Choice.Pools(family) {
				pools[pool] = true
			}
		}
	}
	return pools
}

// listRemedy says what to add to the list for an interface, with a pool that is
// not taken by another one. It takes it.
func (p *View) listRemedy(s *InterfacePools, taken map[string]bool) string {
	what := "add an element for it"
	if !p.PoolAnnotations().Named {
		what = "give every element its interface, and add one for this one"
	}
	for _, family := range Families {
		// A name that is too long to be shown in full is nothing to paste.
		if fitting := p.fittingPools(s.Interface, family, taken); len(fitting) > 0 && len(fitting[0]) <= quote.Limit {
			taken[fitting[0]] = true
			return fmt.Sprintf("%s:\n  {\"interface\":%s,\"ipv%d\":[%s]}", what, quote.Value(s.Interface.Name), family, quote.Value(fitting[0]))
		}
	}
	return fmt.Sprintf("%s, with a pool of its own: {\"interface\":%s,\"ipv4\":[\"pool\"]}", what, quote.Value(s.Interface.Name))
}
