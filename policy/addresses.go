package policy

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/macvlan-webhook/macvlan-webhook/policy/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/flatnetwork"
	"github.com/macvlan-webhook/macvlan-webhook/policy/mac"
	"github.com/macvlan-webhook/macvlan-webhook/policy/multus"
	"github.com/macvlan-webhook/macvlan-webhook/policy/quote"
)

// flatRequest is what a pod asks of one generation of the flat network.
type flatRequest struct {
	*flatnetwork.Request
	// subnet is the index into the pod's subnets; -1 without one that could exist.
	subnet int
	// attached says whether a network of that generation is among the pod's, and known
	// whether that is known. They are those of the latest verdict.
	attached, known bool
}

// inert says whether nobody reads the request, because no network of its generation is
// attached.
func (r *flatRequest) inert() bool { return r.known && !r.attached }

// wanted is one address that a pod asks for by itself, of whichever source.
type wanted struct {
	// claim is the address, and the subnet or network it is asked of.
	claim Claim
	// text is the address as written, and index where it stands in its list.
	text  string
	index int
	// flat is the request of the flat network that it belongs to, list the list in it;
	// both are nil for an address that an interface is to get.
	flat *flatRequest
	list *flatnetwork.List
	// iface asks for it, in its field "ips" or "mac".
	iface *Interface
	field string
}

// named is the address as messages name it, with its place in a list of several.
func (w *wanted) named() string {
	if w.flat != nil && len(w.list.Entries) > 1 {
		return fmt.Sprintf("address %d %s", w.index+1, quote.Value(w.text))
	}
	return "address " + quote.Value(w.text)
}

// atAddress is a finding at an address.
func (p *Pod) atAddress(w *wanted) Finding {
	if w.flat != nil {
		return Finding{Annotation: w.list.Annotation, Offset: w.list.Entries[w.index].Offset}
	}
	return p.atElement(w.iface, w.field, w.index)
}

// atElement is a finding at a field of the element that asks for an interface, for
// index >= 0 at a member of it.
func (p *Pod) atElement(i *Interface, field string, index int) Finding {
	return Finding{Annotation: i.annotation, Offset: multus.Locate(p.Subject.Annotations[i.annotation], i.index, field, index)}
}

// parseAddresses reads the addresses that the annotations fix. Those that cannot be
// read are left to the rules of their annotations.
func (p *Pod) parseAddresses() {
	for _, g := range flatnetwork.Generations {
		r := flatnetwork.Parse(g, p.Subject.Annotations)
		if r == nil {
			continue
		}
		flat := &flatRequest{Request: r, subnet: -1}
		if r.SubnetNamed() {
			flat.subnet = len(p.flatSubnets)
			p.flatSubnets = append(p.flatSubnets, flatnetwork.SubnetReference{Generation: g, Name: r.Subnet})
		}
		p.flat = append(p.flat, flat)
		for _, list := range []*flatnetwork.List{&r.IPs, &r.MACs} {
			for n, e := range list.Entries {
				claim := Claim{IP: e.IP, MAC: e.MAC, Subnet: flatnetwork.SubnetReference{Generation: g, Name: r.Subnet}}
				p.want(wanted{claim: claim, text: e.Text, index: n, flat: flat, list: list})
			}
		}
	}
	for n := range p.interfaces {
		i := &p.interfaces[n]
		if i.element == nil {
			continue
		}
		for m, text := range i.element.IPs {
			p.want(wanted{claim: Claim{IP: requestedIP(text), Network: i.Reference}, text: text, index: m, iface: i, field: "ips"})
		}
		if address, fault := mac.Parse(i.element.MAC); fault == "" {
			p.want(wanted{claim: Claim{MAC: address, Network: i.Reference}, text: i.element.MAC, index: -1, iface: i, field: "mac"})
		}
	}
}

// want notes an address, unless there is none, or nothing that it is asked of.
func (p *Pod) want(w wanted) {
	if (w.claim.IP.IsValid() || w.claim.MAC != (mac.Address{})) && (w.flat != nil || w.claim.Network.Name != "") {
		p.wants = append(p.wants, w)
	}
}

// requestedIP is the address of a Multus element's "ips", which may have a prefix
// length; the zero Addr when it is none.
func requestedIP(text string) netip.Addr {
	address, _, _ := strings.Cut(text, "/")
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return netip.Addr{}
	}
	return ip.Unmap()
}

// addresses are those that the pod asks for, each once.
func (p *Pod) addresses() Addresses {
	claims := make([]Claim, len(p.wants))
	for n := range p.wants {
		claims[n] = p.wants[n].claim
	}
	return addressesOf(claims)
}

func addressesOf(claims []Claim) Addresses {
	var a Addresses
	seen := make(map[address]bool, len(claims))
	for n := range claims {
		c := &claims[n]
		switch key := c.address(); {
		case seen[key]:
		case c.IP.IsValid():
			seen[key] = true
			a.IPs = append(a.IPs, c.IP)
		default:
			seen[key] = true
			a.MACs = append(a.MACs, c.MAC)
		}
	}
	return a
}

// address is what a claim is to, wherever it is asked for.
type address struct {
	ip  netip.Addr
	mac mac.Address
}

func (c *Claim) address() address { return address{c.IP, c.MAC} }

// Claims are the addresses that the subject keeps from others for as long as it
// exists. A pod on the host's network keeps none, one that has ended neither, and none of
// a flat network is kept where its network is not attached.
func (s *Subject) Claims() []Claim {
	if s.HostNetwork || s.Ended || s.Annotations[multus.DefaultNetworkAnnotation] == "" && s.Annotations[multus.NetworksAnnotation] == "" {
		return nil
	}
	p := &Pod{Subject: s, config: &Config{}}
	p.parseNetworks()
	p.parseAddresses()
	var claims []Claim
	seen := make(map[Claim]bool, len(p.wants))
	for n := range p.wants {
		w := &p.wants[n]
		for _, c := range p.claimsTo(w) {
			if len(claims) == maxClaims {
				return claims
			}
			if !seen[c] {
				seen[c] = true
				claims = append(claims, c)
			}
		}
	}
	return claims
}

// maxClaims bounds what is kept of one object. None that is meant to run comes near it.
const maxClaims = 1000

// claimsTo are the claims to an address. Where no network is called like one of the flat
// network, each that is asked for may be one.
func (p *Pod) claimsTo(w *wanted) []Claim {
	switch {
	case w.flat == nil:
		return []Claim{w.claim}
	case w.claim.Subnet.Name == "":
		return nil
	case p.attachesByName(w.flat.Generation):
		return []Claim{w.claim}
	}
	var claims []Claim
	for n := range p.interfaces {
		if i := &p.interfaces[n]; i.annotation != "" && i.Reference.Name != "" && !slices.Contains(w.flat.Generation.Other().Networks(), i.Reference.Name) {
			c := w.claim
			c.Network = i.Reference
			claims = append(claims, c)
		}
	}
	return claims
}

// attachesByName says whether a network is among the pod's that is called like one of
// the flat network.
func (p *Pod) attachesByName(g flatnetwork.Generation) bool {
	return slices.ContainsFunc(p.interfaces, func(i Interface) bool {
		return i.annotation != "" && slices.Contains(g.Networks(), i.Reference.Name)
	})
}

// Identity names the subject as owner references do.
func (s *Subject) Identity() Identity {
	return Identity{Controller{s.APIVersion, s.Kind}, s.Namespace, s.Name, s.UID}
}

// attached says whether a network of the flat network is among the pod's, and whether
// that is known.
func (p *Pod) attached(g flatnetwork.Generation) (yes, known bool) {
	if p.misread() {
		return false, false
	}
	if p.attachesByName(g) {
		return true, true
	}
	known = !p.networksPending()
	for n := range p.interfaces {
		switch i := &p.interfaces[n]; {
		case i.network != nil && i.network.Main() == g.Plugin():
			return true, true
		case i.annotation == "":
		case slices.Contains(g.Other().Networks(), i.Reference.Name):
		case i.network == nil || i.network.OnNode || i.network.NameOnly:
			known = false
		}
	}
	return false, known
}

// subnetOf is the subnet of a request as far as it is known.
func (p *Pod) subnetOf(r *flatRequest) *flatnetwork.Subnet {
	if r.subnet < 0 {
		return nil
	}
	return p.facts.Subnets[r.subnet].Subnet
}

// fixes says whether an address that is asked for reaches the pod on a link that it
// shares with pods of other nodes, as far as is known: that of a flat network when such
// a network is attached, that of another when its plugins heed it.
func (p *Pod) fixes(w *wanted) bool {
	if w.flat != nil {
		return !w.flat.inert()
	}
	n := w.iface.network
	return n != nil && n.Shared() && gives(n, &w.claim)
}

// gives says whether a network gives a pod the address that it asks for.
func gives(n *cniconf.Network, c *Claim) bool {
	if c.IP.IsValid() {
		return n.Assigns()
	}
	return n.Macvlan != nil
}

// reaches says whether an address that is asked for reaches the pod, as far as is known.
func (p *Pod) reaches(w *wanted) bool {
	if w.flat != nil {
		return p.fixes(w)
	}
	return w.iface.network != nil && gives(w.iface.network, &w.claim)
}

// link is the layer 2 domain of an address: the link of a node that its interface hangs
// on, such as bond0.100. It is empty where it is not known.
func (p *Pod) link(w *wanted) string {
	switch {
	case w.flat != nil:
		if s := p.subnetOf(w.flat); s != nil {
			return s.Link()
		}
	case w.iface.network != nil:
		return w.iface.network.L2()
	}
	return ""
}
