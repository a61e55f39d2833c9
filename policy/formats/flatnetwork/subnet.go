package flatnetwork

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/macvlan-webhook/macvlan-webhook/policy/address/cidr"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
)

// ProjectAnnotation on a namespace names the project of Rancher it belongs to, as
// CLUSTER:PROJECT. ProjectLabel on a subnet names the one whose namespaces may use it,
// with a dash in place of the colon.
const (
	ProjectAnnotation = "field.cattle.io/projectId"
	ProjectLabel      = "project"
)

// Project is the project of a [ProjectAnnotation] as a [ProjectLabel] writes it.
func Project(annotation string) string { return strings.ReplaceAll(annotation, ":", "-") }

// The flat modes of V2; V1 knows macvlan alone.
const (
	macvlan = "macvlan"
	ipvlan  = "ipvlan"
)

// Subnet is what rules read of a MacvlanSubnet or FlatNetworkSubnet. It is not changed
// once made.
type Subnet struct {
	Reference SubnetReference
	// Generated says that the API server is still to complete the name.
	Generated bool
	Namespace string
	// Master is the link on the nodes, and VLAN the ID on it, 0 for none.
	Master string
	VLAN   int
	// FlatMode is macvlan or ipvlan, macvlan in V1; as written in V2.
	FlatMode string
	// CIDR has no host bits. It is the zero Prefix where the object's cannot be read.
	CIDR netip.Prefix
	// Gateway is the object's (GatewayGiven), else the first address of the CIDR, as
	// the controllers choose it; the zero Addr where neither can be read.
	Gateway      netip.Addr
	GatewayGiven bool
	// Ranges are those that could be read, each once, and each within the CIDR where that
	// can be read.
	Ranges []Range
	// Project is what [ProjectLabel] says, HasProject that there is one; an empty one
	// stands for all projects.
	Project    string
	HasProject bool
	// Failure is why the controller of V2 does not serve the subnet; empty when it does,
	// or has not looked at it yet.
	Failure string

	// unread says that there are ranges which could not be read.
	unread bool
	faults []SubnetFault
}

// Range is a range of addresses of one family, with both its ends; First is not
// greater than Last.
type Range struct{ First, Last netip.Addr }

// String is the first address and the last with a - between them.
func (r Range) String() string { return r.First.String() + "-" + r.Last.String() }

// contains says whether an address lies in the range.
func (r Range) contains(a netip.Addr) bool {
	return a.BitLen() == r.First.BitLen() && !a.Less(r.First) && !r.Last.Less(a)
}

// overlaps says whether two ranges share an address.
func (r Range) overlaps(other Range) bool {
	return r.First.BitLen() == other.First.BitLen() && !r.Last.Less(other.First) && !other.Last.Less(r.First)
}

// CompileSubnet reads a MacvlanSubnet or FlatNetworkSubnet, the whole object in JSON.
// The namespace given stands in for an object that has none. Values that make no sense
// are for [Subnet.Faults] to tell; it is a [*json.UnmarshalTypeError] when a field that
// is read has the wrong type.
func CompileSubnet(g Generation, namespace string, object []byte) (*Subnet, error) {
	shape, err := decodeSubnet(g, object)
	if err != nil {
		return nil, err
	}
	meta := &shape.meta
	s := &Subnet{
		// The name will begin so where it is still to be made up.
		Reference: SubnetReference{g, cmp.Or(meta.Name, meta.GenerateName)},
		Generated: meta.Name == "" && meta.GenerateName != "",
		Namespace: cmp.Or(meta.Namespace, namespace),
	}
	if project := meta.Labels.Project; project != nil {
		s.Project, s.HasProject = *project, true
	}
	s.Master, s.VLAN, s.FlatMode = shape.master, shape.vlan, shape.flatMode
	s.CIDR, _ = readCIDR(g, shape.cidr)
	s.readGateway(shape)
	s.Failure = shape.failure
	s.faults = (&inspection{subnet: s, shape: shape}).faults()
	return s, nil
}

// readCIDR reads a CIDR, or says why it is none. Host bits are forgiven: both
// controllers mask them.
func readCIDR(g Generation, text string) (cidr netip.Prefix, detail string) {
	cidr, err := netip.ParsePrefix(text)
	switch {
	case text == "":
		return netip.Prefix{}, "is missing"
	case err != nil:
		return netip.Prefix{}, "is not an address with a prefix length"
	case cidr.Addr().Is4In6():
		return netip.Prefix{}, "is an IPv4 subnet in the form of IPv6"
	case g == V1 && cidr.Addr().Is6():
		return netip.Prefix{}, "is an IPv6 subnet, and V1 has IPv4 subnets only"
	}
	return cidr.Masked(), ""
}

// readAddr reads a single address.
func readAddr(text string) (a netip.Addr, detail string) {
	a, err := netip.ParseAddr(text)
	switch {
	case text == "":
		return netip.Addr{}, "is missing"
	case strings.Contains(text, "/"):
		return netip.Addr{}, "has a prefix length, which only the CIDR has"
	case err != nil || a.Zone() != "":
		return netip.Addr{}, "is not an IP address"
	}
	return a.Unmap(), ""
}

// readGateway follows CalcDefaultGateway of V1 and GetDefaultGateway of V2 where the
// object names none.
func (s *Subnet) readGateway(shape *subnetShape) {
	if shape.gateway != "" {
		s.Gateway, _ = readAddr(shape.gateway)
		s.GatewayGiven = true
		return
	}
	if s.Gateway, _ = readAddr(shape.statusGateway); s.Gateway.IsValid() || !s.CIDR.IsValid() {
		return
	}
	if first := s.CIDR.Addr().Next(); s.CIDR.Contains(first) {
		s.Gateway = first
	}
}

// Faults are what is wrong with the subnet by itself, in the order of its fields.
func (s *Subnet) Faults() []SubnetFault { return s.faults }

// Link is the link on the nodes that the subnet's pods share, and so the L2 domain: the
// master, or the VLAN on it, such as bond0.100. Without a master it is empty.
func (s *Subnet) Link() string {
	if s.Master == "" || s.VLAN == 0 {
		return s.Master
	}
	return s.Master + "." + strconv.Itoa(s.VLAN)
}

// maxNamed is how many ranges a message names.
const maxNamed = 5

// Refuses says why no pod can be given an address in the subnet; empty when one can, and
// where that cannot be told. It continues a sentence that begins with the address.
//
// The ends of a subnet go by its prefix length. V2 gives neither end of an IPv6 subnet
// away either (IsAvailableIP in pkg/ipcalc/ipcalc.go), and V1 no address ending in .0 or
// .255, wherever it lies (CIDRtoHosts).
func (s *Subnet) Refuses(a netip.Addr) (detail string) {
	cidr := s.CIDR
	a = a.Unmap()
	if !cidr.IsValid() || !a.IsValid() {
		return ""
	}
	last := a.AsSlice()[a.BitLen()/8-1]
	switch {
	case a.BitLen() != cidr.Addr().BitLen():
		return fmt.Sprintf("is an %s address, and the CIDR of the subnet is %s", family(a), cidr)
	case !cidr.Contains(a):
		return fmt.Sprintf("is outside the CIDR of the subnet, %s", cidr)
	case a == s.Gateway:
		return "is the gateway of the subnet"
	}
	if end := s.end(a); end != "" {
		return fmt.Sprintf("is the %s of the subnet, %s", end, cidr)
	}
	switch {
	case s.Reference.Generation == V1 && (last == 0 || last == 255):
		return fmt.Sprintf("ends in .%d, and V1 gives no such address to a pod, wherever in the CIDR it lies", last)
	case len(s.Ranges) > 0 && !s.unread && !slices.ContainsFunc(s.Ranges, func(r Range) bool { return r.contains(a) }):
		return "is outside the ranges of the subnet: " + list(s.Ranges)
	}
	return ""
}

// end says which end of the CIDR an address is, if it is one that no host can have.
func (s *Subnet) end(a netip.Addr) string {
	block := s.CIDR
	switch {
	case block.Bits() > block.Addr().BitLen()-2:
		return ""
	case a == block.Addr():
		return "network address"
	case a == cidr.Last(block) && a.Is4():
		return "broadcast address"
	case a == cidr.Last(block):
		return "last address"
	}
	return ""
}

func family(a netip.Addr) string {
	if a.Is4() {
		return "IPv4"
	}
	return "IPv6"
}

// list names ranges, the first ones where there are many.
func list(ranges []Range) string { return quote.Some(ranges, maxNamed, Range.String) }

// Migrated says whether one of two subnets is the other one in another generation: both
// have the same name, link and CIDR.
func (s *Subnet) Migrated(other *Subnet) bool {
	return s.Reference.Generation != other.Reference.Generation && s.Reference.Name == other.Reference.Name && s.Link() == other.Link() && s.CIDR == other.CIDR
}

// Overlap says how two subnets give away the same addresses on one link, of whichever
// generation they are: their CIDRs overlap, and they do not both have ranges that are
// apart. It is empty when they do not, and continues a sentence that begins with the
// CIDR of s.
func (s *Subnet) Overlap(other *Subnet) (detail string) {
	link := s.Link()
	if s.Reference == other.Reference || link == "" || link != other.Link() || !s.CIDR.Overlaps(other.CIDR) {
		return ""
	}
	detail = fmt.Sprintf("overlaps with %s of %s on the same link %s", other.CIDR, other.named(), quote.Value(link))
	switch {
	case s.unread || other.unread:
		return detail
	case len(s.Ranges) == 0 && len(other.Ranges) == 0:
		return detail + ", and neither has ranges"
	case len(s.Ranges) == 0:
		return detail + ", and this subnet has no ranges"
	case len(other.Ranges) == 0:
		return detail + ", which has no ranges"
	}
	if mine, theirs, found := shared(s.Ranges, other.Ranges); found {
		return detail + fmt.Sprintf(", and so do the ranges %s and %s", mine, theirs)
	}
	return ""
}

// shared finds a range of either list that overlap. Sorting keeps lists of thousands
// affordable.
func shared(a, b []Range) (first, second Range, found bool) {
	a, b = apart(a), apart(b)
	for len(a) > 0 && len(b) > 0 {
		if a[0].overlaps(b[0]) {
			return a[0], b[0], true
		}
		if a[0].Last.Less(b[0].Last) {
			a = a[1:]
		} else {
			b = b[1:]
		}
	}
	return Range{}, Range{}, false
}

// apart are the same ranges in order, those that overlap joined.
func apart(ranges []Range) []Range {
	var joined []Range
	for _, r := range sorted(ranges) {
		if n := len(joined); n > 0 && joined[n-1].overlaps(r) {
			if joined[n-1].Last.Less(r.Last) {
				joined[n-1].Last = r.Last
			}
			continue
		}
		joined = append(joined, r)
	}
	return joined
}

func sorted(ranges []Range) []Range {
	return slices.SortedFunc(slices.Values(ranges), func(a, b Range) int {
		return cmp.Or(a.First.Compare(b.First), a.Last.Compare(b.Last))
	})
}

// Mixes says how one link would carry both macvlan and ipvlan, which the kernel refuses:
// a link has one receive handler, and either takes it. It is empty when none would, and
// continues a sentence that begins with the subnet.
func (s *Subnet) Mixes(other *Subnet) (detail string) {
	link := s.Link()
	known := func(mode string) bool { return mode == macvlan || mode == ipvlan }
	if s.Reference == other.Reference || link == "" || link != other.Link() ||
		s.FlatMode == other.FlatMode || !known(s.FlatMode) || !known(other.FlatMode) {
		return ""
	}
	return fmt.Sprintf("puts %s on the link %s, which carries %s for %s", s.FlatMode, quote.Value(link), other.FlatMode, other.named())
}

// named is the kind and the quoted name, for messages.
func (s *Subnet) named() string {
	return s.Reference.Generation.SubnetKind() + " " + quote.Value(s.Reference.Name)
}
