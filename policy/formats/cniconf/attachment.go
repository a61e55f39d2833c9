package cniconf

import (
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/macvlan-webhook/macvlan-webhook/policy/address/mac"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf/ipam"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
)

// Ask is what a pod asks of one attachment to a network, as its element of a networks
// annotation says it.
type Ask struct {
	// Interface is the name that the interface will have.
	Interface string
	// IPs is "ips", each with or without a prefix length.
	IPs []string
	// ArgIPs is "ips" in "cni-args"; nil where the element says nothing of it.
	ArgIPs []string
	// MAC is "mac", ArgMAC "mac" in "cni-args"; empty where none is asked for.
	MAC, ArgMAC string
	// DefaultRoutes is "default-route". A nil address stands for an empty string.
	DefaultRoutes []net.IP
	// First says that the attachment is the pod's first interface, by the default-network
	// annotation.
	First bool
}

// request is what the IPAM plugin makes of an element. What Multus cannot read is ignored.
func (n *Network) request(a *Ask) ipam.Request {
	r := ipam.Request{IPs: ipam.ReadAsked(a.IPs)}
	r.Args, r.Runtime = ipam.ReadAsked(a.ArgIPs), r.IPs
	if a.ArgIPs == nil && n.extra != nil {
		r.Args, r.OwnArgs = ipam.ReadAsked(n.extra.argIPs), true
	}
	if !n.handsOnIPs(a) || len(r.IPs) == 0 {
		r.Runtime = nil
		if n.extra != nil {
			r.Runtime = ipam.ReadAsked(n.extra.runtimeIPs)
		}
	}
	return r
}

// AddressFaults says what comes in the way of the addresses that an element of a
// networks annotation asks for. It is nil where the pod gets them all, and where
// nothing can be said: of IPAM plugins that are not known here, and of a network
// that no pod can use. test/cni holds the verdict against the plugins.
func (n *Network) AddressFaults(a *Ask) []ipam.AddressFault {
	asked := n.request(a)
	if len(a.IPs)+len(a.ArgIPs) == 0 || len(asked.IPs)+len(asked.Args) == 0 || n.Plugins == nil || n.Unusable != "" || n.IPAM.Fault() != "" {
		return nil
	}
	// What is wrong with args of the network's own is no fault of the pod's request ([Network.Fails]).
	return slices.DeleteFunc(n.IPAM.AddressFaults(asked, n.around()), func(f ipam.AddressFault) bool { return f.Args && asked.OwnArgs })
}

// Assigns says whether an address that a pod asks for reaches its interface, where
// [Network.AddressFaults] knows nothing against it; plain is one without a prefix length.
func (n *Network) Assigns(plain bool) bool {
	return n.Unusable == "" && n.IPAM.Fault() == "" && n.IPAM.Assigns(plain, n.around())
}

// Room is how many interfaces in the cluster can have an address of the network at once;
// negative where that is not known, and where no pod gets one.
func (n *Network) Room() int {
	room := n.IPAM.Room()
	if room >= 0 && n.FailsAll() != "" {
		return -1
	}
	return room
}

// ReadsArgs says that the IPAM plugin reads "ips" of "cni-args", and fails for what is no list
// of addresses.
func (n *Network) ReadsArgs() bool {
	kind := n.IPAM.Type()
	return kind == "host-local" || kind == "static"
}

// around is what the IPAM plugin has to do with in the chain.
func (n *Network) around() ipam.Chain {
	return ipam.Chain{
		CNIVersion:   n.CNIVersion,
		MayAdd:       !n.allReference,
		IPsElsewhere: n.Capabilities.IPs && !n.MainCapabilities.IPs && !n.allReference,
		PlainReader:  n.plainReader(),
	}
}

// plainReaders decode IP in CNI_ARGS as a single address without a prefix length,
// though they have no use for it, and fail otherwise: K8sArgs in
// cmd/spiderpool/cmd/cni_types.go of Spiderpool, which its coordinator shares, and
// in pkg/types of spidernet-io/cni-plugins.
var plainReaders = []string{pluginCoordinator, pluginVeth, pluginRouter}

// plainReader is the first of them to be called; empty where there is none.
func (n *Network) plainReader() string {
	for _, p := range n.Plugins {
		if slices.Contains(plainReaders, p) {
			return p
		}
	}
	return ""
}

// given is what an attachment gets. It is known only where no other plugin of the chain may
// give addresses besides.
func (n *Network) given(a *Ask) ipam.Given {
	if n.IPAM.Fault() != "" {
		return ipam.Given{}
	}
	g := n.IPAM.Given(n.request(a), n.around())
	g.Known = g.Known && n.allReference && !(n.extra != nil && n.extra.deviceAddresses)
	return g
}

// Addressless says that an attachment certainly gets no address.
func (n *Network) Addressless(a *Ask) bool {
	if n.Plugins == nil || n.Unusable != "" {
		return false
	}
	if len(n.Plugins) == 1 && slices.Contains(linkless, n.Main()) {
		return true
	}
	g := n.given(a)
	return g.Known && len(g.Prefixes) == 0
}

// Fails says why the network's configuration fails an attachment, though it does not fail
// those that ask for something else: a clause about the network, and what to do. It is empty
// where it does not, and where every pod fails ([Network.FailsAll]).
func (n *Network) Fails(a *Ask) (why, want string) {
	if n.Plugins == nil || n.FailsAll() != "" {
		return "", ""
	}
	if why := n.macFails(a); why != "" {
		return why, `write "mac" in the pod's element`
	}
	if n.extra.tooLong(a.Interface) {
		return fmt.Sprintf("its name has %d bytes, too many beside the interface's for the file that Multus keeps about both", n.extra.nameBytes), "give the network a shorter name"
	}
	if why := n.ownRequestFails(a); why != "" {
		return why, `write other addresses in "cni-args" of the pod's element`
	}
	if n.Macvlan != nil && n.Macvlan.narrow() && n.givesIPv6(n.request(a)) {
		return fmt.Sprintf("its mtu is %d, and the interface is to get an IPv6 address, which needs %d or more", n.Macvlan.MTU, leastMTUOfIPv6), "ask for an IPv4 address"
	}
	if n.userspace() || !slices.Contains(makers, n.Main()) {
		return "", ""
	}
	return n.IPAM.Fails(n.request(a), n.around()), `write "ips" in the pod's element`
}

// macFails says why the hardware address that the network fixes fails a pod that brings none
// in its place: runtimeConfig comes before macvlan's own, and arguments before tuning's.
func (n *Network) macFails(a *Ask) string {
	var e extra
	if n.extra != nil {
		e = *n.extra
	}
	switch {
	case n.Macvlan != nil && n.Macvlan.MACFault != "" && a.MAC == "" && e.runtimeMAC == "":
		return fmt.Sprintf("its mac %s, and the pod asks for no other", n.Macvlan.MACFault)
	case e.tuning.macFault != "" && a.MAC == "" && a.ArgMAC == "" && e.tuning.argMAC == (mac.Address{}):
		return "the mac of its plugin tuning " + e.tuning.macFault + ", and the pod asks for no other"
	}
	return ""
}

// ownRequestFails says why the addresses that the configuration asks for in place of a pod fail
// one that does not ask for others in the same way; empty where they do not.
func (n *Network) ownRequestFails(a *Ask) string {
	if n.extra == nil || a.ArgIPs != nil {
		return ""
	}
	if n.extra.argsFault != "" {
		return n.extra.argsFault
	}
	if n.extra.argIPs == nil && n.extra.runtimeIPs == nil {
		return ""
	}
	for _, f := range n.IPAM.AddressFaults(n.request(a), n.around()) {
		if f.Effect != ipam.EffectFails || !f.Args && len(a.IPs) > 0 {
			continue
		}
		if f.Args && f.Index >= 0 {
			return "the address " + quote.Value(n.extra.argIPs[f.Index]) + " in its args " + f.Detail
		}
		return "the addresses in its args " + f.Detail
	}
	return ""
}

// MACIgnored says why a hardware address that a pod asks for has no effect, as the end of a
// sentence; empty where it has one, and where that is not known.
func (n *Network) MACIgnored() string {
	switch {
	case n.tuned() || !n.allReference:
		return ""
	case n.Macvlan != nil && n.Macvlan.Mode == ModePassthru:
		return "in mode passthru the interface has the address of its master"
	case slices.Contains([]string{"ptp", pluginIPvlan, pluginHostDevice, "vlan", "dummy"}, n.Main()):
		return "the plugin " + quote.Value(n.Main()) + " gives the interface an address of its own choosing"
	}
	return ""
}

// addresses says that an attachment gets what it asks for up to its addresses, as far as is
// known.
func (n *Network) addresses(a *Ask) bool {
	why, _ := n.Fails(a)
	return n.FailsAll() == "" && why == "" &&
		!slices.ContainsFunc(n.AddressFaults(a), func(f ipam.AddressFault) bool { return f.Effect == ipam.EffectFails })
}

// RouteFault is a route that cannot be added to a pod.
type RouteFault struct {
	// DefaultRoute is which member of the element's "default-route" it is; -1 for a route of
	// the network.
	DefaultRoute int
	// Certain says that the pod fails. Otherwise Starts says that it starts and lacks the route,
	// and without it that it fails unless the node's own file for the IPAM plugin names more.
	Certain, Starts bool
	// Text is a clause that states the fact, Want what is accepted.
	Text, Want string
}

// RouteFaults are the routes that cannot be added to an attachment, because of the addresses
// that it gets: those of the network, and those of the element's "default-route". What fails
// every pod is not said again.
func (n *Network) RouteFaults(a *Ask) []RouteFault {
	if n.Plugins == nil || len(n.IPAM.Routes())+len(a.DefaultRoutes) == 0 && !slices.Contains(n.Plugins, pluginSBR) || !n.addresses(a) {
		return nil
	}
	var faults []RouteFault
	given := n.given(a)
	if n.givesRoutes() {
		routes := n.IPAM.Routes()
		for _, f := range ipam.RouteFaults(slices.Concat(routes, n.routesOfSBR(given)), given) {
			of := fmt.Sprintf("route %d of its IPAM ", f.Index+1)
			if f.Index >= len(routes) {
				of = "the default route of its plugin sbr "
			}
			faults = append(faults, RouteFault{DefaultRoute: -1, Certain: !given.Merged || !f.Depends, Text: of + f.Detail, Want: f.Want})
		}
		faults = append(faults, n.lostGateways(given)...)
	}
	for i, f := range ipam.GatewayFaults(a.DefaultRoutes, n.IPAM.Routes(), given) {
		if f.Detail == "" && n.allReference && slices.Contains(n.Plugins, pluginSBR) && given.Known && !a.DefaultRoutes[i].IsLinkLocalUnicast() && !a.DefaultRoutes[i].IsUnspecified() {
			f.Detail, f.Want = "is out of reach once the plugin sbr has moved the routes of the interface into a table of its own", `no "default-route", or a network without sbr`
		}
		if f.Detail != "" {
			// SetDefaultGW of Multus (pkg/netutils) answers with the error of the last one.
			last := i == len(a.DefaultRoutes)-1
			faults = append(faults, RouteFault{DefaultRoute: i, Certain: last && !given.Merged, Starts: !last, Text: f.Detail, Want: f.Want})
		}
	}
	return faults
}

// givesRoutes says that the main plugin gives the routes of its IPAM to the kernel, as they are:
// before version 0.3.0 of the specification a result has no room for all of them.
func (n *Network) givesRoutes() bool {
	return slices.Contains(configureIface, n.Main()) && !n.userspace() && n.NamesInterface()
}

// sbrTable is the first of those that sbr makes.
const sbrTable = 100

// routesOfSBR are those that a plugin sbr adds: to everywhere, by the gateway of each family.
func (n *Network) routesOfSBR(given ipam.Given) []ipam.Route {
	if !slices.Contains(n.Plugins, pluginSBR) || !n.allReference {
		return nil
	}
	var routes []ipam.Route
	for _, gateway := range []netip.Addr{given.Gateway4, given.Gateway6} {
		if gateway.IsValid() && !gateway.IsUnspecified() {
			everywhere := netip.PrefixFrom(netip.IPv6Unspecified(), 0)
			if gateway.Is4() {
				everywhere = netip.PrefixFrom(netip.IPv4Unspecified(), 0)
			}
			routes = append(routes, ipam.Route{Dst: everywhere, Gateway: gateway, Table: sbrTable})
		}
	}
	return routes
}

// lostGateways are the routes that go by the gateway of an address of the network, where an
// attachment gets other addresses in its place: they then lead nowhere but to the link.
func (n *Network) lostGateways(given ipam.Given) []RouteFault {
	own := n.IPAM.Given(ipam.Request{}, n.around())
	var faults []RouteFault
	for i, r := range n.IPAM.Routes() {
		before, now := own.Gateway6, given.Gateway6
		if r.Dst.Addr().Is4() {
			before, now = own.Gateway4, given.Gateway4
		}
		if !r.Gateway.IsValid() && before.IsValid() && !now.IsValid() {
			faults = append(faults, RouteFault{
				DefaultRoute: -1, Starts: true,
				Text: fmt.Sprintf("another address takes the place of the network's, and its gateway %s goes with it, so route %d of its IPAM (%s) has none",
					quote.Value(before.String()), i+1, r.Dst),
				Want: `"gw" in that route of the network`,
			})
		}
	}
	return faults
}

// userspace says that a device of the network may have no interface that the kernel knows.
func (n *Network) userspace() bool { return n.extra != nil && n.extra.userspace }

// configureIface are the main plugins that add the routes of their IPAM by ConfigureIface of
// pkg/ipam of the reference plugins, and no others.
var configureIface = []string{pluginMacvlan, pluginIPvlan, "vlan", "dummy", pluginHostDevice}

// Takes says what an attachment takes of the pod's default routes.
type Takes struct {
	// IPv4: all goes by the attachment. The plugin appends its route with the best metric, and
	// the kernel takes the one that was added last.
	IPv4 bool
	// IPv6: the kernel makes one route of both, with two next hops, where the first interface
	// has one by a gateway; some connections leave by either.
	IPv6 bool
}

// DefaultRoutes says what an attachment takes of the pod's default routes: the network has a
// route to everywhere that no plugin behind it moves, in the main table, and of the best
// metric. It takes none as the first interface, where it fails, and where the element brings
// an address beside the gateway of that route: who chooses it knows the network. Both
// families were run with macvlan 1.10.0: findings/macvlan-second-default-route.sh.
func (n *Network) DefaultRoutes(a *Ask) (takes Takes) {
	ofBridge := n.extra != nil && n.extra.defaultGateway
	if a.First || n.Unusable != "" || len(n.IPAM.Routes()) == 0 && !ofBridge || n.userspace() || !n.NamesInterface() ||
		slices.ContainsFunc(n.Plugins, func(p string) bool { return slices.Contains(routeMovers, p) }) ||
		!n.addresses(a) || slices.ContainsFunc(n.RouteFaults(a), func(f RouteFault) bool { return f.Certain }) {
		return Takes{}
	}
	asked, given := n.request(a), n.given(a)
	brought := slices.Concat(asked.IPs, asked.Args)
	takes.IPv4 = ofBridge && given.Known && slices.ContainsFunc(given.Prefixes, func(p netip.Prefix) bool { return p.Addr().Is4() })
	for _, r := range n.IPAM.Routes() {
		if !r.IsDefault() || r.Priority > 0 || r.Table != 0 && r.Table != ipam.TableMain {
			continue
		}
		if r.Gateway.IsValid() && slices.ContainsFunc(brought, func(b ipam.Asked) bool { return b.Beside(r.Gateway) }) {
			continue
		}
		if r.Dst.Addr().Is4() {
			takes.IPv4 = true
		} else if r.Gateway.IsValid() || given.Gateway6.IsValid() {
			takes.IPv6 = true
		}
	}
	return takes
}

// routeMovers are plugins that see to the routes which the plugin before them has made.
var routeMovers = append([]string{pluginCoordinator, pluginVeth, pluginRouter}, routeKeepers...)

// routeKeepers are those of them that care for the routes of their own interface alone.
var routeKeepers = []string{pluginSBR, "route-override", "vrf"}

// HasOwnRoutes says that somebody has seen to the routes of the network without a plugin that
// coordinates those of the pod: it has some, or a plugin that keeps them apart.
func (n *Network) HasOwnRoutes() bool {
	return len(n.IPAM.Routes()) > 0 || slices.ContainsFunc(n.Plugins, func(p string) bool { return slices.Contains(routeKeepers, p) })
}
