package policy

import (
	"cmp"
	"slices"

	"github.com/macvlan-webhook/macvlan-webhook/policy/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/flatnetwork"
	"github.com/macvlan-webhook/macvlan-webhook/policy/mac"
)

// contest is an address that the pod asks for and another holds.
type contest struct {
	wanted *wanted
	holder *HolderFact
}

// contests are those of the pod, in the order of its addresses. Of each address one
// holder counts.
func (p *Pod) contests() []contest {
	type claimed struct {
		holder *HolderFact
		claim  Claim
	}
	claims := map[address][]claimed{}
	for h := range p.facts.Holders.Holders {
		holder := &p.facts.Holders.Holders[h]
		if p.related(holder) {
			continue
		}
		for _, c := range holder.Claims {
			claims[c.address()] = append(claims[c.address()], claimed{holder, c})
		}
	}
	var found []contest
	for n := range p.wants {
		w := &p.wants[n]
		rivals := claims[w.claim.address()]
		if len(rivals) == 0 || !p.fixes(w) {
			continue
		}
		var rival *HolderFact
		for _, r := range rivals {
			if p.rivals(w, r.claim) && (rival == nil || r.holder.compare(rival) < 0) {
				rival = r.holder
			}
		}
		if rival != nil {
			found = append(found, contest{w, rival})
		}
	}
	return found
}

// compare puts the holder first whose claim weighs most: one that stays, and a workload
// rather than one of its pods. The rest is order for order's sake.
func (h *HolderFact) compare(other *HolderFact) int {
	weight := func(h *HolderFact) int {
		switch {
		case h.Ending:
			return 2
		case h.Record.Name != "":
			return 1
		default:
			return 0
		}
	}
	return cmp.Or(cmp.Compare(weight(h), weight(other)), cmp.Compare(h.label(), other.label()))
}

// contested are the addresses of the contests.
func (p *Pod) contested() Addresses {
	var wants []wanted
	for _, c := range p.contests() {
		wants = append(wants, *c.wanted)
	}
	return addressesOf(wants)
}

// related says whether a holder is the subject itself, made it, or was made by it, or
// whether both are pods of one workload, which share its addresses.
func (p *Pod) related(h *HolderFact) bool {
	self := p.Subject.Identity()
	owners := withOwner(p.Subject.Owner, p.facts.Holders.Owners)
	theirs := withOwner(h.Owner, h.Owners)
	is := func(i Identity) func(Identity) bool { return i.Is }
	return h.Is(self) || slices.ContainsFunc(owners, is(h.Identity)) || slices.ContainsFunc(theirs, is(self)) ||
		h.Kind == "Pod" && self.Kind == "Pod" && slices.ContainsFunc(theirs, func(i Identity) bool { return slices.ContainsFunc(owners, is(i)) })
}

// perhapsRelated says whether the subject and a holder may belong together, as far as
// their owners are known. Owners are in the same namespace.
func (p *Pod) perhapsRelated(h *HolderFact) bool {
	return h.Namespace == p.Subject.Namespace && (h.Partial || p.facts.Holders.Partial)
}

// withOwner is a line of owners that begins with a given one.
func withOwner(owner Identity, line []Identity) []Identity {
	if owner == (Identity{}) || slices.ContainsFunc(line, owner.Is) {
		return line
	}
	return append([]Identity{owner}, line...)
}

// rivals says whether a claim of another to the address that the pod asks for is one
// that both cannot have: in one layer 2 domain; a MAC address also anywhere in the cluster
// when both ask V1 of the flat network, whose webhook wants it so.
func (p *Pod) rivals(w *wanted, c Claim) bool {
	if c.MAC != (mac.Address{}) && w.claim.Subnet.Generation == flatnetwork.V1 && c.Subnet.Generation == flatnetwork.V1 {
		return true
	}
	if c.Subnet != (flatnetwork.SubnetReference{}) && c.Subnet == w.claim.Subnet {
		return true
	}
	network := p.networkOf(c)
	if c.IP.IsValid() && c.Network != (Reference{}) && (network == nil || !network.Assigns()) {
		return false
	}
	if network != nil && (Reference{network.Namespace, network.Name}) == w.claim.Network {
		return true
	}
	link := ""
	switch subnet := p.facts.Holders.Subnets[c.Subnet]; {
	case network != nil:
		link = network.L2()
	case subnet != nil:
		link = subnet.Link()
	}
	return link != "" && link == p.link(w)
}

// networkOf is the network that a claim was made to, as far as it is known.
func (p *Pod) networkOf(c Claim) *cniconf.Network {
	return p.facts.Holders.Networks[c.NetworkIn(p.config.Multus.DefaultNetworkNamespace)]
}
