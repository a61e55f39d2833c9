package ipam

import (
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/macvlan-webhook/macvlan-webhook/policy/address/cidr"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf/field"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf/flaw"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
)

// Route is one that an IPAM plugin hands on to the main plugin, which adds it to the pod.
type Route struct {
	// Dst is the destination with its host bits, if any; the zero Prefix without one.
	Dst netip.Prefix
	// Gateway is the route's own; the zero Addr where it has none, and goes by that of the
	// interface's first address of its family.
	Gateway netip.Addr
	// Scope as in rtnetlink(7): 0 is universe. Table 0 is the main one.
	Scope, Table int
	// Priority is the metric; 0 counts as the best.
	Priority int
}

// IsDefault says whether the route is to everywhere.
func (r *Route) IsDefault() bool { return r.Dst.IsValid() && r.Dst.Bits() == 0 }

// readRoutes decodes routes as host-local, static and whereabouts do, and says which of
// them cannot be decoded.
//
// Of more than mostRoutes none is kept: they are not judged.
func readRoutes(conf []json.RawMessage) ([]Route, string) {
	var routes []Route
	for i, r := range conf {
		if string(r) == "null" {
			continue
		}
		var read types.Route
		if err := json.Unmarshal(r, &read); err != nil {
			return nil, field.Fault(fmt.Sprintf("ipam.routes[%d]", i), err)
		}
		route := Route{Gateway: addrOf(read.GW), Priority: read.Priority}
		if read.Dst.IP != nil {
			length, bits := read.Dst.Mask.Size()
			dst := addrOf(read.Dst.IP)
			route.Dst = netip.PrefixFrom(dst, max(0, length-bits+dst.BitLen()))
		}
		if read.Scope != nil {
			// The kernel has one byte for it.
			route.Scope = *read.Scope & 0xff
		}
		if read.Table != nil {
			route.Table = *read.Table
		}
		routes = append(routes, route)
	}
	if len(routes) > mostRoutes {
		return nil, ""
	}
	return routes, ""
}

// mostRoutes bounds what is judged of one network. None that is meant to work comes near it.
const mostRoutes = 128

// scopeLink is that of destinations on the link itself, in rtnetlink(7).
const scopeLink = 253

// TableMain is the table that the kernel looks into by itself, in rtnetlink(7).
const TableMain = 254

// RouteFault is a route that the kernel refuses.
type RouteFault struct {
	// Index is which of the routes, from 0.
	Index int
	// Depends says that with other addresses the route may be added.
	Depends bool
	// Detail continues a sentence that begins with the route: `has no "dst"`. Want says what
	// is accepted.
	Detail, Want string
}

// RouteFaults are the routes that the kernel refuses on an interface with given addresses,
// at most one fault for each. Where the addresses are not known, gateways are not judged.
// It follows pkg/ipam/ipam_linux.go of the reference plugins (ConfigureIface), and
// fib_create_info, fib_check_nh and ip6_route_info_create of the kernel; test/node runs them.
func RouteFaults(routes []Route, given Given) []RouteFault {
	type key struct {
		dst                    netip.Prefix
		gateway                netip.Addr
		scope, table, priority int
	}
	var faults []RouteFault
	seen := map[key]int{}
	link := slices.Clone(given.Prefixes)
	for i := range routes {
		r := &routes[i]
		add := func(depends bool, detail, want string) {
			faults = append(faults, RouteFault{Index: i, Depends: depends, Detail: detail, Want: want})
		}
		if !r.Dst.IsValid() {
			add(false, `has no "dst"`, `a destination such as "10.0.0.0/8"`)
			continue
		}
		masked := r.Dst.Masked()
		if r.Dst.Addr().Is4() && masked != r.Dst {
			add(false, "has the destination "+quote.Value(r.Dst.String())+", which has host bits set", quote.Value(masked.String()))
			continue
		}
		gateway := r.gatewayIn(given)
		// A gateway that comes with an address goes with it.
		borrowed := gateway.IsValid() && !r.Gateway.IsValid()
		if gateway.IsValid() && gateway.Is4() != r.Dst.Addr().Is4() {
			add(false, "leads to "+quote.Value(r.Dst.String())+" by "+quote.Value(gateway.String())+", which is of the other family", "a gateway of the same family")
			continue
		}
		k := key{masked, gateway, r.Scope, r.Table, r.Priority}
		if k.table == TableMain {
			k.table = 0
		}
		first, again := seen[k]
		if !again {
			seen[k] = i
		}
		switch {
		case again:
			add(borrowed, fmt.Sprintf("is the same as route %d", first+1), "each route once")
		case r.onLink(gateway):
			// The gateway of a later route may be where this one leads.
			link = append(link, masked)
		case !gateway.IsValid() || gateway.IsUnspecified():
		case r.Scope >= scopeLink && gateway.Is4():
			add(borrowed, fmt.Sprintf("has a gateway and the scope %d, which is for destinations on the link itself", r.Scope), `no "scope", or "gw": "0.0.0.0"`)
		case given.Known:
			if detail := unreachable(gateway, link); detail != "" {
				faults = append(faults, RouteFault{Index: i, Depends: true,
					Detail: "goes by the gateway " + quote.Value(gateway.String()) + ", which " + detail,
					Want:   "a gateway in a subnet of the interface"})
			}
		}
	}
	return faults
}

// onLink says that the destination is one on the link itself, for a route that goes by a gateway
// or by none: other gateways may be there.
func (r *Route) onLink(gateway netip.Addr) bool {
	return r.Dst.IsValid() && (!gateway.IsValid() || gateway.IsUnspecified()) && (r.Scope >= scopeLink || r.Dst.Addr().Is6())
}

// gatewayIn is what the route goes by on an interface; the zero Addr where it goes by none.
func (r *Route) gatewayIn(given Given) netip.Addr {
	switch {
	case r.Gateway.IsValid():
		return r.Gateway
	case r.Dst.Addr().Is4():
		return given.Gateway4
	default:
		return given.Gateway6
	}
}

// unreachable says, as a clause about it, why a gateway cannot be reached on an interface
// that is in some subnets; empty where it can. A link-local one is everywhere.
func unreachable(gateway netip.Addr, link []netip.Prefix) string {
	if gateway.Is6() && gateway.IsLinkLocalUnicast() {
		return ""
	}
	for _, p := range link {
		if !p.Masked().Contains(gateway) {
			continue
		}
		if gateway.Is4() && p.Bits() < 31 && gateway == cidr.Last(p) {
			return "is the broadcast address of " + p.Masked().String()
		}
		return ""
	}
	if len(link) == 0 {
		return "is out of reach: the interface has no address"
	}
	return "is in no subnet of the interface (" + quote.Some(link, mostRanges, func(p netip.Prefix) string { return p.Masked().String() }) + ")"
}

// GatewayFaults says of each gateway of a pod's "default-route" why the kernel refuses a
// default route by it; the detail is empty where it does not. It continues a sentence that
// begins with the gateway. A nil address stands for an empty string.
//
// The routes of the network are there before it.
func GatewayFaults(gateways []net.IP, routes []Route, given Given) []RouteFault {
	faults := make([]RouteFault, len(gateways))
	link := slices.Clone(given.Prefixes)
	for i := range routes {
		if r := &routes[i]; r.onLink(r.gatewayIn(given)) {
			link = append(link, r.Dst.Masked())
		}
	}
	for i, ip := range gateways {
		f := &faults[i]
		f.Index, f.Want = i, "a gateway in a subnet of the interface"
		gateway := addrOf(ip)
		switch {
		case !gateway.IsValid():
			f.Detail, f.Want = "is no gateway", "the address of a gateway"
		case gateway == netip.IPv6Unspecified():
			f.Detail = "is no gateway to the kernel"
		case gateway.IsUnspecified() || !given.Known:
		default:
			f.Detail = unreachable(gateway, link)
		}
	}
	return faults
}

// routeFlaws are the routes that fail pods. Where fixed is false, a pod may bring an address
// of its own with which a gateway can be reached.
func routeFlaws(routes []Route, given Given, fixed bool) []flaw.Flaw {
	var flaws []flaw.Flaw
	for _, f := range RouteFaults(routes, given) {
		effect := flaw.FailsAll
		if f.Depends && !fixed {
			effect = flaw.FailsSome
		}
		flaws = append(flaws, flaw.Flaw{
			Kind: flaw.Route, Effect: effect, Kernel: true, Path: []any{"ipam", "routes", f.Index},
			Text: field.Name(fmt.Sprintf("ipam.routes[%d]", f.Index)) + " " + f.Detail, Want: "write " + f.Want,
		})
	}
	return flaws
}

// prefixOf is an address with the length of its subnet; not ok for what is none.
func prefixOf(text string) (netip.Prefix, bool) {
	ip, subnet, err := net.ParseCIDR(text)
	if err != nil {
		return netip.Prefix{}, false
	}
	length, bits := subnet.Mask.Size()
	addr := addrOf(ip)
	prefix := netip.PrefixFrom(addr, max(0, length-bits+addr.BitLen()))
	return prefix, prefix.IsValid()
}
