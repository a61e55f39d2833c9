package ipam

import (
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/containernetworking/cni/pkg/version"

	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
)

// Effect is what becomes of a pod that asks for an address which it cannot get.
type Effect string

const (
	// EffectFails says that a plugin refuses the pod, as often as it is tried.
	EffectFails Effect = "fails"
	// EffectIgnored says that the pod starts without the address.
	EffectIgnored Effect = "ignored"
	// EffectAdded says that the pod starts with the address besides one that is chosen for it,
	// and that nothing keeps the address from other pods.
	EffectAdded Effect = "added"
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
	// Instead is the address to write in its place; empty where it is not known.
	Instead string
	// Duplicate says that the same address is earlier in the list.
	Duplicate bool
	// Args says that Index counts the addresses of "cni-args".
	Args bool
}

// Chain is what is around the IPAM plugin when it is called for an attachment.
//
// Multus (DelegateAdd, mergeCNIRuntimeConfig) hands "ips" on in two ways at once:
// joined by commas as IP in CNI_ARGS, to every plugin of the chain; and as
// runtimeConfig.ips to those plugins that declare the capability "ips", except for
// the first interface.
type Chain struct {
	// CNIVersion of the configuration; empty where none is named.
	CNIVersion string
	// MayAdd says that a plugin of the chain is not known, and may give an interface what it
	// lacks.
	MayAdd bool
	// IPsElsewhere says that another plugin of the chain declares the capability "ips",
	// the main plugin does not, and what becomes of it is not known.
	IPsElsewhere bool
	// PlainReader is the type of the first plugin to be called that decodes IP in
	// CNI_ARGS as a single address without a prefix length, and fails otherwise; empty
	// where there is none.
	PlainReader string
}

// Asked is one of the addresses that a pod asks for.
type Asked struct {
	// Index is its place in the list, from 0.
	Index int
	// Addr is IPv4 for IPv4 in IPv6, which is how the plugins take it.
	Addr netip.Addr
	// Bits is the length of the prefix, -1 without one.
	Bits int
}

// Beside says whether another address is in the subnet of the one that is asked for.
func (a *Asked) Beside(other netip.Addr) bool {
	return a.Bits >= 0 && netip.PrefixFrom(a.Addr, a.Bits).Contains(other)
}

// Request is what a pod, or the network for it, asks of one attachment, by three ways.
type Request struct {
	// IPs are asked for by "ips" of the element, and reach the plugin in CNI_ARGS.
	IPs []Asked
	// Args are asked for by "ips" in the element's "cni-args", or else in args.cni of the
	// network's configuration: Multus merges the former into the latter, key by key.
	Args []Asked
	// Runtime reach the plugin as runtimeConfig.ips: IPs where the capability is declared,
	// or else what the network's configuration says there.
	Runtime []Asked
	// OwnArgs says that Args are the network's, not the pod's.
	OwnArgs bool
}

// Empty says that nothing is asked for.
func (r *Request) Empty() bool { return len(r.IPs)+len(r.Args)+len(r.Runtime) == 0 }

// Ways are those in which addresses of a [Request] are asked for. Own stands for the addresses
// that the network gives every pod.
type Ways struct{ IPs, Args, Runtime, Own bool }

// Given are the addresses that an interface gets.
type Given struct {
	// Known says that the addresses are in Prefixes, and that there are no others. It is false
	// where they come from elsewhere, such as a DHCP server or pools in the cluster.
	Known bool
	// Merged says that what stands on the node may add to what is known.
	Merged bool
	// Prefixes are the subnets that the interface is in, one for each address that it may
	// get: the address with the length of its subnet, or the subnet where a plugin chooses.
	Prefixes []netip.Prefix
	// Gateway4 and Gateway6 are what routes without a gateway of their own go by; the zero
	// Addr where they go by none.
	Gateway4, Gateway6 netip.Addr
}

// addGateway keeps the first gateway of each family, as ConfigureIface does. The zero Addr is
// none.
func (g *Given) addGateway(gateway netip.Addr) {
	if gateway.Is4() && !g.Gateway4.IsValid() {
		g.Gateway4 = gateway
	}
	if gateway.Is6() && !g.Gateway6.IsValid() {
		g.Gateway6 = gateway
	}
}

// onePerFamily says that results of a version of the specification, "" for none, have one
// address per family only.
func onePerFamily(cniVersion string) bool {
	since, _ := version.GreaterThanOrEqualTo(cniVersion, "0.3.0")
	return !since
}

// mostAsked bounds what is judged of one request. None that is meant to work comes near it.
const mostAsked = 256

// ReadAsked reads the addresses that a pod asks for, the first of many. What Multus cannot read
// is passed over.
func ReadAsked(ips []string) []Asked {
	var asked []Asked
	for i, text := range ips[:min(len(ips), mostAsked)] {
		a := Asked{Index: i, Bits: -1}
		if ip, subnet, err := net.ParseCIDR(text); err == nil {
			ones, bits := subnet.Mask.Size()
			a.Addr = addrOf(ip)
			// Of a longer mask the last bytes count.
			a.Bits = max(0, ones-bits+a.Addr.BitLen())
		} else {
			a.Addr = addrOf(net.ParseIP(text))
		}
		if a.Addr.IsValid() {
			asked = append(asked, a)
		}
	}
	return asked
}

// heedless is the fault of asking a network that gives addresses of its own
// choosing, or none.
func heedless(asked []Asked, plain, why, want string) AddressFault {
	if plain != "" && (len(asked) > 1 || asked[0].Bits >= 0) {
		return AddressFault{
			Index: -1, Effect: EffectFails,
			Detail: "are refused by the plugin " + quote.Value(plain) + ", which reads one address without a prefix length, and could have no effect: " + why,
			Want:   want,
		}
	}
	return AddressFault{Index: -1, Effect: EffectIgnored, Detail: "have no effect: " + why, Want: want}
}

// argumentFaults are those of a chain in which nothing is known about the IPAM plugin.
func argumentFaults(asked []Asked, plain string) []AddressFault {
	return slices.Concat(listFaults(asked, plain), prefixFaults(asked, plain))
}

// listFaults says that a plugin reads no list.
func listFaults(asked []Asked, plain string) []AddressFault {
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
func prefixFaults(asked []Asked, plain string) []AddressFault {
	if plain == "" {
		return nil
	}
	var faults []AddressFault
	for _, a := range asked {
		if a.Bits >= 0 {
			faults = append(faults, AddressFault{
				Index: a.Index, Effect: EffectFails,
				Detail: "has a prefix length, and the plugin " + quote.Value(plain) + " reads an address without one",
				Want:   quote.Value(a.Addr.String()), Instead: a.Addr.String(),
			})
		}
	}
	return faults
}

// duplicate says that an address is the same as an earlier one of the list.
func duplicate(a Asked, first int) AddressFault {
	return AddressFault{
		Index: a.Index, Effect: EffectFails, Duplicate: true,
		Detail: fmt.Sprintf("is the same as address %d of the list, and no pod can have it twice", first+1), Want: "each address once",
	}
}

// kernelFault says why no interface of a pod can have an address: ipv6_add_addr
// refuses some, and __inet_insert_ifa drops 0.0.0.0 silently. The other special
// addresses of IPv4 are accepted, loopback, multicast and broadcast among them.
func kernelFault(a Asked) (AddressFault, bool) {
	fault := AddressFault{Index: a.Index, Effect: EffectFails, Want: "an address of a single interface"}
	switch {
	case a.Addr == netip.IPv4Unspecified():
		fault.Effect, fault.Detail = EffectIgnored, "is ignored by the kernel, and the interface gets no address"
	case a.Addr.Is4():
		return AddressFault{}, false
	case a.Addr.IsUnspecified():
		fault.Detail = "is refused by the kernel"
	case a.Addr.IsMulticast():
		fault.Detail = "is a multicast address"
	case a.Addr.IsLoopback():
		fault.Detail = "is the loopback address"
	default:
		return AddressFault{}, false
	}
	return fault, true
}
