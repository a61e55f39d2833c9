package rules

import (
	"slices"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf/ipam"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/flatnetwork"
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
		for w := range p.Contestable {
			if !p.Reaches(w) {
				continue
			}
			key := w.Claim.Address()
			certain := false
			at := slices.IndexFunc(earlier[key], func(before *pod.RequestedAddress) (yes bool) {
				yes, certain = together(p, w, before)
				return yes
			})
			if at < 0 {
				earlier[key] = append(earlier[key], w)
				continue
			}
			before := earlier[key][at]
			found.Add(!certain, func() verdict.Finding {
				f := p.AtAddress(w)
				if w.OfNetwork() {
					f.Message, f.Remedy = givenTwice(p, w, before, sameLink(certain))
					return f
				}
				f.Message = w.Named() + " is requested twice" + elsewhere(p, w, before, sameLink(certain))
				f.Remedy = "leave one of the two out, or write another address"
				return f
			})
		}
		return found.List()
	},
}

// together says whether two requests for one address end in the same place, and whether that
// is certain. Those in one list of the flat network are left to its grammar, and what a network
// gives to an interface that asks for it, to the IPAM plugin.
func together(p *pod.View, w, before *pod.RequestedAddress) (yes, certain bool) {
	switch {
	case w.List != nil && before.List != nil && p.FlatRequestOf(w) == p.FlatRequestOf(before):
		return false, false
	case w.List == nil && p.InterfaceOf(w) == p.InterfaceOf(before):
		return w.Claim.By == before.Claim.By, w.Text == before.Text || refusedAsDuplicate(p, w)
	}
	return p.OneLink(w, before)
}

// refusedAsDuplicate says that the IPAM plugin, or the kernel, takes an address for another one
// of its list: the kernel tells IPv4 addresses of an interface apart by the prefix length, too.
func refusedAsDuplicate(p *pod.View, w *pod.RequestedAddress) bool {
	i := p.InterfaceOf(w)
	return i.Network() == nil || i.Element == nil ||
		slices.ContainsFunc(i.Network().AddressFaults(i.Ask()), func(f ipam.AddressFault) bool { return f.Duplicate })
}

// sameLink continues a sentence about two interfaces where it is certain that they hang on one
// link. The plugins of other links than macvlan, ipvlan and bridge, such as tap, host-device and
// sriov, may give each interface a link of its own, on which the address does not get in the
// way of the other.
func sameLink(certain bool) string {
	if certain {
		return ", on the same link of the node"
	}
	return ""
}

// givenTwice says that a network gives an interface an address which another one has; link is
// that of [sameLink].
func givenTwice(p *pod.View, w, before *pod.RequestedAddress, link string) (message, remedy string) {
	i := p.InterfaceOf(w)
	message = "network " + i.Label() + " gives interface " + quote.Value(i.Name) + " the " + kindOf(w) + " " + quote.Value(w.Text)
	if before.List != nil {
		return message + ", which is also in " + before.List.Annotation + link, "write another address in " + before.List.Annotation
	}
	other := p.InterfaceOf(before)
	message += ", which interface " + quote.Value(other.Name) + " has as well"
	if other.Reference != i.Reference {
		return message + link, "attach one of the two networks, or let one of them give no fixed " + kindOf(w)
	}
	return message, "attach the network once, or use one that gives each interface " + another(w)
}

// kindOf is what messages call an address.
func kindOf(w *pod.RequestedAddress) string {
	if w.Claim.IP.IsValid() {
		return "address"
	}
	return "mac"
}

// another is an address of the kind of one, with its article.
func another(w *pod.RequestedAddress) string {
	if w.Claim.IP.IsValid() {
		return "an address of its own"
	}
	return "a mac of its own"
}

// elsewhere says where an address was requested before, as the end of a sentence; link is that
// of [sameLink].
func elsewhere(p *pod.View, w, before *pod.RequestedAddress, link string) string {
	switch {
	case before.List != nil:
		return ": also in " + before.List.Annotation + link
	case p.InterfaceOf(before) == p.InterfaceOf(w):
		return " for the same interface"
	default:
		return ": also for interface " + quote.Value(p.InterfaceOf(before).Name) + link
	}
}
