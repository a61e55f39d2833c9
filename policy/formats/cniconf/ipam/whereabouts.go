package ipam

import (
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/containernetworking/cni/pkg/types"
	netutils "k8s.io/utils/net"

	"github.com/macvlan-webhook/macvlan-webhook/policy/address/cidr"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf/field"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf/flaw"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
)

const whereaboutsType = "whereabouts"

// whereabouts gives each interface one address of every range, and notes in the cluster which
// are in use. What its configuration leaves out may stand in a file on the node
// (whereabouts.conf), which it merges in: of that nothing is known here.
type whereabouts struct {
	ordinary
	// ranges are "range" and then "ipRanges", without those that cannot be read.
	ranges []whereaboutsRange
	// addresses are given to every pod besides.
	addresses []staticAddress
	// gateway is that of all addresses of the ranges; the zero Addr without one.
	gateway netip.Addr
	routes  []Route
	// network is "network_name", which sets its pools apart from those of others.
	network string
	// apart says that it does not look for its addresses in the pools of other ranges.
	apart bool
	// sliced says that each node has a part of the range, of which nothing is known here.
	sliced bool
	// unread says that what it gives is known in part only.
	unread bool
	// single says that there is one address of each family, as before version 0.3.0 of the
	// specification.
	single bool
	flaws  []flaw.Flaw
	fault  string
}

// whereaboutsRange is a range that can be read.
type whereaboutsRange struct {
	// subnet has no host bits.
	subnet netip.Prefix
	// free are the addresses that are handed out, in order and apart from each other.
	free []Span
}

// writtenWhereaboutsRange is a range as the configuration writes it.
type writtenWhereaboutsRange struct {
	Exclude    []string        `json:"exclude"`
	Range      string          `json:"range"`
	RangeStart json.RawMessage `json:"range_start"`
	RangeEnd   json.RawMessage `json:"range_end"`
}

// writtenWhereabouts has the fields of IPAMConfig.UnmarshalJSON (pkg/types) in their order,
// by which encoding/json chooses where keys differ in case only.
type writtenWhereabouts struct {
	Name      string
	Type      string            `json:"type"`
	Routes    []json.RawMessage `json:"routes"`
	Datastore string            `json:"datastore"`
	Addresses []struct {
		AddressStr string          `json:"address"`
		Gateway    json.RawMessage `json:"gateway"`
		Address    net.IPNet
		Version    string
	} `json:"addresses"`
	IPRanges                 []writtenWhereaboutsRange `json:"ipRanges"`
	NodeSliceSize            string                    `json:"node_slice_size"`
	OmitRanges               []string                  `json:"exclude"`
	DNS                      types.DNS                 `json:"dns"`
	Range                    string                    `json:"range"`
	RangeStart               string                    `json:"range_start"`
	RangeEnd                 string                    `json:"range_end"`
	GatewayStr               string                    `json:"gateway"`
	EtcdHost                 string                    `json:"etcd_host"`
	EtcdUsername             string                    `json:"etcd_username"`
	EtcdPassword             string                    `json:"etcd_password"`
	EtcdKeyFile              string                    `json:"etcd_key_file"`
	EtcdCertFile             string                    `json:"etcd_cert_file"`
	EtcdCACertFile           string                    `json:"etcd_ca_cert_file"`
	LeaderLeaseDuration      int                       `json:"leader_lease_duration"`
	LeaderRenewDeadline      int                       `json:"leader_renew_deadline"`
	LeaderRetryPeriod        int                       `json:"leader_retry_period"`
	LogFile                  string                    `json:"log_file"`
	LogLevel                 string                    `json:"log_level"`
	ReconcilerCronExpression string                    `json:"reconciler_cron_expression"`
	OverlappingRanges        bool                      `json:"enable_overlapping_ranges"`
	SleepForRace             int                       `json:"sleep_for_race"`
	Gateway                  string
	Kubernetes               struct {
		KubeConfigPath string `json:"kubeconfig"`
		K8sAPIRoot     string `json:"k8s_api_root"`
	} `json:"kubernetes"`
	ConfigurationPath string `json:"configuration_path"`
	PodName           string
	PodNamespace      string
	NetworkName       string `json:"network_name"`
}

// readWhereabouts follows pkg/types, pkg/config and pkg/allocate of whereabouts 0.9.2;
// test/node/whereabouts runs them beside it.
func readWhereabouts(s Source) Plugin {
	p := &whereabouts{single: onePerFamily(s.CNIVersion)}
	p.fault = p.read(s.Main)
	return p
}

// read fills in what the configuration says. The fault is that it cannot be decoded; what the
// plugin refuses of what it has decoded is a flaw.
func (p *whereabouts) read(conf []byte) (fault string) {
	var f struct {
		IPAM writtenWhereabouts `json:"ipam"`
	}
	f.IPAM.OverlappingRanges = true
	if err := json.Unmarshal(conf, &f); err != nil {
		return field.Fault("", err)
	}
	w := &f.IPAM
	if p.routes, fault = readRoutes(w.Routes); fault != "" {
		return fault
	}
	p.network, p.apart, p.sliced = w.NetworkName, !w.OverlappingRanges, w.NodeSliceSize != ""
	p.readGateway(w)
	// paths lead to the ranges that can be read.
	var paths [][]any
	read := func(path []any, text, start, end string, exclude []string) {
		if p.readRange(path, text, start, end, exclude) {
			paths = append(paths, path)
		}
	}
	if w.Range != "" {
		read([]any{"ipam"}, w.Range, w.RangeStart, w.RangeEnd, w.OmitRanges)
	} else if len(w.IPRanges) > 0 {
		p.withoutRange(w)
	}
	for i := range w.IPRanges {
		r, path := &w.IPRanges[i], []any{"ipam", "ipRanges", i}
		start, fine := p.bound(under(path, "range_start"), r.RangeStart)
		end, fineToo := p.bound(under(path, "range_end"), r.RangeEnd)
		if fine && fineToo {
			read(path, r.Range, start, end, r.Exclude)
		}
	}
	p.readAddresses(w)
	p.meetings(paths)
	if w.Range == "" && len(w.IPRanges) == 0 && len(w.Addresses) == 0 {
		p.add(flaw.MayFail, []any{"ipam"},
			`"ipam" has no "range" and no "ipRanges", so there is no address unless the file whereabouts.conf of each node names a range`,
			`write a "range", such as "10.0.0.0/24"`)
	}
	return ""
}

// mostFlaws bounds what is said of one configuration.
const mostFlaws = 20

func (p *whereabouts) add(effect flaw.Effect, path []any, text, want string) {
	fails := func(f flaw.Flaw) bool { return f.Effect == flaw.FailsAll }
	if len(p.flaws) < mostFlaws || effect == flaw.FailsAll && !slices.ContainsFunc(p.flaws, fails) {
		p.flaws = append(p.flaws, flaw.Flaw{Kind: flaw.Whereabouts, Effect: effect, Path: path, Text: text, Want: want})
	}
}

// refuse notes what the plugin fails every pod for.
func (p *whereabouts) refuse(path []any, text, want string) {
	p.unread = true
	p.add(flaw.FailsAll, path, field.Name(pathText(path))+" "+text, want)
}

// kernelRefuses notes what the plugin takes, and the kernel does not.
func (p *whereabouts) kernelRefuses(path []any, text, want string) {
	before := len(p.flaws)
	p.refuse(path, text, want)
	if len(p.flaws) > before {
		p.flaws[before].Kernel = true
	}
}

// ignore notes what the plugin passes over.
func (p *whereabouts) ignore(path []any, text, want string) {
	p.add(flaw.Ignored, path, field.Name(pathText(path))+" "+text, want)
}

// pathText is a path as messages write it: ipam.ipRanges[0].range.
func pathText(path []any) string {
	var b strings.Builder
	for i, e := range path {
		switch e := e.(type) {
		case int:
			fmt.Fprintf(&b, "[%d]", e)
		default:
			if i > 0 {
				b.WriteByte('.')
			}
			fmt.Fprint(&b, e)
		}
	}
	return b.String()
}

func under(path []any, more ...any) []any { return slices.Concat(path, more) }

func (p *whereabouts) readGateway(w *writtenWhereabouts) {
	// A key in another case than "gateway" may be read as one that is no fault.
	if w.GatewayStr == "" {
		p.gateway = sloppyAddr(w.Gateway)
		return
	}
	if p.gateway = sloppyAddr(w.GatewayStr); !p.gateway.IsValid() {
		p.refuse([]any{"ipam", "gateway"}, "is "+quote.Value(w.GatewayStr)+", which is no address",
			"write the address of the gateway without a prefix length, or remove it")
	}
}

// bound decodes an end of one of "ipRanges", which is strict there.
func (p *whereabouts) bound(path []any, conf json.RawMessage) (text string, fine bool) {
	addr, fault := readAddr(pathText(path), conf)
	switch {
	case fault != "":
		p.unread = true
		p.add(flaw.FailsAll, path, fault, "write an address without a prefix length, or remove it")
		return "", false
	case addr.IsValid():
		return addr.String(), true
	default:
		return "", true
	}
}

// withoutRange says what is dropped since it stands beside no "range".
func (p *whereabouts) withoutRange(w *writtenWhereabouts) {
	for _, key := range []struct {
		name    string
		written bool
	}{{"exclude", len(w.OmitRanges) > 0}, {"range_start", w.RangeStart != ""}, {"range_end", w.RangeEnd != ""}} {
		if key.written {
			p.ignore([]any{"ipam", key.name}, `has no effect: it belongs to a "range" beside it, and there are "ipRanges" alone`,
				"write it into the elements of \"ipRanges\" that it is meant for")
		}
	}
}

const wantRange = `write a subnet, such as "10.0.0.0/24", or its first and last address to be given, such as "10.0.0.5-10.0.0.9/24"`

// readRange reads one range, and says what the plugin makes of it; it is fine where the range
// can be used.
func (p *whereabouts) readRange(path []any, text, start, end string, exclude []string) (fine bool) {
	at := under(path, "range")
	if text == "" {
		p.unread = true
		p.add(flaw.FailsAll, path, field.Name(pathText(path))+` has no "range"`, wantRange)
		return false
	}
	first, last, dashed := strings.Cut(text, "-")
	cidrText := text
	if dashed {
		cidrText = last
	}
	host, subnet, ok := sloppyPrefix(cidrText)
	from, to := sloppyAddr(start), sloppyAddr(end)
	switch {
	case !ok && dashed:
		p.refuse(at, "is "+quote.Value(text)+", and what stands behind the dash is no address with the length of its subnet", wantRange)
		return false
	case !ok:
		p.refuse(at, "is "+quote.Value(text)+", which is no subnet", wantRange)
		return false
	case dashed:
		from, to = sloppyAddr(first), host
		if !from.IsValid() {
			p.refuse(at, "is "+quote.Value(text)+", and what stands before the dash is no address", wantRange)
			return false
		}
		if !subnet.Contains(from) {
			p.refuse(at, fmt.Sprintf("begins with %s, which is not in %s", from, subnet), wantRange)
			return false
		}
	}
	r := whereaboutsRange{subnet: subnet}
	if p.sliced {
		p.ranges = append(p.ranges, r)
		return true
	}
	if subnet.Bits() > subnet.Addr().BitLen()-2 {
		p.refuse(at, fmt.Sprintf("is %s, and without its first and last address nothing is left", subnet), "write a larger subnet")
		return false
	}
	span := spanOf(subnet, from, to)
	if dashed {
		p.beside(path, "range_start", start, from)
		p.beside(path, "range_end", end, to)
		if to.Less(from) {
			p.ignore(at, fmt.Sprintf("ends before it begins: the end is ignored, and %s-%s is handed out", span.First, span.Last), "write the smaller address first")
		}
	} else {
		p.ignoredBounds(path, subnet, span, start, end)
		if start == "" && host != subnet.Addr() && host != span.First {
			want := fmt.Sprintf("write %q", subnet)
			if span.holds(host) {
				want += fmt.Sprintf(", or \"%s-%s/%d\" to begin there", host, span.Last, subnet.Bits())
			}
			p.ignore(at, fmt.Sprintf("is %s: the addresses begin at %s, and not at %s", quote.Value(text), span.First, host), want)
		}
	}
	excluded, fine := p.readExclude(path, exclude)
	if !fine {
		return false
	}
	r.free = without(span, excluded)
	if len(r.free) == 0 {
		p.refuse(under(path, "exclude"), fmt.Sprintf("leaves nothing of %s-%s", span.First, span.Last), "exclude less")
		return false
	}
	if p.gateway.IsValid() && r.gives(p.gateway) {
		only := netip.PrefixFrom(p.gateway, p.gateway.BitLen()).String()
		want := fmt.Sprintf(`write "exclude": [%q] beside that range`, only)
		if len(exclude) > 0 {
			want = fmt.Sprintf(`add %q to its "exclude"`, only)
		}
		p.ignore(at, fmt.Sprintf("holds the gateway %s, which whereabouts hands out to a pod like any other address", p.gateway), want)
	}
	p.ranges = append(p.ranges, r)
	return true
}

// beside says that an end of a range has no effect, since the range has one in itself.
func (p *whereabouts) beside(path []any, key, text string, chosen netip.Addr) {
	if text != "" && sloppyAddr(text) != chosen {
		p.ignore(under(path, key), `has no effect: the "range" says by itself where it begins and ends`, "remove it")
	}
}

// spanOf is what a range hands out where nothing is excluded (GetIPRange of pkg/iphelpers): an
// end that does not fit is passed over.
func spanOf(subnet netip.Prefix, from, to netip.Addr) Span {
	s := Span{First: subnet.Addr().Next(), Last: cidr.Last(subnet).Prev()}
	if s.holds(from) {
		s.First = from
	}
	if s.holds(to) {
		s.Last = to
	}
	return s
}

func (s Span) holds(a netip.Addr) bool {
	return a.IsValid() && a.BitLen() == s.First.BitLen() && !a.Less(s.First) && !s.Last.Less(a)
}

// ignoredBounds says which ends of a range are passed over, though something else was meant
// than what is taken in their place.
func (p *whereabouts) ignoredBounds(path []any, subnet netip.Prefix, span Span, start, end string) {
	const want = "write an address of the subnet"
	network, broadcast := subnet.Addr(), cidr.Last(subnet)
	for _, b := range []struct {
		key, text string
		taken, as netip.Addr
		verb      string
	}{
		{"range_start", start, span.First, network, "begins"},
		{"range_end", end, span.Last, broadcast, "ends"},
	} {
		addr := sloppyAddr(b.text)
		if b.text == "" || addr == b.taken || addr == b.as {
			continue
		}
		why := "which is not an address that the subnet has to give"
		switch {
		case !addr.IsValid():
			why = "which is no address"
		case b.key == "range_end" && addr.BitLen() == span.First.BitLen() && subnet.Contains(addr):
			why = "which is before " + span.First.String()
		}
		p.ignore(under(path, b.key), fmt.Sprintf("is %s, %s: it is passed over, and the range %s at %s", quote.Value(b.text), why, b.verb, b.taken), want)
	}
}

// readExclude reads what a range leaves out (parseExcludedRange of pkg/allocate), in order.
func (p *whereabouts) readExclude(path []any, exclude []string) (subnets []Span, fine bool) {
	fine = true
	for i, text := range exclude {
		s, ok := excludedSpan(text)
		if !ok {
			fine = false
			p.refuse(under(path, "exclude", i), "is "+quote.Value(text)+", which is no subnet and no address", `write a subnet, such as "10.0.0.0/28"`)
			continue
		}
		subnets = append(subnets, s)
	}
	slices.SortFunc(subnets, func(a, b Span) int { return a.First.Compare(b.First) })
	return subnets, fine
}

// excludedSpan reads an entry of "exclude", which is stricter than the other fields.
func excludedSpan(text string) (s Span, ok bool) {
	_, subnet, err := net.ParseCIDR(text)
	if err != nil {
		ip := net.ParseIP(text)
		if ip == nil {
			return s, false
		}
		if _, subnet, err = net.ParseCIDR(fmt.Sprintf("%s/%d", text, addrOf(ip).BitLen())); err != nil {
			return s, false
		}
	}
	length, _ := subnet.Mask.Size()
	addr, _ := netip.AddrFromSlice(subnet.IP)
	if addr.Is4In6() && length >= 96 {
		addr, length = addr.Unmap(), length-96
	}
	prefix := netip.PrefixFrom(addr, length)
	return Span{First: prefix.Addr(), Last: cidr.Last(prefix)}, true
}

// without is what is left of a span; holes are in order of their first addresses.
func without(s Span, holes []Span) []Span {
	var left []Span
	for _, h := range holes {
		if h.First.BitLen() != s.First.BitLen() || h.Last.Less(s.First) {
			continue
		}
		if s.Last.Less(h.First) {
			break
		}
		if s.First.Less(h.First) {
			left = append(left, Span{First: s.First, Last: h.First.Prev()})
		}
		if !h.Last.Less(s.Last) {
			return left
		}
		s.First = h.Last.Next()
	}
	return append(left, s)
}

// gives says whether an address is handed out.
func (r *whereaboutsRange) gives(a netip.Addr) bool {
	return slices.ContainsFunc(r.free, func(s Span) bool { return s.holds(a) })
}

// readAddresses reads what every pod gets besides.
func (p *whereabouts) readAddresses(w *writtenWhereabouts) {
	seen := map[netip.Prefix]bool{}
	families := map[int]int{}
	for i, a := range w.Addresses {
		at := []any{"ipam", "addresses", i, "address"}
		gateway, fault := readAddr(fmt.Sprintf("ipam.addresses[%d].gateway", i), a.Gateway)
		if fault != "" {
			p.unread = true
			p.add(flaw.FailsAll, []any{"ipam", "addresses", i, "gateway"}, fault, "write an address without a prefix length, or remove it")
			continue
		}
		ip, subnet, err := netutils.ParseCIDRSloppy(a.AddressStr)
		if err != nil {
			p.refuse(at, unreadableAddress(a.AddressStr), "write the address with the length of its subnet, such as "+quote.Value("10.0.0.7/24"))
			continue
		}
		host := addrOf(ip)
		length, bits := subnet.Mask.Size()
		prefix := netip.PrefixFrom(host, max(0, length-bits+host.BitLen()))
		const instead = "leave it out, or write another address"
		if fault, bad := kernelFault(Asked{Addr: host}); bad {
			if text := "is " + quote.Value(prefix.String()) + ", which " + fault.Detail; fault.Effect == EffectFails {
				p.kernelRefuses(at, text, instead)
			} else {
				p.ignore(at, text, instead)
			}
		}
		on := onInterface(host, prefix.Bits())
		if seen[on] {
			p.kernelRefuses(at, "is "+quote.Value(prefix.String())+", which is in the list already, and no interface has an address twice", instead)
		}
		seen[on] = true
		if families[host.BitLen()]++; families[host.BitLen()] == 2 && p.single {
			p.refuse(at, "is the second of its family, and before cniVersion 0.3.0 there is one", instead)
		}
		p.addresses = append(p.addresses, staticAddress{prefix: prefix, gateway: gateway, index: i})
	}
}

// meetings are the ranges of which one interface gets the same address. Ranges of one subnet
// have one pool, which knows the interface when it is asked again, and answers with the address
// that it has (AssignIP of pkg/allocate).
func (p *whereabouts) meetings(paths [][]any) {
	subnets := map[netip.Prefix]bool{}
	first := map[netip.Addr]bool{}
	for i := range p.ranges {
		r := &p.ranges[i]
		at := under(paths[i], "range")
		if subnets[r.subnet] {
			p.kernelRefuses(at, "is of the subnet "+r.subnet.String()+" like a range before it: an interface gets one address of a subnet, here twice, which the kernel refuses",
				"write one range for each subnet, and leave out addresses by \"exclude\"")
			continue
		}
		subnets[r.subnet] = true
		if len(r.free) == 0 {
			continue
		}
		if a := r.free[0].First; first[a] {
			effect := flaw.Ignored
			if a.Is6() {
				effect = flaw.MayFail
			}
			p.add(effect, at, field.Name(pathText(at))+" begins at "+a.String()+" like a range before it, so that an interface may get that address twice", "write ranges that have no address in common")
		}
		first[r.free[0].First] = true
	}
}

// sloppyAddr reads an address as whereabouts does, leading zeros of IPv4 included; the zero Addr
// where it is none.
func sloppyAddr(text string) netip.Addr { return addrOf(netutils.ParseIPSloppy(text)) }

// sloppyPrefix reads an address with the length of its subnet. It is not ok either where the
// text that whereabouts makes of the subnet cannot be read again, which it does.
func sloppyPrefix(text string) (host netip.Addr, subnet netip.Prefix, ok bool) {
	ip, n, err := netutils.ParseCIDRSloppy(text)
	if err != nil {
		return host, subnet, false
	}
	subnet, err = netip.ParsePrefix(n.String())
	return addrOf(ip), subnet, err == nil
}

func (*whereabouts) Type() string                         { return whereaboutsType }
func (p *whereabouts) Fault() string                      { return p.fault }
func (p *whereabouts) Routes() []Route                    { return p.routes }
func (*whereabouts) Assigns(plain bool, chain Chain) bool { return !plain && chain.PlainReader == "" }
func (p *whereabouts) Flaws() []flaw.Flaw {
	if p.fault != "" {
		return nil
	}
	return slices.Concat(p.flaws, routeFlaws(p.routes, p.Given(Request{}, Chain{}), false))
}

// Given: one address of each range, those of the network, and those that the pod asks for by
// CNI_ARGS. The gateway is one for all ranges, of whichever family (cmdAdd of
// cmd/whereabouts.go). Where the configuration names no range the node's file may, and that file
// may name other ranges and addresses besides.
func (p *whereabouts) Given(asked Request, _ Chain) Given {
	g := Given{Known: !p.unread && !p.sliced && len(p.ranges) > 0, Merged: true}
	for i := range p.ranges {
		g.Prefixes = append(g.Prefixes, p.ranges[i].subnet)
	}
	g.addGateway(p.gateway)
	for _, a := range p.addresses {
		g.Prefixes = append(g.Prefixes, a.prefix)
		g.addGateway(a.gateway)
	}
	for _, a := range broughtAddresses(asked.IPs) {
		g.Prefixes = append(g.Prefixes, a.prefix)
	}
	return g
}

// Spans are those of the ranges: what else the network gives is the same for all pods.
func (p *whereabouts) Spans() []Span {
	var spans []Span
	for i := range p.ranges {
		spans = append(spans, p.ranges[i].free...)
	}
	for _, a := range p.addresses {
		spans = append(spans, Span{First: a.prefix.Addr(), Last: a.prefix.Addr()})
	}
	return spans
}

// Shares: ranges of one subnet and one "network_name" have one pool. Of other pools
// whereabouts reads what is taken, unless it is told not to.
func (p *whereabouts) Shares(with Plugin) bool {
	other, ok := with.(*whereabouts)
	if !ok || p.network != other.network {
		return false
	}
	if !p.apart && !other.apart {
		return true
	}
	for i := range p.ranges {
		for j := range other.ranges {
			a, b := &p.ranges[i], &other.ranges[j]
			if a.subnet != b.subnet && a.subnet.Overlaps(b.subnet) {
				return false
			}
		}
	}
	return true
}

// Room is the smallest of the ranges: each interface takes one address of every range.
func (p *whereabouts) Room() int {
	room := -1
	for i := range p.ranges {
		if p.unread || p.sliced {
			return -1
		}
		if n := countOf(p.ranges[i].free); room < 0 || n < room {
			room = n
		}
	}
	return room
}

// Ledgers follows IPPoolName of pkg/storage/kubernetes.
func (p *whereabouts) Ledgers() []string {
	if p.sliced || p.unread {
		return nil
	}
	var names []string
	for i := range p.ranges {
		names = append(names, p.ledger(&p.ranges[i]))
	}
	return names
}

func (p *whereabouts) ledger(r *whereaboutsRange) string {
	name := strings.NewReplacer(":", "-", "/", "-").Replace(r.subnet.String())
	if p.network != "" {
		return p.network + "-" + name
	}
	return name
}

// Full: a pod needs an address of each range.
func (p *whereabouts) Full(reserved func(string) *Reserved) string {
	if p.sliced || p.unread {
		return ""
	}
	for i := range p.ranges {
		r := &p.ranges[i]
		taken := reserved(p.ledger(r))
		if taken == nil || slices.ContainsFunc(r.free, func(s Span) bool { return len(without(s, taken.Taken)) > 0 }) {
			continue
		}
		what := "all " + strconv.Itoa(countOf(r.free)) + " addresses of "
		if countOf(r.free) == 1 {
			what = "the only address of "
		}
		text := what + r.free[0].First.String() + "-" + r.free[len(r.free)-1].Last.String()
		return text + " " + map[bool]string{true: "is", false: "are"}[countOf(r.free) == 1] + " in use (IPPool " + quote.Value(p.ledger(r)) + ")"
	}
	return ""
}

// mostCounted is where counting addresses ends: more pods than that there are not.
const mostCounted = 1 << 22

// countOf is how many addresses there are in spans, up to mostCounted.
func countOf(spans []Span) int {
	n := 0
	for _, s := range spans {
		first, last := s.First.As16(), s.Last.As16()
		distance := 0
		for i := range first {
			// So far it is the distance of the first bytes alone, which is not negative.
			distance = distance<<8 + int(last[i]) - int(first[i])
			if distance > mostCounted {
				return mostCounted
			}
		}
		if n += distance + 1; n > mostCounted {
			return mostCounted
		}
	}
	return n
}

// AddressFaults follows handleEnvArgs of pkg/config: what CNI_ARGS ask for is added to the
// addresses of the ranges, and not looked for in any pool.
func (p *whereabouts) AddressFaults(request Request, chain Chain) []AddressFault {
	const none = `no "ips": whereabouts gives each pod an address of its own`
	if len(request.IPs) == 0 {
		return []AddressFault{unheeded(true, "whereabouts does not read them, and gives each pod an address of its own", `no "ips" in "cni-args"`)}
	}
	if chain.PlainReader != "" {
		return []AddressFault{{
			Index: -1, Effect: EffectFails,
			Detail: `cannot be asked for by "ips": whereabouts needs a prefix length, and the plugin ` + quote.Value(chain.PlainReader) + " refuses one",
			Want:   none,
		}}
	}
	var faults []AddressFault
	seen := map[netip.Prefix]int{}
	families := map[int]int{}
	for _, a := range p.addresses {
		seen[onInterface(a.prefix.Addr(), a.prefix.Bits())] = -1
		families[a.prefix.Addr().BitLen()]++
	}
	for _, a := range request.IPs {
		if a.Bits < 0 {
			faults = append(faults, AddressFault{
				Index: a.Index, Effect: EffectFails, Detail: "has no prefix length, and whereabouts fails without one", Want: none,
			})
			continue
		}
		on := onInterface(a.Addr, a.Bits)
		first, again := seen[on]
		seen[on] = a.Index
		families[a.Addr.BitLen()]++
		fault, bad := kernelFault(a)
		switch {
		case again && first < 0:
			fault = AddressFault{Index: a.Index, Effect: EffectFails, Detail: "is an address that the network gives every pod, and none can have it twice", Want: none}
		case again:
			fault = duplicate(a, first)
		case !bad:
			fault = AddressFault{
				Index: a.Index, Effect: EffectAdded,
				Detail: "is added to the address of the range, and nothing reserves it: whereabouts may give it to another pod", Want: none,
			}
		}
		faults = append(faults, fault)
	}
	if most := max(families[32], families[128]); p.single && most > 1 {
		faults = slices.Insert(faults, 0, AddressFault{
			Index: -1, Effect: EffectFails,
			Detail: fmt.Sprintf("make %d of one family, those of the network among them, and before cniVersion 0.3.0 whereabouts takes one", most),
			Want:   none,
		})
	}
	return faults
}
