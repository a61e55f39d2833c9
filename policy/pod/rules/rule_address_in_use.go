package rules

import (
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/flatnetwork"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// Both generations refuse a workload whose addresses are fixed by another, but not a
// pod, and V2 misses owners that Rancher has not labelled.
var ruleAddressInUse = pod.Rule{
	ID:      "address-in-use",
	Default: verdict.Deny,
	Check: func(p *pod.View) []verdict.Finding {
		var found verdict.Collector
		conflicts := p.FirstConflicts()
		free := listsWithFreeAddress(p, conflicts)
		for n := range conflicts {
			c := &conflicts[n]
			why := p.Uncertainty(c)
			found.Add(why != pod.Certain || free[c.Address.List], func() verdict.Finding {
				f := p.AtAddress(c.Address)
				if c.Address.OfNetwork() {
					f.Message, f.Remedy = givenToBoth(p, c)
					if why == pod.HolderEnding {
						f.Remedy = "wait until it is gone"
					}
					return f
				}
				f.Message = c.Address.Named() + " " + heldBy(p, c) + map[pod.Uncertainty]string{
					pod.HolderEnding:  ", which is being deleted",
					pod.OwnersUnknown: ", unless both belong together: not all of their owners are known",
					pod.OneOfList:     ", which may get another one of its list",
					pod.BothPlanned:   " as well",
				}[why]
				f.Remedy = "write an address that is free, or remove it from " + holderLabel(c.Holder) + " first"
				if why == pod.HolderEnding {
					f.Remedy = "wait until it is gone"
				}
				return f
			})
		}
		return found.List()
	},
}

// givenToBoth says that a network gives the pod an address which another has, or gets.
func givenToBoth(p *pod.View, c *pod.AddressConflict) (message, remedy string) {
	i := p.InterfaceOf(c.Address)
	message = "network " + i.Label() + " gives interface " + quote.Value(i.Name) + " the " + kindOf(c.Address) + " " + quote.Value(c.Address.Text) + ", "
	if c.Claim.By == pod.ByNetwork && c.Claim.NetworkIn(p.Config.Multus.DefaultNetworkNamespace) == i.Reference {
		message += "and " + holderLabel(c.Holder) + " is on that network as well"
	} else {
		message += "which " + heldBy(p, c)
	}
	return message, "use a network for each of them, or one that gives each pod " + another(c.Address)
}

// listsWithFreeAddress are the lists with an address that is left, so that a pod can do without the
// others. A workload wants them all.
func listsWithFreeAddress(p *pod.View, conflicts []pod.AddressConflict) map[*flatnetwork.List]bool {
	if p.Subject.Template() {
		return nil
	}
	taken := make(map[*pod.RequestedAddress]bool, len(conflicts))
	for n := range conflicts {
		taken[conflicts[n].Address] = p.Uncertainty(&conflicts[n]) == pod.Certain
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
func holderLabel(h *pod.HolderFact) string {
	return h.Kind + " " + quote.Value(h.Namespace+"/"+h.Name)
}

// heldBy says how the holder of a conflict has its address, continuing a sentence that
// begins with it.
func heldBy(p *pod.View, c *pod.AddressConflict) string {
	h := c.Holder
	text := "is fixed by " + holderLabel(h)
	if c.Claim.By == pod.ByNetwork {
		text = "is given to " + holderLabel(h)
	}
	if h.Record.Name != "" {
		text = "is in use by " + holderLabel(h)
	}
	switch {
	case c.Claim.Subnet.Name == "":
		if c.Claim.By == pod.ByNetwork {
			text += " by"
		} else {
			text += " on"
		}
		text += " network " + quote.Value(c.Claim.NetworkIn(p.Config.Multus.DefaultNetworkNamespace).String())
	case c.Claim.Subnet != c.Address.Claim.Subnet:
		text += " in " + quote.Value(c.Claim.Subnet.String())
	}
	if h.Record.Name != "" {
		text += " (" + h.Record.Kind + ")"
	}
	return text
}
