package ipam

import (
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/containernetworking/cni/pkg/types"
	"github.com/containernetworking/cni/pkg/version"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf/field"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
)

const staticType = "static"

// static gives each pod all of its addresses.
type static struct {
	ordinary
	addresses []staticAddress
	// empty says that the configuration names no address at all, not even one that cannot
	// be read.
	empty bool
	fault string
}

// staticAddress is an address of static.
type staticAddress struct {
	// prefix is the address with the length of its subnet.
	prefix netip.Prefix
	// gateway is the zero Addr without one.
	gateway netip.Addr
}

// readStatic follows plugins/ipam/static/main.go. A pod that asks for addresses
// of its own replaces those of the config, so an address that cannot be read is
// left out and no fault.
func readStatic(s Source) Plugin {
	p := &static{}
	p.fault = p.read(s.Main)
	return p
}

// read fills in the addresses, up to the fault that it returns.
func (p *static) read(conf []byte) (fault string) {
	var f struct {
		IPAM struct {
			Name      string            `json:"name"`
			Routes    []json.RawMessage `json:"routes"`
			Addresses []struct {
				Address string          `json:"address"`
				Gateway json.RawMessage `json:"gateway"`
			} `json:"addresses"`
			DNS types.DNS `json:"dns"`
		} `json:"ipam"`
		// Addresses may stand here as well; where there is anything, some may.
		Args          json.RawMessage `json:"args"`
		RuntimeConfig json.RawMessage `json:"runtimeConfig"`
	}
	if err := json.Unmarshal(conf, &f); err != nil {
		return field.Fault("", err)
	}
	if fault := routesFault(f.IPAM.Routes); fault != "" {
		return fault
	}
	p.empty = len(f.IPAM.Addresses) == 0 && f.Args == nil && f.RuntimeConfig == nil
	for i, a := range f.IPAM.Addresses {
		gateway, fault := readAddr(fmt.Sprintf("ipam.addresses[%d].gateway", i), a.Gateway)
		if fault != "" {
			return fault
		}
		ip, subnet, err := net.ParseCIDR(a.Address)
		if err != nil {
			continue
		}
		length, _ := subnet.Mask.Size()
		if prefix := netip.PrefixFrom(addrOf(ip), length); prefix.IsValid() {
			p.addresses = append(p.addresses, staticAddress{prefix, gateway})
		}
	}
	return ""
}

func (*static) Type() string      { return staticType }
func (p *static) Fault() string   { return p.fault }
func (p *static) GivesNone() bool { return p.empty }

func (p *static) Spans() []Span {
	var spans []Span
	for _, a := range p.addresses {
		spans = append(spans, Span{First: a.prefix.Addr(), Last: a.prefix.Addr()})
	}
	return spans
}

func (*static) Assigns(chain Chain) bool { return chain.PlainReader == "" }

// AddressFaults follows plugins/ipam/static/main.go: with the capability the addresses
// take the place of those of the network, without it they are added to them.
func (p *static) AddressFaults(asked []Asked, chain Chain) []AddressFault {
	if chain.PlainReader != "" {
		return []AddressFault{{
			Index: -1, Effect: EffectFails,
			Detail: `cannot be asked for by "ips": static needs a prefix length, and the plugin ` + quote.Value(chain.PlainReader) + " refuses one",
			Want:   `no "ips", but "cni-args": {"ips": […]}, which static alone reads`,
		}}
	}
	var faults []AddressFault
	seen := map[netip.Prefix]int{}
	families := map[int]int{}
	if !chain.Capability {
		for _, a := range p.addresses {
			seen[onInterface(a.prefix.Addr(), a.prefix.Bits())] = -1
			families[a.prefix.Addr().BitLen()]++
		}
	}
	for _, a := range asked {
		if a.Bits < 0 {
			whole, known := p.withLength(a.Addr)
			fault := AddressFault{
				Index: a.Index, Effect: EffectFails, Detail: "has no prefix length, which static needs",
				Want: "the address with the length of its subnet, such as " + quote.Value(whole),
			}
			if known {
				fault.Instead = whole
			}
			faults = append(faults, fault)
			continue
		}
		first, again := seen[onInterface(a.Addr, a.Bits)]
		switch {
		case again && first < 0:
			faults = append(faults, AddressFault{
				Index: a.Index, Effect: EffectFails,
				Detail: "is an address that the network gives every pod, and none can have it twice", Want: "an address of the pod's own",
			})
			continue
		case again:
			faults = append(faults, duplicate(a, first))
			continue
		}
		seen[onInterface(a.Addr, a.Bits)] = a.Index
		families[a.Addr.BitLen()]++
		if fault, ok := kernelFault(a); ok {
			faults = append(faults, fault)
		}
	}
	// Earlier versions of the specification have one address per family only.
	modern, _ := version.GreaterThanOrEqualTo(chain.CNIVersion, "0.3.0")
	if most := max(families[32], families[128]); !modern && most > 1 {
		faults = slices.Insert(faults, 0, AddressFault{
			Index: -1, Effect: EffectFails,
			Detail: fmt.Sprintf("make %d of one family, those of the network among them, and before cniVersion 0.3.0 static gives one", most),
			Want:   "one IPv4 and one IPv6 address, or a network with cniVersion 0.3.1",
		})
	}
	return faults
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

// withLength is an address with the prefix length of the network's own addresses,
// or with a usual one.
func (p *static) withLength(addr netip.Addr) (text string, known bool) {
	for _, a := range p.addresses {
		if a.prefix.Masked().Contains(addr) {
			return netip.PrefixFrom(addr, a.prefix.Bits()).String(), true
		}
	}
	return netip.PrefixFrom(addr, map[bool]int{true: 24, false: 64}[addr.Is4()]).String(), false
}
