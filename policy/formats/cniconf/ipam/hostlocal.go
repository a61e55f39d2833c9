package ipam

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"path"
	"slices"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/macvlan-webhook/macvlan-webhook/policy/address/cidr"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf/field"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf/flaw"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
)

const hostLocalType = "host-local"

// hostLocal gives addresses of its ranges, and notes on the node which are in use.
type hostLocal struct {
	ordinary
	// ranges are sets of them: each pod gets one address from every set. A range
	// given directly in "ipam" is a set of its own and comes first.
	ranges [][]hostLocalRange
	routes []Route
	store  string
	fault  string
	// direct says that the first set is the range given directly in "ipam".
	direct bool
}

// hostLocalRange is a range as written: zero values are left to the plugin, which
// takes the first and last usable address of the subnet, and its first address as
// gateway.
type hostLocalRange struct {
	Subnet              netip.Prefix
	Start, End, Gateway netip.Addr
}

// writtenRange is a range as host-local's configuration writes it. Its fields
// are decoded one by one, so that a fault can name the one it is in.
type writtenRange struct {
	Subnet     json.RawMessage `json:"subnet"`
	RangeStart json.RawMessage `json:"rangeStart"`
	RangeEnd   json.RawMessage `json:"rangeEnd"`
	Gateway    json.RawMessage `json:"gateway"`
}

// readHostLocal follows plugins/ipam/host-local/backend/allocator (config.go,
// range.go, range_set.go): host-local refuses all pods when one range is wrong.
func readHostLocal(s Source) Plugin {
	p := &hostLocal{}
	p.fault = p.read(s)
	return p
}

// read fills in what the configuration says, up to the fault that it returns.
func (p *hostLocal) read(s Source) (fault string) {
	var f struct {
		IPAM struct {
			writtenRange
			Name       string            `json:"name"`
			Routes     []json.RawMessage `json:"routes"`
			DataDir    string            `json:"dataDir"`
			ResolvConf string            `json:"resolvConf"`
			Ranges     [][]writtenRange  `json:"ranges"`
		} `json:"ipam"`
	}
	if err := json.Unmarshal(s.Main, &f); err != nil {
		return field.Fault("", err)
	}
	if p.routes, fault = readRoutes(f.IPAM.Routes); fault != "" {
		return fault
	}
	p.store = storeOf(f.IPAM.DataDir, s.Network)
	direct, fault := readRange("ipam", f.IPAM.writtenRange)
	if fault != "" {
		return fault
	}
	paths := make([]string, 0, 1+len(f.IPAM.Ranges))
	if direct.Subnet.IsValid() {
		p.ranges, p.direct = append(p.ranges, []hostLocalRange{direct}), true
		paths = append(paths, "ipam")
	}
	for i, set := range f.IPAM.Ranges {
		ranges := make([]hostLocalRange, len(set))
		for j, r := range set {
			path := fmt.Sprintf("ipam.ranges[%d][%d]", i, j)
			if ranges[j], fault = readRange(path, r); fault != "" {
				return fault
			}
			if !ranges[j].Subnet.IsValid() {
				return field.Name(path) + ` has no "subnet"`
			}
		}
		p.ranges = append(p.ranges, ranges)
		paths = append(paths, fmt.Sprintf("ipam.ranges[%d]", i))
	}
	return rangesFault(p.ranges, paths, s.CNIVersion)
}

// storeFolder is where host-local notes the addresses that it has handed out on a
// node, in a folder of the network's name (backend/disk of the plugin).
const storeFolder = "/var/lib/cni/networks"

// mostJudged bounds how many ranges are judged by more than what the plugin itself checks.
const mostJudged = 128

// many says that there are more ranges than anybody hands out of.
func (p *hostLocal) many() bool {
	ranges := 0
	for _, set := range p.ranges {
		ranges += len(set)
	}
	return ranges > mostJudged
}

// storeOf is where host-local notes what it has handed out for a network.
func storeOf(folder, network string) string { return path.Join(cmp.Or(folder, storeFolder), network) }

func (*hostLocal) Type() string             { return hostLocalType }
func (p *hostLocal) Fault() string          { return p.fault }
func (*hostLocal) Assigns(bool, Chain) bool { return true }
func (*hostLocal) Heeds(w Ways) Ways        { return w }
func (*hostLocal) NodeLocal() bool          { return true }

// Shares: networks with one store know of each other.
func (p *hostLocal) Shares(with Plugin) bool {
	other, ok := with.(*hostLocal)
	return ok && p.store == other.store
}

func (p *hostLocal) Spans() []Span {
	var spans []Span
	for _, set := range p.ranges {
		for _, r := range set {
			if s, fault := r.span(); fault == "" {
				spans = append(spans, s.Span)
			}
		}
	}
	return spans
}

// AddressFaults: the prefix length is none of host-local's concern, but of others that
// read CNI_ARGS.
func (p *hostLocal) AddressFaults(asked Request, chain Chain) []AddressFault {
	return slices.Concat(p.requestFaults(asked), prefixFaults(asked.IPs, chain.PlainReader))
}

func (p *hostLocal) Routes() []Route { return p.routes }

// Given: an interface is in a subnet of each set. Which range of a set its address comes from
// is known where there is one. A gateway outside of them is as written: versions that take it
// fail at the routes that go by it.
func (p *hostLocal) Given(Request, Chain) Given {
	if p.many() {
		return Given{}
	}
	g := Given{Known: true}
	for _, set := range p.ranges {
		for i := range set {
			g.Prefixes = append(g.Prefixes, set[i].Subnet.Masked())
		}
		gateway := set[0].gateway()
		if len(set) > 1 {
			continue
		}
		g.addGateway(gateway)
	}
	return g
}

// Flaws: whatever a pod asks for, it has an address of every set.
func (p *hostLocal) Flaws() []flaw.Flaw {
	if p.fault != "" {
		return nil
	}
	return slices.Concat(p.datedRanges(), p.emptySets(), p.multicastSets(), routeFlaws(p.routes, p.Given(Request{}, Chain{}), true))
}

// datedRanges is what host-local takes up to version 1.9.1 and refuses from 1.10.0 on
// (Canonicalize in backend/allocator/range.go), at the first such range: the others are
// counted, as there may be any number.
func (p *hostLocal) datedRanges() []flaw.Flaw {
	var found *flaw.Flaw
	more := 0
	for i, set := range p.ranges {
		for j, r := range set {
			key, text, want := r.dated()
			switch {
			case key == "":
			case found != nil:
				more++
			default:
				found = &flaw.Flaw{
					Kind: flaw.Gateway, Effect: flaw.FailsNewer, Path: p.place(i, j, key), Text: text,
					Want: want + "; then delete and recreate the pods of this network before a node gets host-local 1.10.0",
				}
			}
		}
	}
	if found == nil {
		return nil
	}
	switch {
	case more == 1:
		found.Text += " (likewise in 1 more range)"
	case more > 1:
		found.Text += fmt.Sprintf(" (likewise in %d more ranges)", more)
	}
	found.Text += ", which host-local refuses from version 1.10.0 on"
	return []flaw.Flaw{*found}
}

// place is where a key of a range stands, by the indices of its set and in it.
func (p *hostLocal) place(set, index int, key string) []any {
	if p.direct {
		if set == 0 {
			return []any{"ipam", key}
		}
		set--
	}
	return []any{"ipam", "ranges", set, index, key}
}

// dated finds the value of a range without other faults that host-local refuses from
// version 1.10.0 on; the key is empty where there is none.
func (r hostLocalRange) dated() (key, text, want string) {
	network := r.Subnet.Masked()
	first, last := r.bounds()
	switch {
	case r.Gateway.IsValid() && !network.Contains(r.Gateway):
		return "gateway", fmt.Sprintf(`"gateway" %s is outside the subnet %s`, quote.Value(r.Gateway.String()), network),
			fmt.Sprintf("write a gateway within %s, or remove it (default: %s)", network, network.Addr().Next())
	case last.Less(first):
		return "rangeStart", fmt.Sprintf(`"rangeStart" %s is the broadcast address of %s, and there is no "rangeEnd"`, quote.Value(r.Start.String()), network),
			fmt.Sprintf("write a rangeStart up to %s, or remove it (default: %s)", last, network.Addr().Next())
	}
	return "", "", ""
}

// emptySets are the sets whose only address is the gateway, which no pod gets.
func (p *hostLocal) emptySets() []flaw.Flaw {
	if p.many() {
		return nil
	}
	var flaws []flaw.Flaw
	for _, set := range p.ranges {
		if slices.ContainsFunc(set, func(r hostLocalRange) bool { return !r.onlyGateway() }) {
			continue
		}
		flaws = append(flaws, flaw.Flaw{
			Kind: flaw.Address, Effect: flaw.FailsAll, Path: []any{"ipam"},
			Text: "host-local has no address to give: " + set[0].text() + " holds the gateway " + set[0].gateway().String() + " and nothing else",
			Want: "write a larger range, or another gateway",
		})
	}
	return flaws
}

// multicastSets are the sets of multicast addresses of IPv6 alone, which the kernel gives to no
// interface (ipv6_add_addr); of IPv4 it takes any.
func (p *hostLocal) multicastSets() []flaw.Flaw {
	var flaws []flaw.Flaw
	if p.many() {
		return nil
	}
	for _, set := range p.ranges {
		if slices.ContainsFunc(set, func(r hostLocalRange) bool { return !r.multicast6() }) {
			continue
		}
		flaws = append(flaws, flaw.Flaw{
			Kind: flaw.Address, Effect: flaw.FailsAll, Kernel: true, Path: []any{"ipam"},
			Text: "host-local gives addresses of " + set[0].Subnet.String() + ", which are multicast, and no interface can have one",
			Want: "write a subnet of addresses of single interfaces, such as \"fd00::/64\"",
		})
	}
	return flaws
}

// multicast6 says that every address of a range is a multicast address of IPv6.
func (r hostLocalRange) multicast6() bool {
	return r.Subnet.Addr().Is6() && r.Subnet.Addr().IsMulticast() && r.Subnet.Bits() >= 8
}

func (r hostLocalRange) onlyGateway() bool {
	first, last := r.bounds()
	return first == last && first == r.gateway()
}

// readRange decodes a range; the subnet may be missing.
func readRange(path string, r writtenRange) (out hostLocalRange, fault string) {
	if r.Subnet != nil {
		if out.Subnet, fault = readSubnet(path+".subnet", r.Subnet); fault != "" {
			return hostLocalRange{}, fault
		}
	}
	if out.Start, fault = readAddr(path+".rangeStart", r.RangeStart); fault != "" {
		return hostLocalRange{}, fault
	}
	if out.End, fault = readAddr(path+".rangeEnd", r.RangeEnd); fault != "" {
		return hostLocalRange{}, fault
	}
	if out.Gateway, fault = readAddr(path+".gateway", r.Gateway); fault != "" {
		return hostLocalRange{}, fault
	}
	return out, ""
}

func readSubnet(path string, conf json.RawMessage) (netip.Prefix, string) {
	var n types.IPNet
	if err := json.Unmarshal(conf, &n); err != nil {
		return netip.Prefix{}, field.Fault(path, err)
	}
	length, bits := net.IPMask(n.Mask).Size()
	addr := addrOf(n.IP)
	if addr.BitLen() != bits {
		return netip.Prefix{}, field.Name(path) + " is an IPv4 subnet in the form of IPv6"
	}
	return netip.PrefixFrom(addr, length), ""
}

// hostLocalSpan is what a range hands out.
type hostLocalSpan struct {
	Span
	subnet netip.Prefix
}

// rangesFault says what is wrong with ranges that could be decoded. paths name
// the sets.
func rangesFault(sets [][]hostLocalRange, paths []string, cniVersion string) string {
	if len(sets) == 0 {
		return `"ipam" has no "subnet" and no "ranges"`
	}
	var spans []hostLocalSpan
	families := map[int]int{}
	for i, set := range sets {
		if len(set) == 0 {
			return field.Name(paths[i]) + " is an empty set of ranges"
		}
		for _, r := range set {
			s, fault := r.span()
			if fault != "" {
				return field.Name(paths[i]) + " has " + fault
			}
			if s.First.BitLen() != set[0].Subnet.Addr().BitLen() {
				return field.Name(paths[i]) + " mixes IPv4 and IPv6 in one set of ranges"
			}
			spans = append(spans, s)
		}
		families[set[0].Subnet.Addr().BitLen()]++
	}
	if onePerFamily(cniVersion) && (families[32] > 1 || families[128] > 1) {
		return `more than one set of ranges per address family needs cniVersion "0.3.0" or later`
	}
	return overlap(spans)
}

// span checks a range by itself.
func (r hostLocalRange) span() (hostLocalSpan, string) {
	s := hostLocalSpan{subnet: r.Subnet}
	network := r.Subnet.Masked()
	switch {
	case r.Subnet.Bits() > r.Subnet.Addr().BitLen()-2:
		return s, fmt.Sprintf("the subnet %s, which is too small to allocate from", r.Subnet)
	case r.Subnet != network:
		return s, fmt.Sprintf("the subnet %s with host bits set: the network is %s", r.Subnet, network)
	case r.Start.IsValid() && !network.Contains(r.Start):
		return s, fmt.Sprintf("the rangeStart %s outside the subnet %s", r.Start, r.Subnet)
	case r.End.IsValid() && !network.Contains(r.End):
		return s, fmt.Sprintf("the rangeEnd %s outside the subnet %s", r.End, r.Subnet)
	}
	s.First, s.Last = r.bounds()
	if r.End.IsValid() && s.Last.Less(s.First) {
		return s, fmt.Sprintf("the rangeEnd %s before its first address %s", s.Last, s.First)
	}
	// Versions before 1.10.0 accept a rangeStart on the broadcast address without a
	// rangeEnd. The range has no addresses then, but may overlap with another all the
	// same.
	if s.Last.Less(s.First) {
		s.First, s.Last = s.Last, s.First
	}
	return s, ""
}

// bounds are the first and last address of a range whose subnet can be used, as the
// plugin completes them.
func (r hostLocalRange) bounds() (first, last netip.Addr) {
	network := r.Subnet.Masked()
	first, last = r.Start, r.End
	if !first.IsValid() {
		first = network.Addr().Next()
	}
	if !last.IsValid() {
		last = lastUsable(network)
	}
	return first, last
}

// contains says whether a pod can ask for an address of the range.
func (r hostLocalRange) contains(addr netip.Addr) bool {
	first, last := r.bounds()
	return r.Subnet.Contains(addr) && !addr.Less(first) && !last.Less(addr)
}

// gateway is that of the range, which no pod gets.
func (r hostLocalRange) gateway() netip.Addr {
	if r.Gateway.IsValid() {
		return r.Gateway
	}
	return r.Subnet.Masked().Addr().Next()
}

// text is the first and last address, as in 10.0.0.10-10.0.0.50.
func (r hostLocalRange) text() string {
	first, last := r.bounds()
	return first.String() + "-" + last.String()
}

// lastUsable is the last address of a subnet, the one before for IPv4, where the
// last is the broadcast address.
func lastUsable(p netip.Prefix) netip.Addr {
	last := cidr.Last(p)
	if last.Is4() {
		return last.Prev()
	}
	return last
}

// overlap finds two ranges that share addresses. Sorting keeps a config of a
// megabyte of ranges affordable.
func overlap(spans []hostLocalSpan) string {
	slices.SortFunc(spans, func(a, b hostLocalSpan) int {
		return cmp.Or(a.First.Compare(b.First), a.Last.Compare(b.Last))
	})
	for i := 1; i < len(spans); i++ {
		// The one before reaches furthest: otherwise it had overlapped already.
		before, s := spans[i-1], spans[i]
		if before.First.BitLen() == s.First.BitLen() && !before.Last.Less(s.First) {
			return fmt.Sprintf("the ranges %s-%s of %s and %s-%s of %s overlap",
				before.First, before.Last, before.subnet, s.First, s.Last, s.subnet)
		}
	}
	return ""
}

// requestFaults follows plugins/ipam/host-local (main.go, backend/allocator): each
// address has to be in a range, each in a set of its own, and CNI_ARGS hold one. A prefix
// length is passed over: the pod gets that of the range.
func (p *hostLocal) requestFaults(request Request) []AddressFault {
	if p.many() {
		return nil
	}
	var faults []AddressFault
	seen := map[netip.Addr]int{}
	taken := map[int]netip.Addr{}
	apart := true
	for _, list := range []struct {
		asked []Asked
		args  bool
	}{{request.IPs, false}, {request.Args, true}} {
		own := map[netip.Addr]int{}
		for _, a := range list.asked {
			fault := AddressFault{Index: a.Index, Args: list.args, Effect: EffectFails}
			if first, ok := own[a.Addr]; ok {
				// host-local takes the same argument twice for one.
				if !list.args {
					faults = append(faults, duplicate(a, first))
				}
				continue
			}
			own[a.Addr] = a.Index
			if _, ok := seen[a.Addr]; ok {
				continue // asked for in both ways
			}
			seen[a.Addr] = a.Index
			set, r := p.rangeOf(a.Addr)
			other, again := taken[set]
			switch {
			case r == nil:
				fault.Detail, fault.Want = p.outside()
			case r.gateway() == a.Addr:
				fault.Detail = "is the gateway of " + r.text() + ", which host-local reserves"
				fault.Want = "another address of that range"
			case again && (list.args || len(request.IPs) == 1):
				fault.Detail = "is of the same set of ranges as " + quote.Value(other.String()) + ", and host-local gives one address of each"
				fault.Want = "one address of each set of ranges"
			default:
				apart = apart && !again
				taken[set] = a.Addr
				continue
			}
			faults, apart = append(faults, fault), false
		}
	}
	if len(request.IPs) < 2 || !distinct(request.IPs) {
		return faults
	}
	want := `one address in "ips"`
	if apart {
		want += `; for several no "ips", but "cni-args": {"ips": […]}, which host-local reads as a list`
	}
	return slices.Insert(faults, 0, AddressFault{
		Index: -1, Effect: EffectFails, Detail: fmt.Sprintf("are %d, and host-local reads one", len(request.IPs)), Want: want,
	})
}

// distinct says that there are two addresses or more.
func distinct(asked []Asked) bool {
	return slices.ContainsFunc(asked, func(a Asked) bool { return a.Addr != asked[0].Addr })
}

// rangeOf is the range that has an address, and its set; nil without one.
func (p *hostLocal) rangeOf(addr netip.Addr) (set int, r *hostLocalRange) {
	for i := range p.ranges {
		for j := range p.ranges[i] {
			if r := &p.ranges[i][j]; r.contains(addr) {
				return i, r
			}
		}
	}
	return 0, nil
}

// mostRanges is how many ranges a message names.
const mostRanges = 5

// outside says that an address is in none of the ranges.
func (p *hostLocal) outside() (detail, want string) {
	ranges := slices.Concat(p.ranges...)
	if len(ranges) == 1 {
		return "is outside " + ranges[0].text() + ", the range of host-local", "an address of that range"
	}
	return "is outside the ranges of host-local: " + quote.Some(ranges, mostRanges, hostLocalRange.text), "an address of one of the ranges"
}
