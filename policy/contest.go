package policy

import (
	"cmp"
	"slices"
	"strings"

	"github.com/macvlan-webhook/macvlan-webhook/policy/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/flatnetwork"
	"github.com/macvlan-webhook/macvlan-webhook/policy/mac"
)

// contest is an address that the pod asks for and another holds.
type contest struct {
	wanted *wanted
	holder *HolderFact
	// claim is that of the holder.
	claim Claim
}

// findContests finds out which addresses of the pod others hold, in the order of its
// addresses. Of each address the holder comes first whose claim weighs most.
func (p *Pod) findContests() {
	p.contests = nil
	if len(p.facts.Holders.Holders) == 0 || p.Subject.Ended || p.Subject.Deleting {
		return
	}
	wants := map[address][]*wanted{}
	for n := range p.wants {
		if w := &p.wants[n]; p.fixes(w) {
			wants[w.claim.address()] = append(wants[w.claim.address()], w)
		}
	}
	rivals := map[*wanted][]contest{}
	mine := kinOf(p.Subject.Identity(), p.Subject.Owner, p.facts.Holders.Owners)
	for h := range p.facts.Holders.Holders {
		holder := &p.facts.Holders.Holders[h]
		if theirs := kinOf(holder.Identity, holder.Owner, holder.Owners); mine.related(&theirs) {
			continue
		}
		for _, c := range holder.Claims {
			for _, w := range wants[c.address()] {
				if p.rivals(w, c) {
					rivals[w] = append(rivals[w], contest{w, holder, c})
				}
			}
		}
	}
	for n := range p.wants {
		of := rivals[&p.wants[n]]
		slices.SortStableFunc(of, p.compareContests)
		p.contests = append(p.contests, of...)
	}
}

// firstContests are those of the pod, one for each of its addresses.
func (p *Pod) firstContests() []contest {
	var first []contest
	for _, c := range p.contests {
		if len(first) == 0 || first[len(first)-1].wanted != c.wanted {
			first = append(first, c)
		}
	}
	return first
}

// mostContested is how many holders are confirmed beside the pods that a workload may
// have for its own addresses: of more, nobody would read.
const mostContested = 64

// contested are the addresses of the contests, and their holders, those that weigh most
// first.
func (p *Pod) contested() (addresses Addresses, holders []*Holder) {
	all := slices.Clone(p.contests)
	slices.SortStableFunc(all, p.compareContests)
	seen := map[*Holder]bool{}
	claims := make([]Claim, len(all))
	for n, c := range all {
		claims[n] = c.claim
		if h := c.holder.Holder; !seen[h] && len(holders) < mostContested+p.config.Limits.AddressPairs {
			seen[h] = true
			holders = append(holders, h)
		}
	}
	return addressesOf(claims), holders
}

// doubt is why a contest may come to nothing.
type doubt int

const (
	noDoubt doubt = iota
	// doubtPlan: a workload fixes the address, but the pod's own workload does too, and was
	// judged when it was written. Where the flat network has given the address to a pod,
	// its record says so, and leaves no doubt.
	doubtPlan
	// doubtChoice: the other is a pod that may get another address of its list.
	doubtChoice
	// doubtOwn: both may belong together.
	doubtOwn
	// doubtEnding: the other is about to go.
	doubtEnding
)

func (p *Pod) doubt(c *contest) doubt {
	h := c.holder
	switch {
	case h.Ending:
		return doubtEnding
	case h.Namespace == p.Subject.Namespace && (h.Partial || p.facts.Holders.Partial):
		return doubtOwn
	case h.Kind == kindPod && h.Record.Name == "" && h.hasOthers(c.claim):
		return doubtChoice
	case !p.Subject.Template() && HoldsPod(p.Subject.Owner.APIVersion, p.Subject.Owner.Kind) && c.claim.Subnet.Name != "" && h.Record.Name == "" && h.Kind != kindPod:
		return doubtPlan
	default:
		return noDoubt
	}
}

// hasOthers says whether a pod may get another address of the list that a claim is from.
func (h *Holder) hasOthers(c Claim) bool {
	return c.Subnet.Name != "" && slices.ContainsFunc(h.Claims, func(other Claim) bool {
		return other.Subnet == c.Subnet && other.IP.IsValid() == c.IP.IsValid() && other.address() != c.address()
	})
}

// compareContests puts the contest first that weighs most: without doubt, and with a
// workload rather than with one of its pods. The rest is order for order's sake.
func (p *Pod) compareContests(a, b contest) int {
	x, y := a.holder, b.holder
	if d := cmp.Compare(p.doubt(&a), p.doubt(&b)); d != 0 {
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

// rivals says whether a claim of another to the address that the pod asks for is one
// that both cannot have: in one layer 2 domain; a MAC address also anywhere in the cluster
// when both ask V1 of the flat network, whose webhook wants it so.
func (p *Pod) rivals(w *wanted, c Claim) bool {
	network := p.networkOf(c)
	if c.Subnet.Name == "" {
		return p.rivalsOf(w, c, network)
	}
	// Only the network itself tells whether the holder gets an address of the subnet.
	if c.Network.Name != "" && (network == nil || network.Main() != c.Subnet.Generation.Plugin()) {
		return false
	}
	if c.MAC != (mac.Address{}) && w.claim.Subnet.Generation == flatnetwork.V1 && c.Subnet.Generation == flatnetwork.V1 || c.Subnet == w.claim.Subnet {
		return true
	}
	subnet := p.facts.Holders.Subnets[c.Subnet]
	return subnet != nil && subnet.Link() != "" && subnet.Link() == p.link(w)
}

// rivalsOf is rivals for a claim to an address of a network.
func (p *Pod) rivalsOf(w *wanted, c Claim, network *cniconf.Network) bool {
	switch {
	case network == nil || !network.Shared() || !gives(network, &c):
		return false
	case Reference{network.Namespace, network.Name} == w.claim.Network:
		return true
	default:
		return network.L2() != "" && network.L2() == p.link(w)
	}
}

// networkOf is the network that a claim names, as far as it is known.
func (p *Pod) networkOf(c Claim) *cniconf.Network {
	return p.facts.Holders.Networks[c.NetworkIn(p.config.Multus.DefaultNetworkNamespace)]
}
