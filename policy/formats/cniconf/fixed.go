package cniconf

import (
	"net/netip"
	"slices"

	"github.com/macvlan-webhook/macvlan-webhook/policy/address/mac"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf/ipam"
)

// Fixed is what is certain beforehand of the addresses of an attachment.
type Fixed struct {
	// ByIPs and ByArgs say that the addresses of the element's "ips", as far as
	// [Network.Assigns] says, and those of its "cni-args" reach the interface.
	ByIPs, ByArgs bool
	// MAC is the hardware address of the interface, the zero Address where it is not known;
	// OwnMAC says that the network gives it to every pod that asks as this one does.
	MAC    mac.Address
	OwnMAC bool
}

// Fixed says what an attachment's element, or the network in place of it, makes sure of. The
// addresses are those that the network itself gives every pod that asks as this one does; nil
// for most networks.
func (n *Network) Fixed(a *Ask) (f Fixed, ofNetwork []netip.Addr) {
	if n.Plugins == nil {
		return Fixed{}, nil
	}
	f.MAC, f.OwnMAC = n.hardwareAddress(a)
	asked := ipam.Ways{IPs: len(a.IPs) > 0, Args: len(a.ArgIPs) > 0, Runtime: n.handsOnIPs(a)}
	ownArgs := n.extra != nil && a.ArgIPs == nil && len(n.extra.argIPs) > 0
	ownRuntime := n.extra != nil && !asked.Runtime && len(n.extra.runtimeIPs) > 0
	heeded := n.IPAM.Heeds(ipam.Ways{IPs: asked.IPs, Args: asked.Args || ownArgs, Runtime: asked.Runtime || ownRuntime})
	f.ByIPs = asked.IPs && (heeded.IPs || heeded.Runtime && asked.Runtime)
	f.ByArgs = asked.Args && heeded.Args && n.Unusable == "" && n.IPAM.Fault() == ""
	if n.FailsAll() != "" {
		if f.OwnMAC {
			f.MAC, f.OwnMAC = mac.Address{}, false
		}
		return f, nil
	}
	if heeded.Own {
		for _, s := range n.IPAM.Spans() {
			ofNetwork = withAddress(ofNetwork, s.First)
		}
	}
	if ownArgs && heeded.Args {
		ofNetwork = withAsked(ofNetwork, n.extra.argIPs)
	}
	if ownRuntime && heeded.Runtime {
		ofNetwork = withAsked(ofNetwork, n.extra.runtimeIPs)
	}
	return f, ofNetwork
}

func withAsked(ips []netip.Addr, asked []string) []netip.Addr {
	for _, a := range ipam.ReadAsked(asked) {
		ips = withAddress(ips, a.Addr)
	}
	return ips
}

// withAddress adds an address that is not among some. The kernel drops 0.0.0.0 silently.
func withAddress(ips []netip.Addr, ip netip.Addr) []netip.Addr {
	if ip.IsUnspecified() || slices.Contains(ips, ip) {
		return ips
	}
	return append(ips, ip)
}

// handsOnIPs says that the main plugin gets an element's "ips" as runtimeConfig.ips.
func (n *Network) handsOnIPs(a *Ask) bool {
	return n.MainCapabilities.IPs && !a.First && len(a.IPs) > 0
}

// hardwareAddress is that of a macvlan interface, and whether the network fixes it. The macvlan
// plugin takes runtimeConfig.mac before MAC in CNI_ARGS before its own (macvlan.go, parseConf);
// tuning behind it takes args.cni.mac before these, and without any leaves the address as it is
// (tuning.go, parseConf). A master in mode passthru keeps its address.
func (n *Network) hardwareAddress(a *Ask) (address mac.Address, own bool) {
	if n.Macvlan == nil {
		return mac.Address{}, false
	}
	var none mac.Address
	requested := hardwareAddressOf(a.MAC)
	if n.tuned() {
		var t tuning
		if n.extra != nil {
			t = n.extra.tuning
		}
		for _, source := range []struct {
			mac.Address
			own bool
		}{{hardwareAddressOf(a.ArgMAC), false}, {t.argMAC, true}, {requested, false}, {t.mac, true}} {
			if source.Address != none {
				return source.Address, source.own
			}
		}
	}
	switch {
	case n.Macvlan.Mode == ModePassthru:
		return none, false
	case n.extra != nil && n.extra.runtimeMAC != "" && (a.MAC == "" || a.First || !n.MainCapabilities.MAC):
		address = hardwareAddressOf(n.extra.runtimeMAC)
		return address, address != none
	case requested != none:
		return requested, false
	default:
		address = hardwareAddressOf(n.Macvlan.MAC)
		return address, address != none
	}
}

// hardwareAddressOf is the zero Address for a text that is none.
func hardwareAddressOf(text string) mac.Address {
	if text == "" {
		return mac.Address{}
	}
	address, _ := mac.Parse(text)
	return address
}

// tuned says that a plugin tuning follows the main plugin.
func (n *Network) tuned() bool { return slices.Contains(n.Plugins[mainIndex(n.Plugins):], "tuning") }

// AssignsMAC says whether a hardware address that a pod asks for, by "cni-args" or else by
// "mac", reaches its interface on a macvlan, as far as is known.
func (n *Network) AssignsMAC(byArgs bool) bool {
	return n.Macvlan != nil && (n.tuned() || !byArgs && n.Macvlan.Mode != ModePassthru)
}

// OnDefaultRoute says that the master is the link of the node's default route, because the
// macvlan plugin names none.
func (n *Network) OnDefaultRoute() bool {
	return n.Macvlan != nil && n.Macvlan.Master == "" && !n.Macvlan.LinkInContainer
}

// OneLink says that all interfaces that one pod has on the network hang on one link.
func (n *Network) OneLink() bool {
	return slices.Contains([]string{pluginMacvlan, pluginIPvlan, "bridge"}, n.Main())
}

// FixesAny says whether the network itself fixes an address, for some pods at least.
func (n *Network) FixesAny() bool {
	f, ips := n.Fixed(&Ask{})
	return f.OwnMAC || len(ips) > 0
}

// Attachment is one of a pod: a network, and what the pod asks of it.
type Attachment struct {
	Network *Network
	Ask     Ask
}

// Shortage says for which of a pod's attachments, in their order, host-local certainly has no
// address left, as a clause; index is -1 where there is enough.
func Shortage(attachments []Attachment) (index int, text string) {
	takes := make([]ipam.Take, len(attachments))
	for n := range attachments {
		a := &attachments[n]
		takes[n].Plugin = ipam.Unknown
		if a.Network != nil && a.Network.FailsAll() == "" && a.Network.IPAM.NodeLocal() {
			takes[n] = ipam.Take{Plugin: a.Network.IPAM, Asked: a.Network.request(&a.Ask)}
		}
	}
	return ipam.Shortage(takes)
}
