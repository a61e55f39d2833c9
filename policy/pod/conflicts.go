package pod

import (
	"cmp"
	"slices"
	"strings"

	"github.com/macvlan-webhook/macvlan-webhook/policy/address/mac"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/flatnetwork"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
)

// AddressConflict is an address that the pod asks for and another holds.
type AddressConflict struct {
	Address *RequestedAddress
	Holder  *HolderFact
	// Claim is that of the holder.
	Claim Claim
}

// findConflicts finds out which addresses of the pod others hold, in the order of its
// addresses. Of each address the holder comes first whose claim weighs most.
func (v *View) findConflicts() {
	if len(v.facts.Holders.Holders) == 0 || v.Subject.Ended || v.Subject.Deleting && !v.Subject.Existing() {
		return
	}
	requested := map[Address][]*RequestedAddress{}
	for a := range v.Contestable {
		if v.Fixes(a) {
			requested[a.Claim.Address()] = append(requested[a.Claim.Address()], a)
		}
	}
	conflicts := map[*RequestedAddress][]AddressConflict{}
	own := ownerChainOf(v.Subject.Identity(), v.Subject.Owner, v.facts.Holders.Owners)
	for h := range v.facts.Holders.Holders {
		holder := &v.facts.Holders.Holders[h]
		if theirs := ownerChainOf(holder.Identity, holder.Owner, holder.Owners); own.related(&theirs) {
			if slices.ContainsFunc(own.owners, holder.Is) {
				v.notePlanned(holder, requested)
			}
			continue
		}
		for _, c := range holder.Claims {
			for _, a := range requested[c.Address()] {
				if v.exclude(a, c) {
					conflicts[a] = append(conflicts[a], AddressConflict{a, holder, c})
				}
			}
		}
	}
	for a := range v.Contestable {
		of := conflicts[a]
		slices.SortStableFunc(of, v.compareConflicts)
		v.conflicts = append(v.conflicts, of...)
	}
}

// Contestable are the addresses that others may have too: those that the annotations fix, then
// those that networks fix.
func (v *View) Contestable(yield func(*RequestedAddress) bool) {
	for n := range v.addresses {
		if !yield(&v.addresses[n]) {
			return
		}
	}
	if v.Subject.podless() {
		return
	}
	for n := range v.given {
		if !yield(&v.given[n]) {
			return
		}
	}
}

// notePlanned notes the addresses that an owner of the pod claims.
func (v *View) notePlanned(owner *HolderFact, requested map[Address][]*RequestedAddress) {
	for _, c := range owner.Claims {
		for _, a := range requested[c.Address()] {
			if !v.exclude(a, c) {
				continue
			}
			if v.planned == nil {
				v.planned = map[*RequestedAddress]bool{}
			}
			v.planned[a] = true
			if !slices.Contains(v.planners, owner.Holder) {
				v.planners = append(v.planners, owner.Holder)
			}
		}
	}
}

// FirstConflicts are those of the pod, one for each of its addresses: that with the
// holder whose claim weighs most.
func (v *View) FirstConflicts() []AddressConflict {
	v.read(onConflicts)
	var first []AddressConflict
	for _, c := range v.conflicts {
		if len(first) == 0 || first[len(first)-1].Address != c.Address {
			first = append(first, c)
		}
	}
	return first
}

// mostConfirmed is how many holders are confirmed beside the pods that a workload may
// have for its own addresses: of more, nobody would read.
const mostConfirmed = 64

// inConflict are the addresses of the conflicts, and their holders, those that weigh most
// first.
func (v *View) inConflict() (addresses Addresses, holders []*Holder) {
	all := slices.Clone(v.conflicts)
	slices.SortStableFunc(all, v.compareConflicts)
	seen := map[*Holder]bool{}
	if len(all) > 0 {
		// That the pod's own workload has them has to be confirmed too.
		holders = slices.Clone(v.planners)
	}
	claims := make([]Claim, len(all))
	for n, c := range all {
		claims[n] = c.Claim
		if h := c.Holder.Holder; !seen[h] && len(holders) < mostConfirmed+v.Config.Limits.AddressPairs {
			seen[h] = true
			holders = append(holders, h)
		}
	}
	return addressesOf(claims), holders
}

// Uncertainty is why a conflict may come to nothing.
type Uncertainty int

const (
	// Certain: it will not.
	Certain Uncertainty = iota
	// BothPlanned: a workload fixes the address, but an owner of the pod does too, so that one
	// of them was written while no replica answered. Which one is not known: the age of an object
	// is not that of an address in it, and neither does it tell who has pods. Where the flat
	// network has given the address to a pod, its record says so, and leaves no doubt.
	BothPlanned
	// GivenByNetwork: a network gives the address to one of both, as to all of its pods.
	GivenByNetwork
	// OneOfList: the other is a pod that may get another address of its list.
	OneOfList
	// OwnersUnknown: both may belong together.
	OwnersUnknown
	// HolderEnding: the other is about to go.
	HolderEnding
)

// Uncertainty says why a conflict of the pod may come to nothing.
func (v *View) Uncertainty(c *AddressConflict) Uncertainty {
	h := c.Holder
	switch {
	case h.Ending:
		return HolderEnding
	case h.Namespace == v.Subject.Namespace && (h.Partial || v.facts.Holders.Partial):
		return OwnersUnknown
	case c.Address.OfNetwork() || c.Claim.By == ByNetwork:
		return GivenByNetwork
	case h.Kind == kindPod && h.Record.Name == "" && h.hasOthers(c.Claim):
		return OneOfList
	case !v.Subject.Template() && v.planned[c.Address] && c.Claim.Subnet.Name != "" && h.Record.Name == "" && h.Kind != kindPod:
		return BothPlanned
	default:
		return Certain
	}
}

// hasOthers says whether a pod may get another address of the list that a claim is from.
func (h *Holder) hasOthers(c Claim) bool {
	return c.Subnet.Name != "" && slices.ContainsFunc(h.Claims, func(other Claim) bool {
		return other.Subnet == c.Subnet && other.IP.IsValid() == c.IP.IsValid() && other.Address() != c.Address()
	})
}

// compareConflicts puts the conflict first that weighs most: one that is certain, and one
// with a workload rather than with one of its pods. Names make the order complete.
func (v *View) compareConflicts(a, b AddressConflict) int {
	x, y := a.Holder, b.Holder
	if d := cmp.Compare(v.Uncertainty(&a), v.Uncertainty(&b)); d != 0 {
		return d
	}
	if recorded := x.Record.Name != ""; recorded != (y.Record.Name != "") {
		if recorded {
			return 1
		}
		return -1
	}
	if d := strings.Compare(x.Namespace, y.Namespace); d != 0 {
		return d
	}
	return cmp.Or(strings.Compare(x.Kind, y.Kind), strings.Compare(x.Name, y.Name))
}

// exclude says whether a claim of another to the address that the pod asks for is one
// that both cannot have: in one layer 2 domain; a MAC address also anywhere in the cluster
// when both ask V1 of the flat network, whose webhook wants it so.
func (v *View) exclude(a *RequestedAddress, c Claim) bool {
	network := v.networkOf(c)
	if c.Subnet.Name == "" {
		return v.excludeOnNetwork(a, c, network)
	}
	// Only the network itself tells whether the holder gets an address of the subnet.
	if c.Network.Name != "" && (network == nil || network.Main() != c.Subnet.Generation.Plugin()) {
		return false
	}
	if c.MAC != (mac.Address{}) && a.Claim.Subnet.Generation == flatnetwork.V1 && c.Subnet.Generation == flatnetwork.V1 || c.Subnet == a.Claim.Subnet {
		return true
	}
	subnet := v.facts.Holders.Subnets[c.Subnet]
	return subnet != nil && subnet.Link() != "" && subnet.Link() == v.Link(a)
}

// excludeOnNetwork is exclude for a claim to an address of a network.
func (v *View) excludeOnNetwork(a *RequestedAddress, c Claim, network *cniconf.Network) bool {
	switch {
	case network == nil || !network.Shared() || !gives(network, &c):
		return false
	case object.Reference{Namespace: network.Namespace, Name: network.Name} == a.Claim.Network:
		return true
	default:
		return network.L2() != "" && network.L2() == v.Link(a)
	}
}

// networkOf is the network that a claim names, as far as it is known.
func (v *View) networkOf(c Claim) *cniconf.Network {
	return v.facts.Holders.Networks[c.NetworkIn(v.Config.Multus.DefaultNetworkNamespace)]
}
