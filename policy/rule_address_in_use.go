package policy

import (
	"github.com/macvlan-webhook/macvlan-webhook/policy/flatnetwork"
	"github.com/macvlan-webhook/macvlan-webhook/policy/quote"
)

// Both generations refuse a workload whose addresses are fixed by another, but not a
// pod, and V2 misses owners that Rancher has not labelled.
var ruleAddressInUse = podRule{
	ID:      "address-in-use",
	Default: Deny,
	Check: func(p *View) []Finding {
		var found findings
		conflicts := p.FirstConflicts()
		free := p.listsWithFreeAddress(conflicts)
		for n := range conflicts {
			c := &conflicts[n]
			why := p.Uncertainty(c)
			found.add(why != Certain || free[c.Address.List], func() Finding {
				f := p.AtAddress(c.Address)
				f.Message = c.Address.Named() + " " + p.heldBy(c) + map[Uncertainty]string{
					HolderEnding:  ", which is being deleted",
					OwnersUnknown: ", unless both belong together: not all of their owners are known",
					OneOfList:     ", which may get another one of its list",
					BothPlanned:   " as well",
				}[why]
				f.Remedy = "write an address that is free, or take it away from " + holderLabel(c.Holder) + " first"
				if why == HolderEnding {
					f.Remedy = "wait until it is gone"
				}
				return f
			})
		}
		return found.list()
	},
}

// listsWithFreeAddress are the lists with an address that is left, so that a pod can do without the
// others. A workload wants them all.
func (p *View) listsWithFreeAddress(conflicts []AddressConflict) map[*flatnetwork.List]bool {
	if p.Subject.Template() {
		return nil
	}
	taken := make(map[*RequestedAddress]bool, len(conflicts))
	for n := range conflicts {
		taken[conflicts[n].Address] = p.Uncertainty(&conflicts[n]) == Certain
	}
	free := map[*flatnetwork.List]bool{}
	for n := range p.Addresses() {
		if w := &p.Addresses()[n]; w.List != nil && !taken[w] {
			free[w.List] = true
		}
	}
	return free
}

// holderLabel names a holder in messages.
func holderLabel(h *HolderFact) string {
	return h.Kind + " " + quote.Value(h.Namespace+"/"+h.Name)
}

// heldBy says how the holder of a conflict has its address, continuing a sentence that
// begins with it.
func (p *View) heldBy(c *AddressConflict) string {
	h := c.Holder
	text := "is fixed by " + holderLabel(h)
	if h.Record.Name != "" {
		text = "is in use by " + holderLabel(h)
	}
	switch {
	case c.Claim.Subnet.Name == "":
		text += " on network " + quote.Value(c.Claim.NetworkIn(p.Config.Multus.DefaultNetworkNamespace).String())
	case c.Claim.Subnet != c.Address.Claim.Subnet:
		text += " in " + quote.Value(c.Claim.Subnet.String())
	}
	if h.Record.Name != "" {
		text += " (" + h.Record.Kind + ")"
	}
	return text
}
