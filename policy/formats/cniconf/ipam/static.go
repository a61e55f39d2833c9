package ipam

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf/field"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf/flaw"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
)

const staticType = "static"

// static gives each pod all of its addresses.
type static struct {
	ordinary
	addresses []staticAddress
	// unreadable are the texts of addresses that cannot be read, with their places in the
	// list.
	unreadable []textAt
	routes     []Route
	cniVersion string
	fault      string
	// many says that there are more addresses than anybody gives a pod: they are not judged.
	many bool
}

// staticAddress is an address of static.
type staticAddress struct {
	// prefix is the address with the length of its subnet.
	prefix netip.Prefix
	// gateway is the zero Addr without one.
	gateway netip.Addr
	// index is the place in the list.
	index int
}

// textAt is an entry of a list as it is written.
type textAt struct {
	index int
	text  string
}

// readStatic follows plugins/ipam/static/main.go. A pod that asks for addresses
// of its own may replace those of the config, so one that cannot be read is no fault.
func readStatic(s Source) Plugin {
	p := &static{cniVersion: s.CNIVersion}
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
	}
	if err := json.Unmarshal(conf, &f); err != nil {
		return field.Fault("", err)
	}
	if p.routes, fault = readRoutes(f.IPAM.Routes); fault != "" {
		return fault
	}
	if len(f.IPAM.Addresses) > mostJudged {
		p.many = true
		return ""
	}
	for i, a := range f.IPAM.Addresses {
		gateway, fault := readAddr(fmt.Sprintf("ipam.addresses[%d].gateway", i), a.Gateway)
		if fault != "" {
			return fault
		}
		if prefix, ok := prefixOf(a.Address); ok {
			p.addresses = append(p.addresses, staticAddress{prefix: prefix, gateway: gateway, index: i})
		} else {
			p.unreadable = append(p.unreadable, textAt{i, a.Address})
		}
	}
	return ""
}

// effective are the addresses that an attachment gets, and whether those of the network are
// among them: what the capability hands on takes the place of all others, else what
// arguments ask for does, and CNI_ARGS are added.
func (p *static) effective(asked Request) (addresses []staticAddress, own bool) {
	switch {
	case len(asked.Runtime) > 0:
		return broughtAddresses(asked.Runtime), false
	case len(asked.Args) > 0:
		return broughtAddresses(asked.Args), false
	default:
		return slices.Concat(p.addresses, broughtAddresses(asked.IPs)), true
	}
}

// Heeds is as effective.
func (*static) Heeds(asked Ways) Ways {
	switch {
	case asked.Runtime:
		return Ways{Runtime: true}
	case asked.Args:
		return Ways{Args: true}
	default:
		return Ways{IPs: asked.IPs, Own: true}
	}
}

func broughtAddresses(asked []Asked) []staticAddress {
	var addresses []staticAddress
	for _, a := range asked {
		if a.Bits >= 0 {
			addresses = append(addresses, staticAddress{prefix: netip.PrefixFrom(a.Addr, a.Bits), index: -1})
		}
	}
	return addresses
}

func (p *static) Routes() []Route { return p.routes }

// Given follows ConfigureIface: the gateway of the first address of a family counts that has
// one.
func (p *static) Given(asked Request, _ Chain) Given {
	addresses, own := p.effective(asked)
	g := Given{Known: !own || len(p.unreadable) == 0 && !p.many}
	for _, a := range addresses {
		g.Prefixes = append(g.Prefixes, a.prefix)
		g.addGateway(a.gateway)
	}
	return g
}

// Flaws: a pod may always bring addresses in place of the network's, by the capability or by
// arguments.
func (p *static) Flaws() []flaw.Flaw {
	if p.fault != "" {
		return nil
	}
	var flaws []flaw.Flaw
	add := func(effect flaw.Effect, index int, text, want string) {
		flaws = append(flaws, flaw.Flaw{
			Kind: flaw.Address, Effect: effect, Path: []any{"ipam", "addresses", index, "address"},
			Text: field.Name(fmt.Sprintf("ipam.addresses[%d].address", index)) + " " + text, Want: want,
		})
	}
	for _, u := range p.unreadable {
		add(flaw.FailsSome, u.index, unreadableAddress(u.text), "write the address with the length of its subnet, such as "+quote.Value("10.0.0.7/24"))
	}
	if index, text := p.ownFault(); text != "" {
		add(flaw.FailsSome, index, text, "leave it out, or write another address")
	}
	for _, a := range p.addresses {
		if a.prefix.Addr() == netip.IPv4Unspecified() {
			add(flaw.Ignored, a.index, "is "+quote.Value(a.prefix.String())+", which the kernel ignores: the interface gets no address", "write the address that is meant")
		}
	}
	given := p.Given(Request{}, Chain{})
	given.Known = given.Known && len(p.addresses) > 0
	return slices.Concat(flaws, routeFlaws(p.routes, given, false))
}

func unreadableAddress(text string) string {
	if text == "" {
		return "is missing"
	}
	return "is " + quote.Value(text) + ", which is no address with the length of its subnet"
}

// ownFault is why the kernel refuses an address of the network's own, as a clause about it.
func (p *static) ownFault() (index int, text string) {
	seen := map[netip.Prefix]bool{}
	families := map[int]int{}
	for _, a := range p.addresses {
		addr := a.prefix.Addr()
		if fault, ok := kernelFault(Asked{Addr: addr}); ok && fault.Effect == EffectFails {
			return a.index, "is " + quote.Value(a.prefix.String()) + ", which " + fault.Detail
		}
		on := onInterface(addr, a.prefix.Bits())
		if seen[on] {
			return a.index, "is " + quote.Value(a.prefix.String()) + ", which is in the list already"
		}
		seen[on] = true
		families[addr.BitLen()]++
		if onePerFamily(p.cniVersion) && families[addr.BitLen()] > 1 {
			return a.index, "is the second of its family, and before cniVersion 0.3.0 there is one"
		}
	}
	return 0, ""
}

// Fails: what is wrong with the addresses of the network counts where they are not replaced.
func (p *static) Fails(asked Request, chain Chain) string {
	addresses, own := p.effective(asked)
	if own {
		if len(p.unreadable) > 0 {
			u := p.unreadable[0]
			return field.Name(fmt.Sprintf("ipam.addresses[%d].address", u.index)) + " " + unreadableAddress(u.text) + ", and the pod brings nothing in its place"
		}
		if index, text := p.ownFault(); text != "" {
			return field.Name(fmt.Sprintf("ipam.addresses[%d].address", index)) + " " + text + ", and the pod brings nothing in its place"
		}
	}
	// Requests that cannot be read have findings of their own.
	if len(addresses) == 0 && asked.Empty() && !chain.MayAdd && !p.many {
		return "its IPAM static has no address, and the pod asks for none"
	}
	return ""
}

func (*static) Type() string    { return staticType }
func (p *static) Fault() string { return p.fault }

func (p *static) Spans() []Span {
	var spans []Span
	for _, a := range p.addresses {
		spans = append(spans, Span{First: a.prefix.Addr(), Last: a.prefix.Addr()})
	}
	return spans
}

func (*static) Assigns(plain bool, chain Chain) bool { return !plain && chain.PlainReader == "" }

// AddressFaults follows plugins/ipam/static/main.go: what the capability hands on, or else
// arguments, takes the place of the addresses of the network; CNI_ARGS are added to them.
func (p *static) AddressFaults(request Request, chain Chain) []AddressFault {
	if chain.PlainReader != "" && len(request.IPs) > 0 {
		return []AddressFault{{
			Index: -1, Effect: EffectFails,
			Detail: `cannot be asked for by "ips": static needs a prefix length, and the plugin ` + quote.Value(chain.PlainReader) + " refuses one",
			Want:   `no "ips", but "cni-args": {"ips": […]}, which static alone reads`,
		}}
	}
	// What is not used has to be readable all the same.
	faults := slices.Concat(p.lengthFaults(request.IPs, false), p.lengthFaults(request.Args, true))
	on := &addressesOn{families: map[int]int{}, seen: map[netip.Prefix]int{}}
	switch {
	case len(request.Runtime) > 0:
		faults = append(faults, on.add(request.IPs, false)...)
		if !within(request.Args, request.IPs) {
			faults = append(faults, unheeded(true, `"ips" takes the place of "cni-args"`, `"ips" or "cni-args"`))
		}
	case len(request.Args) > 0:
		faults = append(faults, on.add(request.Args, true)...)
		switch {
		case within(request.IPs, request.Args):
		case request.OwnArgs:
			faults = append(faults, unheeded(false, `"args" in the network's configuration takes their place`, `"cni-args", or a network without "args"`))
		default:
			faults = append(faults, unheeded(false, `"cni-args" takes their place`, `"ips" or "cni-args"`))
		}
	default:
		for _, a := range p.addresses {
			on.seen[onInterface(a.prefix.Addr(), a.prefix.Bits())] = -1
			on.families[a.prefix.Addr().BitLen()]++
		}
		faults = append(faults, on.add(request.IPs, false)...)
	}
	if most := max(on.families[32], on.families[128]); most > 1 && onePerFamily(chain.CNIVersion) {
		faults = slices.Insert(faults, 0, AddressFault{
			Index: -1, Effect: EffectFails,
			Detail: fmt.Sprintf("make %d of one family, those of the network among them, and before cniVersion 0.3.0 static gives one", most),
			Want:   "one IPv4 and one IPv6 address, or a network with cniVersion 0.3.1",
		})
	}
	return faults
}

// lengthFaults are the addresses without a prefix length.
func (p *static) lengthFaults(asked []Asked, args bool) []AddressFault {
	var faults []AddressFault
	for _, a := range asked {
		if a.Bits >= 0 {
			continue
		}
		whole, known := p.withLength(a.Addr)
		fault := AddressFault{
			Index: a.Index, Args: args, Effect: EffectFails, Detail: "has no prefix length, which static needs",
			Want: "the address with the length of its subnet, such as " + quote.Value(whole),
		}
		if known {
			fault.Instead = whole
		}
		faults = append(faults, fault)
	}
	return faults
}

// unheeded says that addresses asked for in one way have no effect beside those of another.
func unheeded(args bool, why, want string) AddressFault {
	return AddressFault{Index: -1, Args: args, Effect: EffectIgnored, Detail: "have no effect: " + why, Want: want}
}

// within says that all addresses of a list are in another one, too.
func within(asked, others []Asked) bool {
	return !slices.ContainsFunc(asked, func(a Asked) bool {
		return !slices.ContainsFunc(others, func(b Asked) bool { return a.Addr == b.Addr && a.Bits == b.Bits })
	})
}

// addressesOn are the addresses of one interface. seen says which of a list an address is, -1
// for one of the network.
type addressesOn struct {
	families map[int]int
	seen     map[netip.Prefix]int
}

// add adds a list of addresses, and says which of them the kernel refuses. Those without a
// prefix length are passed over.
func (on *addressesOn) add(asked []Asked, args bool) []AddressFault {
	var faults []AddressFault
	for _, a := range asked {
		if a.Bits < 0 {
			continue
		}
		first, again := on.seen[onInterface(a.Addr, a.Bits)]
		switch {
		case again && first < 0:
			faults = append(faults, AddressFault{
				Index: a.Index, Args: args, Effect: EffectFails,
				Detail: "is an address that the network gives every pod, and none can have it twice", Want: "an address of the pod's own",
			})
			continue
		case again:
			fault := duplicate(a, first)
			fault.Args = args
			faults = append(faults, fault)
			continue
		}
		on.seen[onInterface(a.Addr, a.Bits)] = a.Index
		on.families[a.Addr.BitLen()]++
		if fault, ok := kernelFault(a); ok {
			fault.Args = args
			faults = append(faults, fault)
		}
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
