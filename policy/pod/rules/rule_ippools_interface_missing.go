package rules

import (
	"fmt"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/spiderpool"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// In named form every interface of Spiderpool's must be listed, in the form
// without names the position tells (validateAndMutateMultipleNICAnnotations in
// Spiderpool's pkg/ipam/utils.go).
var ruleIPPoolsInterfaceMissing = pod.Rule{
	ID:      "ippools-interface-missing",
	Default: verdict.Deny,
	Check: func(p *pod.View) []verdict.Finding {
		if !reads(p, spiderpool.PoolsAnnotation) {
			return nil
		}
		var found verdict.Collector
		var taken map[string]bool
		for n := range p.Supplies() {
			s := &p.Supplies()[n]
			if s.Choice.Element >= 0 || s.Choice.Unknown {
				continue
			}
			if taken == nil {
				taken = chosenPools(p)
			}
			found.Add(false, func() verdict.Finding {
				return verdict.Finding{
					Place: object.AtAnnotation(spiderpool.PoolsAnnotation, 0),
					Message: fmt.Sprintf("interface %s (network %s) gets its addresses from Spiderpool and is not in the list: Spiderpool refuses the pod",
						quote.Value(s.Interface.Name), s.Interface.Label()),
					Remedy: listRemedy(p, s, taken),
				}
			})
		}
		return found.List()
	},
}

// listRemedy says what to add to the list for an interface, with a pool that is
// not taken by another one. It takes it.
func listRemedy(p *pod.View, s *pod.InterfacePools, taken map[string]bool) string {
	what := "add an element for it"
	if !p.PoolAnnotations().Named {
		what = "give every element its interface, and add one for this one"
	}
	for _, family := range pod.Families {
		// A name that is too long to be shown in full is nothing to paste.
		if fitting := fittingPools(p, s.Interface, family, taken); len(fitting) > 0 && len(fitting[0]) <= quote.Limit {
			taken[fitting[0]] = true
			return fmt.Sprintf("%s:\n  {\"interface\":%s,\"ipv%d\":[%s]}", what, quote.Value(s.Interface.Name), family, quote.Value(fitting[0]))
		}
	}
	return fmt.Sprintf("%s, with a pool of its own: {\"interface\":%s,\"ipv4\":[\"pool\"]}", what, quote.Value(s.Interface.Name))
}
