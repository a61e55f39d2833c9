package cniconf

import (
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/containernetworking/cni/pkg/version"

	"github.com/macvlan-webhook/macvlan-webhook/policy/quote"
)

// Effect is what becomes of a pod that asks for an address which it cannot get.
type Effect string

const (
	// EffectFails says that a plugin refuses the pod, as often as it is tried.
	EffectFails Effect = "fails"
	// EffectIgnored says that the pod starts without the address.
	EffectIgnored Effect = "ignored"
)

// AddressFault is why a pod does not get an address that it asks for.
type AddressFault struct {
	// Index is which of the addresses, from 0; -1 for all of them together.
	Index  int
	Effect Effect
	// Detail continues a sentence that begins with the address, or with "the
	// addresses": `is outside 10.0.0.10-10.0.0.50, the range of host-local`.
	Detail string
	// Want is what is accepted: "an address of that range".
	Want string
	// Duplicate says that the same address stands earlier in the list.
	Duplicate bool
}

// AddressFaults says what comes in the way of the addresses that an element of a
// networks annotation asks for ("ips"). firstInterface says that it is the one of
// the default-network annotation. It is nil where the pod gets them all, and where
// nothing can be said: of IPAM plugins that are not known here, and of a network
// that no pod can use. What Multus cannot read is passed over.
//
// Multus (DelegateAdd, mergeCNIRuntimeConfig) hands "ips" on in two ways at once:
// joined by commas as IP in CNI_ARGS, to every plugin of the chain; and as
// runtimeConfig.ips to those plugins that declare the capability "ips", except for
// the first interface. test/cni holds the verdict against the plugins.
func (n *Network) AddressFaults(ips []string, firstInterface bool) []AddressFault {
	asked := readAsked(ips)
	if len(asked) == 0 || n.Plugins == nil || n.Unusable != "" || n.IPAM.Fault != "" {
		return nil
	}
	plain := n.plainArgumentPlugin()
	switch {
	case n.IPAM.Spiderpool():
		return []AddressFault{heedless(asked, plain, "Spiderpool gives addresses of its pools",
			`no "ips", and a pool of the addresses that are meant`)}
	case !n.handsOnIPAM():
	case n.IPAM.Type == "":
		// Another plugin of the chain may take what the main plugin does not.
		if n.Capabilities.IPs && !n.MainCapabilities.IPs {
			break
		}
		return []AddressFault{heedless(asked, plain, "the network has no IPAM plugin and so no addresses", `no "ips"`)}
	case n.IPAM.Type == ipamDHCP:
		return []AddressFault{heedless(asked, plain, "the DHCP server chooses the address", `no "ips"`)}
	case n.IPAM.Type == ipamHostLocal:
		return slices.Concat(n.hostLocalFaults(asked), prefixFaults(asked, plain))
	case n.IPAM.Type == ipamStatic && plain != "":
		return []AddressFault{{
			Index: -1, Effect: EffectFails,
			Detail: `cannot be asked for by "ips": static needs a prefix length, and the plugin ` + quote.Value(plain) + " refuses one",
			Want:   `no "ips", but "cni-args": {"ips": […]}, which static alone reads`,
		}}
	case n.IPAM.Type == ipamStatic:
		return n.staticFaults(asked, n.MainCapabilities.IPs && !firstInterface)
	}
	return slices.Concat(listFaults(asked, plain), prefixFaults(asked, plain))
}

// Assigns says whether an address that a pod asks for reaches its interface, where
// [Network.AddressFaults] knows nothing against it.
func (n *Network) Assigns() bool {
	if !n.handsOnIPAM() || n.Unusable != "" || n.IPAM.Fault != "" {
		return false
	}
	return n.IPAM.Type == ipamHostLocal || n.IPAM.Type == ipamStatic && n.plainArgumentPlugin() == ""
}

// handsOnIPAM says whether the IPAM plugin reads the main plugin's configuration.
func (n *Network) handsOnIPAM() bool { return slices.Contains(handsOnIPAM, n.Main()) }

// plainArgumentPlugins decode IP in CNI_ARGS as a single address without a prefix
// length, though they have no use for it, and fail otherwise: K8sArgs in
// cmd/spiderpool/cmd/cni_types.go of Spiderpool, which its coordinator shares, and
// in pkg/types of spidernet-io/cni-plugins.
var plainArgumentPlugins = []string{pluginCoordinator, pluginVeth, pluginRouter}

// plainArgumentPlugin is the first plugin to be called that reads CNI_ARGS so;
// empty where there is none.
func (n *Network) plainArgumentPlugin() string {
	if n.IPAM.Spiderpool() {
		return ipamSpiderpool
	}
	for _, p := range n.Plugins {
		if slices.Contains(plainArgumentPlugins, p) {
			return p
		}
	}
	return ""
}

// askedAddress is one of the addresses that a pod asks for.
type askedAddress struct {
	index int
	// addr is IPv4 for IPv4 in IPv6, which is how the plugins take it.
	addr netip.Addr
	// bits is the length of the prefix, -1 without one.
	bits int
}

func readAsked(ips []string) []askedAddress {
	var asked []askedAddress
	for i, text := range ips {
		a := askedAddress{index: i, bits: -1}
		if ip, subnet, err := net.ParseCIDR(text); err == nil {
			ones, bits := subnet.Mask.Size()
			a.addr = addrOf(ip)
			// Of a longer mask the last bytes count.
			a.bits = max(0, ones-bits+a.addr.BitLen())
		} else {
			a.addr = addrOf(net.ParseIP(text))
		}
		if a.addr.IsValid() {
			asked = append(asked, a)
		}
	}
	return asked
}

// heedless is the fault of asking a network that gives addresses of its own
// choosing, or none.
func heedless(asked []askedAddress, plain, why, want string) AddressFault {
	if plain != "" && (len(asked) > 1 || asked[0].bits >= 0) {
		return AddressFault{
			Index: -1, Effect: EffectFails,
			Detail: "are refused by the plugin " + quote.Value(plain) + ", which reads one address without a prefix length, and could have no effect: " + why,
			Want:   want,
		}
	}
	return AddressFault{Index: -1, Effect: EffectIgnored, Detail: "have no effect: " + why, Want: want}
}

// listFaults says that a plugin reads no list.
func listFaults(asked []askedAddress, plain string) []AddressFault {
	if plain == "" || len(asked) < 2 {
		return nil
	}
	return []AddressFault{{
		Index: -1, Effect: EffectFails,
		Detail: fmt.Sprintf("are %d, and the plugin %s reads one", len(asked), quote.Value(plain)),
		Want:   "one address without a prefix length",
	}}
}

// prefixFaults says that a plugin reads no prefix length.
func prefixFaults(asked []askedAddress, plain string) []AddressFault {
	if plain == "" {
		return nil
	}
	var faults []AddressFault
	for _, a := range asked {
		if a.bits >= 0 {
			faults = append(faults, AddressFault{
				Index: a.index, Effect: EffectFails,
				Detail: "has a prefix length, and the plugin " + quote.Value(plain) + " reads an address without one",
				Want:   quote.Value(a.addr.String()),
			})
		}
	}
	return faults
}

// hostLocalFaults follows plugins/ipam/host-local (main.go, backend/allocator): each
// address has to be in a range, and CNI_ARGS hold one. A prefix length is passed
// over: the pod gets that of the range.
func (n *Network) hostLocalFaults(asked []askedAddress) []AddressFault {
	var faults []AddressFault
	seen := map[netip.Addr]int{}
	taken := map[int]bool{}
	apart := true
	for _, a := range asked {
		if first, ok := seen[a.addr]; ok {
			faults = append(faults, duplicate(a, first))
			continue
		}
		seen[a.addr] = a.index
		if fault, ok := kernelFault(a); ok {
			faults, apart = append(faults, fault), false
			continue
		}
		set, r := n.IPAM.rangeOf(a.addr)
		switch {
		case r == nil:
			detail, want := n.IPAM.outside()
			faults = append(faults, AddressFault{Index: a.index, Effect: EffectFails, Detail: detail, Want: want})
			apart = false
		case r.gateway() == a.addr:
			faults = append(faults, AddressFault{
				Index: a.index, Effect: EffectFails,
				Detail: "is the gateway of " + r.text() + ", which host-local keeps back", Want: "another address of that range",
			})
			apart = false
		default:
			apart = apart && !taken[set]
			taken[set] = true
		}
	}
	if len(seen) < 2 {
		return faults
	}
	want := `one address in "ips"`
	if apart {
		want += `; for several no "ips", but "cni-args": {"ips": […]}, which host-local reads as a list`
	}
	return slices.Insert(faults, 0, AddressFault{
		Index: -1, Effect: EffectFails, Detail: fmt.Sprintf("are %d, and host-local reads one", len(seen)), Want: want,
	})
}

// staticFaults follows plugins/ipam/static/main.go: with the capability the addresses
// take the place of those of the network, without it they are added to them.
func (n *Network) staticFaults(asked []askedAddress, replace bool) []AddressFault {
	var faults []AddressFault
	var own []Address
	if !replace {
		own = n.IPAM.Addresses
	}
	seen := map[netip.Prefix]int{}
	families := map[int]int{}
	for _, a := range own {
		seen[onInterface(a.Prefix.Addr(), a.Prefix.Bits())] = -1
		families[a.Prefix.Addr().BitLen()]++
	}
	for _, a := range asked {
		if a.bits < 0 {
			faults = append(faults, AddressFault{
				Index: a.index, Effect: EffectFails, Detail: "has no prefix length, which static needs",
				Want: "the address with the length of its subnet, such as " + quote.Value(n.IPAM.withLength(a.addr)),
			})
			continue
		}
		first, again := seen[onInterface(a.addr, a.bits)]
		switch {
		case again && first < 0:
			faults = append(faults, AddressFault{
				Index: a.index, Effect: EffectFails,
				Detail: "is an address that the network gives every pod, and none can have it twice", Want: "an address of the pod's own",
			})
			continue
		case again:
			faults = append(faults, duplicate(a, first))
			continue
		}
		seen[onInterface(a.addr, a.bits)] = a.index
		families[a.addr.BitLen()]++
		if fault, ok := kernelFault(a); ok {
			faults = append(faults, fault)
		}
	}
	// Earlier versions of the specification have one address per family only.
	modern, _ := version.GreaterThanOrEqualTo(n.CNIVersion, "0.3.0")
	if most := max(families[32], families[128]); !modern && most > 1 {
		faults = slices.Insert(faults, 0, AddressFault{
			Index: -1, Effect: EffectFails,
			Detail: fmt.Sprintf("make %d of one family, those of the network among them, and before cniVersion 0.3.0 static gives one", most),
			Want:   "one IPv4 and one IPv6 address, or a network with cniVersion 0.3.1",
		})
	}
	return faults
}

func duplicate(a askedAddress, first int) AddressFault {
	return AddressFault{
		Index: a.index, Effect: EffectFails, Duplicate: true,
		Detail: fmt.Sprintf("is the same as address %d of the list, and no pod can have it twice", first+1), Want: "each address once",
	}
}

// onInterface is what the kernel tells two addresses of an interface apart by:
// that and the length of the prefix for IPv4 (__inet_insert_ifa), that alone for
// IPv6 (ipv6_add_addr).
func onInterface(addr netip.Addr, bits int) netip.Prefix {
	if addr.Is6() {
		bits = addr.BitLen()
	}
	return netip.PrefixFrom(addr, bits)
}

// kernelFault says why no interface of a pod can have an address: ipv6_add_addr
// refuses some, and __inet_insert_ifa drops 0.0.0.0 without a word. The other special
// addresses of IPv4 are accepted, loopback, multicast and broadcast among them.
func kernelFault(a askedAddress) (AddressFault, bool) {
	fault := AddressFault{Index: a.index, Effect: EffectFails, Want: "an address of a single interface"}
	switch {
	case a.addr == netip.IPv4Unspecified():
		fault.Effect, fault.Detail = EffectIgnored, "is no address to the kernel, which gives the interface none"
	case a.addr.Is4():
		return AddressFault{}, false
	case a.addr.IsUnspecified():
		fault.Detail = "is no address to the kernel"
	case a.addr.IsMulticast():
		fault.Detail = "is a multicast address"
	case a.addr.IsLoopback():
		fault.Detail = "is the loopback address"
	default:
		return AddressFault{}, false
	}
	return fault, true
}

// rangeOf is the range that has an address, and its set; nil without one.
func (ipam *IPAM) rangeOf(addr netip.Addr) (set int, r *Range) {
	for i := range ipam.Ranges {
		for j := range ipam.Ranges[i] {
			if r := &ipam.Ranges[i][j]; r.contains(addr) {
				return i, r
			}
		}
	}
	return 0, nil
}

// mostRanges is how many ranges a message names.
const mostRanges = 5

// outside says that an address is in none of the ranges.
func (ipam *IPAM) outside() (detail, want string) {
	ranges := slices.Concat(ipam.Ranges...)
	if len(ranges) == 1 {
		return "is outside " + ranges[0].text() + ", the range of host-local", "an address of that range"
	}
	return "is outside the ranges of host-local: " + quote.Some(ranges, mostRanges, Range.text), "an address of one of the ranges"
}

// withLength is an address with the prefix length of the network's own addresses,
// or with a usual one.
func (ipam *IPAM) withLength(addr netip.Addr) string {
	for _, a := range ipam.Addresses {
		if a.Prefix.Masked().Contains(addr) {
			return netip.PrefixFrom(addr, a.Prefix.Bits()).String()
		}
	}
	return netip.PrefixFrom(addr, map[bool]int{true: 24, false: 64}[addr.Is4()]).String()
}
