package cniconf

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/containernetworking/cni/pkg/types"
	"github.com/containernetworking/cni/pkg/version"

	"github.com/macvlan-webhook/macvlan-webhook/policy/cidr"
)

// hostLocalRange is a range as host-local's configuration writes it. Its fields
// are decoded one by one, so that a fault can name the one it is in.
type hostLocalRange struct {
	Subnet     json.RawMessage `json:"subnet"`
	RangeStart json.RawMessage `json:"rangeStart"`
	RangeEnd   json.RawMessage `json:"rangeEnd"`
	Gateway    json.RawMessage `json:"gateway"`
}

// readHostLocal follows plugins/ipam/host-local/backend/allocator (config.go,
// range.go, range_set.go): host-local refuses all pods when one range is wrong.
func (ipam *IPAM) readHostLocal(conf []byte, network, cniVersion string) {
	var f struct {
		IPAM struct {
			hostLocalRange
			Name       string             `json:"name"`
			Routes     []json.RawMessage  `json:"routes"`
			DataDir    string             `json:"dataDir"`
			ResolvConf string             `json:"resolvConf"`
			Ranges     [][]hostLocalRange `json:"ranges"`
		} `json:"ipam"`
	}
	if err := json.Unmarshal(conf, &f); err != nil {
		ipam.Fault = fieldFault("", err)
		return
	}
	if ipam.Fault = routesFault(f.IPAM.Routes); ipam.Fault != "" {
		return
	}
	ipam.Store = storeOf(f.IPAM.DataDir, network)
	direct, fault := readRange("ipam", f.IPAM.hostLocalRange)
	if fault != "" {
		ipam.Fault = fault
		return
	}
	paths := make([]string, 0, 1+len(f.IPAM.Ranges))
	if direct.Subnet.IsValid() {
		ipam.Ranges = append(ipam.Ranges, []Range{direct})
		paths = append(paths, "ipam")
	}
	for i, set := range f.IPAM.Ranges {
		ranges := make([]Range, len(set))
		for j, r := range set {
			path := fmt.Sprintf("ipam.ranges[%d][%d]", i, j)
			if ranges[j], fault = readRange(path, r); fault != "" {
				ipam.Fault = fault
				return
			}
			if !ranges[j].Subnet.IsValid() {
				ipam.Fault = subject(path) + ` has no "subnet"`
				return
			}
		}
		ipam.Ranges = append(ipam.Ranges, ranges)
		paths = append(paths, fmt.Sprintf("ipam.ranges[%d]", i))
	}
	ipam.Fault = rangesFault(ipam.Ranges, paths, cniVersion)
}

// readRange decodes a range; the subnet may be missing.
func readRange(path string, r hostLocalRange) (out Range, fault string) {
	if r.Subnet != nil {
		if out.Subnet, fault = readSubnet(path+".subnet", r.Subnet); fault != "" {
			return Range{}, fault
		}
	}
	if out.Start, fault = readAddr(path+".rangeStart", r.RangeStart); fault != "" {
		return Range{}, fault
	}
	if out.End, fault = readAddr(path+".rangeEnd", r.RangeEnd); fault != "" {
		return Range{}, fault
	}
	if out.Gateway, fault = readAddr(path+".gateway", r.Gateway); fault != "" {
		return Range{}, fault
	}
	return out, ""
}

func readSubnet(path string, conf json.RawMessage) (netip.Prefix, string) {
	var n types.IPNet
	if err := json.Unmarshal(conf, &n); err != nil {
		return netip.Prefix{}, fieldFault(path, err)
	}
	length, bits := net.IPMask(n.Mask).Size()
	addr := addrOf(n.IP)
	if addr.BitLen() != bits {
		return netip.Prefix{}, subject(path) + " is an IPv4 subnet in the form of IPv6"
	}
	return netip.PrefixFrom(addr, length), ""
}

// span is the first and last address that a range hands out.
type span struct {
	first, last netip.Addr
	subnet      netip.Prefix
}

// rangesFault says what is wrong with ranges that could be decoded. paths name
// the sets.
func rangesFault(sets [][]Range, paths []string, cniVersion string) string {
	if len(sets) == 0 {
		return `"ipam" has no "subnet" and no "ranges"`
	}
	var spans []span
	families := map[int]int{}
	for i, set := range sets {
		if len(set) == 0 {
			return subject(paths[i]) + " is an empty set of ranges"
		}
		for _, r := range set {
			s, fault := r.span()
			if fault != "" {
				return subject(paths[i]) + " has " + fault
			}
			if s.first.BitLen() != set[0].Subnet.Addr().BitLen() {
				return subject(paths[i]) + " mixes IPv4 and IPv6 in one set of ranges"
			}
			spans = append(spans, s)
		}
		families[set[0].Subnet.Addr().BitLen()]++
	}
	// Earlier versions of the specification have one address per family only.
	modern, _ := version.GreaterThanOrEqualTo(cniVersion, "0.3.0")
	if !modern && (families[32] > 1 || families[128] > 1) {
		return `more than one set of ranges per address family needs cniVersion "0.3.0" or later`
	}
	return overlap(spans)
}

// span checks a range by itself.
func (r Range) span() (span, string) {
	s := span{subnet: r.Subnet}
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
	s.first, s.last = r.bounds()
	if r.End.IsValid() && s.last.Less(s.first) {
		return s, fmt.Sprintf("the rangeEnd %s before its first address %s", s.last, s.first)
	}
	// A rangeStart on the broadcast address is accepted without a rangeEnd. The
	// range has no addresses then, but may overlap with another all the same.
	if s.last.Less(s.first) {
		s.first, s.last = s.last, s.first
	}
	return s, ""
}

// bounds are the first and last address of a range whose subnet can be used, as the
// plugin completes them.
func (r Range) bounds() (first, last netip.Addr) {
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
func (r Range) contains(addr netip.Addr) bool {
	first, last := r.bounds()
	return r.Subnet.Contains(addr) && !addr.Less(first) && !last.Less(addr)
}

// gateway is that of the range, which no pod gets.
func (r Range) gateway() netip.Addr {
	if r.Gateway.IsValid() {
		return r.Gateway
	}
	return r.Subnet.Masked().Addr().Next()
}

// text is the first and last address, as in 10.0.0.10-10.0.0.50.
func (r Range) text() string {
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
func overlap(spans []span) string {
	slices.SortFunc(spans, func(a, b span) int {
		return cmp.Or(a.first.Compare(b.first), a.last.Compare(b.last))
	})
	for i := 1; i < len(spans); i++ {
		// The one before reaches furthest: otherwise it had overlapped already.
		before, s := spans[i-1], spans[i]
		if before.first.BitLen() == s.first.BitLen() && !before.last.Less(s.first) {
			return fmt.Sprintf("the ranges %s-%s of %s and %s-%s of %s overlap",
				before.first, before.last, before.subnet, s.first, s.last, s.subnet)
		}
	}
	return ""
}
