package policy

import (
	"slices"

	"github.com/macvlan-webhook/macvlan-webhook/policy/flatnetwork"
	"github.com/macvlan-webhook/macvlan-webhook/policy/quote"
)

// Both generations refuse an address that stands twice in a list. The kernel gives two
// interfaces of one link no common MAC address (macvlan_addr_busy).
var ruleAddressDuplicate = podRule{
	ID:      "address-duplicate",
	Default: Deny,
	Check: func(p *View) []Finding {
		var found findings
		p.flatFaults(&found, flatnetwork.ProblemDuplicate)
		earlier := map[address][]*RequestedAddress{}
		for n := range p.Addresses() {
			w := &p.Addresses()[n]
			if !p.Reaches(w) {
				continue
			}
			key := w.Claim.address()
			at := slices.IndexFunc(earlier[key], func(before *RequestedAddress) bool { return p.together(w, before) })
			if at < 0 {
				earlier[key] = append(earlier[key], w)
				continue
			}
			before := earlier[key][at]
			found.add(false, func() Finding {
				f := p.AtAddress(w)
				f.Message = w.Named() + " is asked for already" + p.elsewhere(w, before)
				f.Remedy = "leave one of the two out, or write another address"
				return f
			})
		}
		return found.list()
	},
}

// together says whether two requests for one address end in the same place. Those in
// one list of the flat network are left to its grammar.
func (p *View) together(w, before *RequestedAddress) bool {
	switch {
	case w.List != nil && before.List != nil && p.FlatRequestOf(w) == p.FlatRequestOf(before):
		return false
	case w.List == nil && p.InterfaceOf(w) == p.InterfaceOf(before), w.Claim.Network != (Reference{}) && w.Claim.Network == before.Claim.Network:
		return true
	default:
		link := p.Link(w)
		return link != "" && link == p.Link(before)
	}
}

// elsewhere says where an address stood before, as the end of a sentence.
func (p *View) elsewhere(w, before *RequestedAddress) string {
	switch {
	case before.List != nil:
		return " in " + before.List.Annotation + ", on the same link of the node"
	case p.InterfaceOf(before) == p.InterfaceOf(w):
		return " for the same interface"
	default:
		return " for interface " + quote.Value(p.InterfaceOf(before).Name) + ", on the same link of the node"
	}
}
