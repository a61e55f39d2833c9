package rules

import (
	"slices"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/flatnetwork"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// Both generations refuse an address that stands twice in a list. The kernel gives two
// interfaces of one link no common MAC address (macvlan_addr_busy).
var ruleAddressDuplicate = pod.Rule{
	ID:      "address-duplicate",
	Default: verdict.Deny,
	Check: func(p *pod.View) []verdict.Finding {
		var found verdict.Collector
		flatFaults(p, &found, flatnetwork.ProblemDuplicate)
		earlier := map[pod.Address][]*pod.RequestedAddress{}
		for n := range p.Addresses() {
			w := &p.Addresses()[n]
			if !p.Reaches(w) {
				continue
			}
			key := w.Claim.Address()
			at := slices.IndexFunc(earlier[key], func(before *pod.RequestedAddress) bool { return together(p, w, before) })
			if at < 0 {
				earlier[key] = append(earlier[key], w)
				continue
			}
			before := earlier[key][at]
			found.Add(false, func() verdict.Finding {
				f := p.AtAddress(w)
				f.Message = w.Named() + " is requested twice" + elsewhere(p, w, before)
				f.Remedy = "leave one of the two out, or write another address"
				return f
			})
		}
		return found.List()
	},
}

// together says whether two requests for one address end in the same place. Those in
// one list of the flat network are left to its grammar.
func together(p *pod.View, w, before *pod.RequestedAddress) bool {
	switch {
	case w.List != nil && before.List != nil && p.FlatRequestOf(w) == p.FlatRequestOf(before):
		return false
	case w.List == nil && p.InterfaceOf(w) == p.InterfaceOf(before), w.Claim.Network != (object.Reference{}) && w.Claim.Network == before.Claim.Network:
		return true
	default:
		link := p.Link(w)
		return link != "" && link == p.Link(before)
	}
}

// elsewhere says where an address was requested before, as the end of a sentence.
func elsewhere(p *pod.View, w, before *pod.RequestedAddress) string {
	switch {
	case before.List != nil:
		return ": also in " + before.List.Annotation + ", on the same link of the node"
	case p.InterfaceOf(before) == p.InterfaceOf(w):
		return " for the same interface"
	default:
		return ": also for interface " + quote.Value(p.InterfaceOf(before).Name) + ", on the same link of the node"
	}
}
