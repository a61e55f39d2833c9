package pod

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/macvlan-webhook/macvlan-webhook/policy/address/mac"
	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/flatnetwork"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/multus"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// FlatRequest is what a pod asks of one generation of the flat network.
type FlatRequest struct {
	*flatnetwork.Request
	// subnet is the index into the request's subnets; -1 without one that could exist.
	subnet int

	view *View
	// attached says whether a network of that generation is among the pod's, and known
	// whether that is known.
	attached, known bool
}

// Attached says whether a network of the request's generation is among the pod's, and
// whether that is known.
func (r *FlatRequest) Attached() (yes, known bool) {
	r.view.read(onAttachment)
	return r.attached, r.known
}

// Unattached says whether nobody reads the request, because it is known that no network
// of its generation is attached.
func (r *FlatRequest) Unattached() bool {
	yes, known := r.Attached()
	return known && !yes
}

// RequestedAddress is one address that a pod asks for by itself, of whichever source.
type RequestedAddress struct {
	// Claim is the address, and the subnet or network it is asked of.
	Claim Claim
	// Text is the address as written, and Index where it stands in its list.
	Text  string
	Index int
	// List of the flat network that it stands in; nil for an address that an interface is
	// to get.
	List *flatnetwork.List
	// Field is "ips", "mac" or "cni-args", for an address that an interface is to get; empty for
	// one that its network gives it by itself.
	Field string

	// flat and asked are indices: of the request of the flat network that it belongs to, and
	// of the interface that it is asked for.
	flat, asked int
}

// OfNetwork says that nobody asks for the address: the network of the interface gives it.
func (a *RequestedAddress) OfNetwork() bool { return a.Claim.By == ByNetwork }

// Named is the address as messages name it, with its place in a list of several.
func (a *RequestedAddress) Named() string {
	if a.List != nil && len(a.List.Entries) > 1 {
		return fmt.Sprintf("address %d %s", a.Index+1, quote.Value(a.Text))
	}
	return "address " + quote.Value(a.Text)
}

// FlatRequestOf is the request of the flat network that an address belongs to, nil for
// none.
func (v *View) FlatRequestOf(a *RequestedAddress) *FlatRequest {
	if a.List == nil {
		return nil
	}
	return &v.flat[a.flat]
}

// InterfaceOf is the interface that is to get an address; nil for one of the flat
// network.
func (v *View) InterfaceOf(a *RequestedAddress) *Interface {
	if a.List != nil {
		return nil
	}
	return &v.interfaces[a.asked]
}

// AtAddress is a finding at an address.
func (v *View) AtAddress(a *RequestedAddress) verdict.Finding {
	if a.List != nil {
		return verdict.Finding{Place: object.AtAnnotation(a.List.Annotation, a.List.Entries[a.Index].Offset)}
	}
	i := v.InterfaceOf(a)
	if a.OfNetwork() {
		return verdict.Finding{Place: object.AtAnnotation(i.Annotation, v.LocateNetwork(i))}
	}
	return v.AtElement(i, a.Field, a.Index)
}

// AtElement is a finding at a field of the element that asks for an interface, for
// index >= 0 at a member of it.
func (v *View) AtElement(i *Interface, field string, index int) verdict.Finding {
	return verdict.Finding{Place: object.AtAnnotation(i.Annotation, v.Places(i.Annotation).Locate(i.Index, field, index))}
}

// parseAddresses reads the addresses that the annotations fix. Those that cannot be
// read are left to the rules of their annotations.
func (r *Request) parseAddresses() {
	for _, g := range flatnetwork.Generations {
		parsed := flatnetwork.Parse(g, r.Subject.Annotations)
		if parsed == nil {
			continue
		}
		flat := FlatRequest{Request: parsed, subnet: -1}
		if parsed.SubnetNamed() {
			flat.subnet = len(r.flatSubnets)
			r.flatSubnets = append(r.flatSubnets, flatnetwork.SubnetReference{Generation: g, Name: parsed.Subnet})
		}
		for _, list := range []*flatnetwork.List{&parsed.IPs, &parsed.MACs} {
			for n, e := range list.Entries {
				claim := Claim{IP: e.IP, MAC: e.MAC, Subnet: flatnetwork.SubnetReference{Generation: g, Name: parsed.Subnet}}
				r.ask(RequestedAddress{Claim: claim, Text: e.Text, Index: n, List: list, flat: len(r.flatAsked)})
			}
		}
		r.flatAsked = append(r.flatAsked, flat)
	}
	asked := 0
	for n := range r.asked {
		if e := r.asked[n].Element; e != nil {
			asked += len(e.IPs) + len(e.ArgIPs)
			if e.MAC != "" {
				asked++
			}
		}
	}
	r.addresses = slices.Grow(r.addresses, asked)
	for n := range r.asked {
		i := &r.asked[n]
		if i.Element == nil {
			continue
		}
		for m, text := range i.Element.IPs {
			r.ask(RequestedAddress{Claim: Claim{IP: requestedIP(text), Plain: !strings.Contains(text, "/"), Network: i.Reference}, Text: text, Index: m, Field: "ips", asked: n})
		}
		if address, fault := mac.Parse(i.Element.MAC); fault == "" {
			r.ask(RequestedAddress{Claim: Claim{MAC: address, Network: i.Reference}, Text: i.Element.MAC, Index: -1, Field: "mac", asked: n})
		}
		r.askByArgs(n)
	}
}

// askByArgs notes the addresses in the "cni-args" of the n-th interface.
func (r *Request) askByArgs(n int) {
	i := &r.asked[n]
	for _, text := range i.Element.ArgIPs {
		r.ask(RequestedAddress{Claim: Claim{IP: requestedIP(text), By: ByArgs, Network: i.Reference}, Text: text, Index: -1, Field: argsField, asked: n})
	}
	if i.Element.ArgMAC != "" {
		address, _ := mac.Parse(i.Element.ArgMAC)
		r.ask(RequestedAddress{Claim: Claim{MAC: address, By: ByArgs, Network: i.Reference}, Text: i.Element.ArgMAC, Index: -1, Field: argsField, asked: n})
	}
}

// argsField is the key of arguments in an element.
const argsField = "cni-args"

// ask notes an address. One that cannot be read is none, and one of an element whose
// network cannot be named is asked of nobody.
func (r *Request) ask(a RequestedAddress) {
	if (a.Claim.IP.IsValid() || a.Claim.MAC != (mac.Address{})) && (a.List != nil || a.Claim.Network.Name != "") {
		r.addresses = append(r.addresses, a)
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

// distinctAddresses are those that the annotations fix, each once.
func (r *Request) distinctAddresses() Addresses {
	claims := make([]Claim, len(r.addresses))
	for n := range r.addresses {
		claims[n] = r.addresses[n].Claim
	}
	return addressesOf(claims)
}

func addressesOf(claims []Claim) Addresses {
	var a Addresses
	seen := make(map[Address]bool, len(claims))
	for n := range claims {
		c := &claims[n]
		switch key := c.Address(); {
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

// Address is what a claim is to, wherever it is asked for.
type Address struct {
	ip  netip.Addr
	mac mac.Address
}

// Address is what the claim is to.
func (c *Claim) Address() Address { return Address{c.IP, c.MAC} }

// Claims are the addresses that the subject keeps from others for as long as it
// exists. A pod on the host's network keeps none, one that has ended neither, and none of
// a flat network is kept where its network is not attached.
func (s *Subject) Claims() []Claim {
	if s.HostNetwork || s.Ended || s.Annotations[multus.DefaultNetworkAnnotation] == "" && s.Annotations[multus.NetworksAnnotation] == "" {
		return nil
	}
	r := &Request{Subject: s, Config: &config.Config{}}
	r.parseNetworks()
	r.parseAddresses()
	var claims []Claim
	seen := make(map[Claim]bool, len(r.addresses))
	for n := range r.addresses {
		if r.doubtful(&r.addresses[n]) {
			continue
		}
		for _, c := range r.claimsTo(&r.addresses[n]) {
			if len(claims) == MaxClaims {
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

// doubtful says that another address may take the place of one: "cni-args" beside "ips" or
// "mac" count with some networks, and not with others.
func (r *Request) doubtful(a *RequestedAddress) bool {
	if a.Claim.By != ByArgs {
		return false
	}
	e := r.asked[a.asked].Element
	return a.Claim.IP.IsValid() && len(e.IPs) > 0 || !a.Claim.IP.IsValid() && e.MAC != ""
}

// GivenClaims are the addresses that the networks of the subject give to it by themselves, and
// so to others as well. network answers nil for one that gives none; a default-network without
// a namespace is in the one given. A workload without pods has none.
func (s *Subject) GivenClaims(defaultNamespace string, network func(object.Reference) *cniconf.Network) []Claim {
	if s.HostNetwork || s.Ended || s.podless() {
		return nil
	}
	r := &Request{Subject: s, Config: &config.Config{}}
	r.parseNetworks()
	var claims []Claim
	for n := range r.asked {
		i := &r.asked[n]
		if i.Element == nil || i.Reference.Name == "" {
			continue
		}
		ref := object.Reference{Namespace: cmp.Or(i.Reference.Namespace, defaultNamespace), Name: i.Reference.Name}
		known := network(ref)
		if known == nil {
			continue
		}
		ask := i.ask()
		fixed, ips := known.Fixed(&ask)
		for _, c := range givenClaims(&fixed, ips, ref) {
			if len(claims) < MaxClaims && !slices.Contains(claims, c) {
				claims = append(claims, c)
			}
		}
	}
	return claims
}

// podless says that the subject is a workload that is to have no pods.
func (s *Subject) podless() bool { return s.Template() && !s.Scale.PerNode && s.Scale.Pods == 0 }

// givenClaims are those to the addresses that a network fixes.
func givenClaims(f *cniconf.Fixed, ips []netip.Addr, network object.Reference) []Claim {
	var claims []Claim
	for _, ip := range ips {
		claims = append(claims, Claim{IP: ip, By: ByNetwork, Network: network})
	}
	if f.OwnMAC {
		claims = append(claims, Claim{MAC: f.MAC, By: ByNetwork, Network: network})
	}
	return claims
}

// fix looks what is certain of the addresses of the n-th interface, whose network may be known.
func (v *View) fix(n int) {
	i := &v.interfaces[n]
	if i.network == nil || i.Element == nil {
		return
	}
	ask := i.ask()
	fixed, ips := i.network.Fixed(&ask)
	i.fixed = fixed
	for _, c := range givenClaims(&fixed, ips, i.Reference) {
		text := c.MAC.String()
		if c.IP.IsValid() {
			text = c.IP.String()
		}
		v.given = append(v.given, RequestedAddress{Claim: c, Text: text, Index: -1, asked: n})
	}
}

// GivenAddresses are those that networks give to the pod by themselves, in the order of its
// interfaces; nil for most pods.
func (v *View) GivenAddresses() []RequestedAddress {
	v.read(verdict.OnNetworks)
	return v.given
}

// FurtherQuestions are those that come up because networks fix addresses of the pod: who else
// has these. It is false for most pods.
func (v *View) FurtherQuestions() (Questions, bool) {
	claims := make([]Claim, 0, len(v.given))
	for n := range v.given {
		if v.Fixes(&v.given[n]) {
			claims = append(claims, v.given[n].Claim)
		}
	}
	if len(claims) == 0 || v.Subject.podless() {
		return Questions{}, false
	}
	for n := range v.addresses {
		claims = append(claims, v.addresses[n].Claim)
	}
	return Questions{Addresses: addressesOf(claims), Owner: v.Subject.Owner, DefaultNamespace: v.Config.Multus.DefaultNetworkNamespace}, true
}

// Shortage is the first interface for which host-local certainly has no address left, because
// the pod's others have taken them, and a clause that says so; nil where there is none.
func (v *View) Shortage() (*Interface, string) {
	v.read(verdict.OnNetworks)
	ofNode := 0
	for n := range v.interfaces {
		if i := &v.interfaces[n]; i.network != nil && i.network.IPAM.NodeLocal() {
			ofNode++
		}
	}
	if ofNode < 2 || v.Misread() {
		return nil, ""
	}
	attachments := make([]cniconf.Attachment, len(v.interfaces))
	for n := range v.interfaces {
		i := &v.interfaces[n]
		attachments[n].Network = i.network
		if i.Element != nil {
			attachments[n].Ask = i.ask()
		}
	}
	n, why := cniconf.Shortage(attachments)
	if n < 0 || v.interfaces[n].Element == nil {
		return nil, ""
	}
	return &v.interfaces[n], why
}

// MaxClaims bounds what is kept of one object. None that is meant to run comes near it.
const MaxClaims = 1000

// claimsTo are the claims to an address. Where no network is called like one of the flat
// network, each that is asked for may be one.
func (r *Request) claimsTo(a *RequestedAddress) []Claim {
	switch {
	case a.List == nil:
		return []Claim{a.Claim}
	case a.Claim.Subnet.Name == "":
		return nil
	}
	g := r.flatAsked[a.flat].Generation
	if r.attachesByName(g) {
		return []Claim{a.Claim}
	}
	var claims []Claim
	for n := range r.asked {
		if i := &r.asked[n]; i.Annotation != "" && i.Reference.Name != "" && !slices.Contains(g.Other().Networks(), i.Reference.Name) {
			c := a.Claim
			c.Network = i.Reference
			claims = append(claims, c)
		}
	}
	return claims
}

// attachesByName says whether a network is among the pod's that is called like one of
// the flat network.
func (r *Request) attachesByName(g flatnetwork.Generation) bool {
	return slices.ContainsFunc(r.asked, func(i Interface) bool {
		return i.Annotation != "" && slices.Contains(g.Networks(), i.Reference.Name)
	})
}

// Identity names the subject as owner references do.
func (s *Subject) Identity() object.Identity {
	return object.Identity{Controller: object.Controller{APIVersion: s.APIVersion, Kind: s.Kind}, Namespace: s.Namespace, Name: s.Name, UID: s.UID}
}

// attached says whether a network of the flat network is among the pod's, and whether
// that is known.
func (v *View) attached(g flatnetwork.Generation) (yes, known bool) {
	if v.Misread() {
		return false, false
	}
	if v.attachesByName(g) {
		return true, true
	}
	known = !v.NetworksPending()
	for n := range v.interfaces {
		switch i := &v.interfaces[n]; {
		case i.network != nil && i.network.Main() == g.Plugin():
			return true, true
		case i.Annotation == "" && !i.Added:
		case slices.Contains(g.Other().Networks(), i.Reference.Name):
		case i.network == nil || i.network.OnNode || i.network.NameOnly:
			known = false
		}
	}
	return false, known
}

// Fixes says whether an address that is asked for reaches the pod on a link that it
// shares with pods of other nodes, as far as is known: that of a flat network when such
// a network is attached, that of another when its plugins heed it.
func (v *View) Fixes(a *RequestedAddress) bool {
	if flat := v.FlatRequestOf(a); flat != nil {
		return !flat.Unattached()
	}
	i := v.InterfaceOf(a)
	return i.Network() != nil && i.network.Shared() && i.gets(a)
}

// gets says whether an address that is asked for is one that the interface gets.
func (i *Interface) gets(a *RequestedAddress) bool {
	switch {
	case a.OfNetwork():
		return true
	case !a.Claim.IP.IsValid():
		return !i.fixed.OwnMAC && i.fixed.MAC == a.Claim.MAC
	case a.Claim.By == ByArgs:
		return i.fixed.ByArgs
	default:
		return i.fixed.ByIPs && i.network.Assigns(a.Claim.Plain)
	}
}

// gives says whether a network gives a pod the address that it claims.
func gives(n *cniconf.Network, c *Claim) bool {
	switch {
	case c.By == ByNetwork:
		return true
	case !c.IP.IsValid():
		return n.AssignsMAC(c.By == ByArgs)
	case c.By == ByArgs:
		return n.ReadsArgs() && n.Unusable == "" && n.IPAM.Fault() == ""
	default:
		return n.Assigns(c.Plain)
	}
}

// Reaches says whether an address that is asked for reaches the pod, as far as is known.
func (v *View) Reaches(a *RequestedAddress) bool {
	if a.List != nil {
		return v.Fixes(a)
	}
	i := v.InterfaceOf(a)
	return i.Network() != nil && i.gets(a)
}

// OneLink says whether two interfaces of the pod hang on one link, and whether that is certain.
func (v *View) OneLink(a, b *RequestedAddress) (yes, certain bool) {
	if a.List == nil && b.List == nil {
		x, y := v.InterfaceOf(a), v.InterfaceOf(b)
		switch {
		case x.Reference == y.Reference:
			return true, x.Network() != nil && x.network.OneLink()
		case x.Network() != nil && x.network.OnDefaultRoute() && y.Network() != nil && y.network.OnDefaultRoute():
			return true, true
		}
	}
	link := v.Link(a)
	return link != "" && link == v.Link(b), true
}

// Link is the layer 2 domain of an address: the link of a node that its interface hangs
// on, such as bond0.100. It is empty where it is not known.
func (v *View) Link(a *RequestedAddress) string {
	if flat := v.FlatRequestOf(a); flat != nil {
		if s := v.Subnet(flat); s != nil {
			return s.Link()
		}
		return ""
	}
	if n := v.InterfaceOf(a).Network(); n != nil {
		return n.L2()
	}
	return ""
}
