package flatnetwork

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/tally"
)

// SubnetFault is one thing that is wrong with a subnet by itself.
type SubnetFault struct {
	// Field is the path in the object, such as spec.ranges[1].rangeEnd.
	Field string
	// Value is the culprit's text, empty for what is missing.
	Value string
	// Detail says what is wrong. It continues a sentence that begins with the field and
	// the value.
	Detail string
	// Want says what is accepted, and Remedy what to write instead.
	Want, Remedy string
	// Softened marks what need not do harm: it asks for a warning.
	Softened bool
	// More is how many faults follow that are not kept.
	More int
}

// Message is the fault as a sentence: which value of which field is wrong in what way,
// and what is accepted.
func (f *SubnetFault) Message() string {
	message := strings.TrimPrefix(strings.TrimPrefix(f.Field, "spec."), "metadata.")
	if f.Value != "" {
		message += " " + quote.Value(f.Value)
	}
	message += " " + f.Detail
	if f.Want != "" {
		message += "; accepted: " + f.Want
	}
	return message
}

const (
	// maxLinkName is IFNAMSIZ of Linux less the closing NUL byte.
	maxLinkName = 15
	// maxVLAN: vlan_validate() of Linux refuses 0xfff.
	maxVLAN = 4094
)

// The modes that either flat mode takes; an empty one is the first
// (https://docs.kernel.org/networking/ipvlan.html).
var (
	macvlanModes = []string{"bridge", "private", "vepa", "passthru"}
	ipvlanModes  = []string{"l2", "l3", "l3s"}
	ipvlanFlags  = []string{"bridge", "private", "vepa"}
)

// inspection finds what is wrong with a subnet, and gives it its ranges on the way.
type inspection struct {
	subnet *Subnet
	shape  *subnetShape
	found  []SubnetFault
}

// add keeps the first faults, softened ones apart from others, and counts the rest.
func (i *inspection) add(f SubnetFault) {
	if last := tally.Full(i.found, maxFaults, func(k *SubnetFault) bool { return k.Softened == f.Softened }); last != nil {
		last.More++
		return
	}
	i.found = append(i.found, f)
}

func (i *inspection) faults() []SubnetFault {
	i.checkPlace()
	i.checkLink()
	i.checkModes()
	i.checkCIDR()
	i.checkGateway()
	i.checkRanges()
	i.checkRoutes()
	return i.found
}

// checkPlace judges where the object stands: the controllers look for the subnet of a
// pod in one namespace, and write its name into labels.
func (i *inspection) checkPlace() {
	s := i.subnet
	if home := s.Reference.Generation.SubnetNamespace(); s.Namespace != home {
		i.add(SubnetFault{
			Field: "metadata.namespace", Value: s.Namespace, Detail: "is not one whose subnets are read", Want: home,
			Remedy: "put the subnet into namespace " + home,
		})
	}
	if n := len(s.Reference.Name); n > validation.LabelValueMaxLength {
		i.add(SubnetFault{
			Field: "metadata.name", Value: s.Reference.Name,
			Detail: fmt.Sprintf("has %d bytes, and the controller writes it into a label of each pod", n),
			Want:   fmt.Sprintf("up to %d bytes", validation.LabelValueMaxLength),
			Remedy: "give the subnet a shorter name",
		})
	}
}

func (i *inspection) checkLink() {
	s := i.subnet
	master := SubnetFault{Field: "spec.master", Value: s.Master, Want: "the name of a link on the nodes, up to 15 bytes, such as bond0"}
	switch {
	case s.Master == "":
		master.Detail, master.Remedy = "is missing", "name the link on the nodes that pods are to be attached to"
		i.add(master)
	case len(s.Master) > maxLinkName:
		master.Detail, master.Remedy = fmt.Sprintf("has %d bytes", len(s.Master)), "name the link as the nodes do"
		i.add(master)
	// The controllers write the master into a label, which rules out / and white space.
	case len(validation.IsValidLabelValue(s.Master)) > 0:
		master.Detail, master.Remedy = "does not fit a label, into which the controller writes it", "name the link as the nodes do"
		i.add(master)
	}
	vlan := SubnetFault{Field: "spec.vlan", Value: strconv.Itoa(s.VLAN)}
	link := s.Link()
	switch {
	case s.VLAN < 0 || s.VLAN > maxVLAN:
		vlan.Detail, vlan.Want, vlan.Remedy = "is not the ID of a VLAN", "1 to 4094, or 0 for none", "write the ID of the VLAN, or 0 for the master itself"
		i.add(vlan)
	case len(link) > maxLinkName && len(s.Master) <= maxLinkName:
		vlan.Detail = fmt.Sprintf("makes a link %s of %d bytes", quote.Value(link), len(link))
		vlan.Want = "up to 15 bytes for the master, a dot and the VLAN"
		vlan.Remedy = "use a master with a shorter name"
		// How V1's plugin names the VLAN's link is not published.
		vlan.Softened = s.Reference.Generation == V1
		i.add(vlan)
	}
}

// oneOf checks a value that may be empty.
func (i *inspection) oneOf(field, value string, accepted []string) {
	if value == "" || slices.Contains(accepted, value) {
		return
	}
	i.add(SubnetFault{
		Field: field, Value: value, Detail: "is unknown", Want: strings.Join(accepted, ", "),
		Remedy: "write " + field[strings.LastIndex(field, ".")+1:] + ": " + accepted[0],
	})
}

func (i *inspection) checkModes() {
	mode := func(accepted []string) { i.oneOf("spec.mode", i.shape.mode, accepted) }
	switch flag := i.shape.ipvlanFlag; i.shape.flatMode {
	case macvlan:
		mode(macvlanModes)
		if flag != "" {
			i.add(SubnetFault{
				Field: "spec.ipvlanFlag", Value: flag, Detail: "belongs to flatMode ipvlan, and this subnet has flatMode macvlan",
				Want: "none", Remedy: "leave ipvlanFlag out",
			})
		}
	case ipvlan:
		mode(ipvlanModes)
		i.oneOf("spec.ipvlanFlag", flag, ipvlanFlags)
	case "":
		i.add(SubnetFault{Field: "spec.flatMode", Detail: "is missing", Want: macvlan + ", " + ipvlan, Remedy: "write flatMode: " + macvlan})
	default:
		i.oneOf("spec.flatMode", i.shape.flatMode, []string{macvlan, ipvlan})
	}
}

func (i *inspection) checkCIDR() {
	want := "an address with a prefix length, such as 10.1.2.0/24"
	if i.subnet.Reference.Generation == V2 {
		want += " or fd00:1:2::/64"
	}
	i.checkText("spec.cidr", i.shape.cidr, want, "write the CIDR of the network, such as 10.1.2.0/24", func(text string) string {
		_, detail := readCIDR(i.subnet.Reference.Generation, text)
		return detail
	})
}

// checkText reports what is found wrong with a text.
func (i *inspection) checkText(field, value, want, remedy string, check func(string) string) {
	if detail := check(value); detail != "" {
		i.add(SubnetFault{Field: field, Value: value, Detail: detail, Want: want, Remedy: remedy})
	}
}

// outside says whether an address is not in the CIDR, as far as that is known.
func (i *inspection) outside(a netip.Addr) bool {
	return i.subnet.CIDR.IsValid() && !i.subnet.CIDR.Contains(a)
}

// inCIDR is what is accepted of an address that must be in the CIDR.
func (i *inspection) inCIDR() string {
	if !i.subnet.CIDR.IsValid() {
		return "an IP address in the CIDR"
	}
	return "an IP address in " + i.subnet.CIDR.String()
}

func (i *inspection) checkGateway() {
	s := i.subnet
	if !s.GatewayGiven {
		return
	}
	f := SubnetFault{Field: "spec.gateway", Value: i.shape.gateway, Want: i.inCIDR() + ", without a prefix length",
		Remedy: "write the address of the router, or leave gateway out for the first address of the CIDR"}
	a, detail := readAddr(i.shape.gateway)
	switch {
	case detail != "":
		f.Detail = detail
	case i.outside(a):
		f.Detail = "is outside the CIDR"
		// V1 takes such a gateway, and a route may lead to it by other means.
		f.Softened = s.Reference.Generation == V1
	case s.CIDR.IsValid() && a.Is4() && s.end(a) != "":
		f.Detail = "is the " + s.end(a) + " of the CIDR"
	default:
		return
	}
	i.add(f)
}

// checkRanges reads the ranges. What is wrong with one is told at its end that is at
// fault.
func (i *inspection) checkRanges() {
	s := i.subnet
	ends := [2]string{"rangeStart", "rangeEnd"}
	if s.Reference.Generation == V2 {
		ends = [2]string{"from", "to"}
	}
	index := map[Range]int{}
	for n, texts := range i.shape.ranges {
		field := func(end int) string { return fmt.Sprintf("spec.ranges[%d].%s", n, ends[end]) }
		var addresses [2]netip.Addr
		good := true
		for end, text := range texts {
			a, detail := readAddr(text)
			if detail == "" && i.outside(a) {
				detail = "is outside the CIDR"
			}
			if addresses[end] = a; detail != "" {
				good = false
				i.add(SubnetFault{Field: field(end), Value: text, Detail: detail, Want: i.inCIDR(), Remedy: "write an address in the CIDR of the subnet"})
			}
		}
		r := Range{addresses[0], addresses[1]}
		switch {
		case !good:
		case r.First.BitLen() != r.Last.BitLen():
			good = false
			i.add(SubnetFault{
				Field: field(1), Value: texts[1], Detail: "is of another family than " + ends[0] + " " + quote.Value(texts[0]),
				Want: "an " + family(r.First) + " address", Remedy: "write two addresses in the CIDR of the subnet",
			})
		case r.Last.Less(r.First):
			good = false
			i.add(SubnetFault{
				Field: field(1), Value: texts[1], Detail: "comes before " + ends[0] + " " + quote.Value(texts[0]),
				Want: ends[0] + " or a later address", Remedy: fmt.Sprintf("write %s: %s and %s: %s", ends[0], r.Last, ends[1], r.First),
			})
		}
		if !good {
			s.unread = true
			continue
		}
		if before, again := index[r]; again {
			i.addOverlap(n, before, r, r)
			continue
		}
		index[r] = n
		s.Ranges = append(s.Ranges, r)
	}
	inOrder := sorted(s.Ranges)
	for n := 1; n < len(inOrder); n++ {
		a, b := inOrder[n-1], inOrder[n]
		if a.overlaps(b) {
			i.addOverlap(max(index[a], index[b]), min(index[a], index[b]), a, b)
		}
		// The one that reaches further is what the next is compared with.
		if b.Last.Less(a.Last) {
			inOrder[n] = a
		}
	}
}

// addOverlap reports two ranges that share addresses.
func (i *inspection) addOverlap(later, earlier int, a, b Range) {
	both := Range{a.First, a.Last}
	if both.First.Compare(b.First) > 0 {
		both.First = b.First
	}
	if both.Last.Less(b.Last) {
		both.Last = b.Last
	}
	i.add(SubnetFault{
		Field: fmt.Sprintf("spec.ranges[%d]", later), Detail: fmt.Sprintf("overlaps with ranges[%d]: %s and %s", earlier, a, b),
		Want: "ranges that do not overlap", Remedy: "replace both by one range, " + both.String(),
	})
}

const wantDestination = "an address with a prefix length, such as 10.1.0.0/16"

// cidrDetail says why a text is no CIDR.
func cidrDetail(text string) string {
	_, err := netip.ParsePrefix(text)
	switch {
	case text == "":
		return "is missing"
	case err != nil:
		return "is not an address with a prefix length"
	default:
		return ""
	}
}

func (i *inspection) checkRoutes() {
	g := i.subnet.Reference.Generation
	via, dev := "gw", "iface"
	if g == V2 {
		via, dev = "via", "dev"
	}
	for n, r := range i.shape.routes {
		field := func(name string) string { return fmt.Sprintf("spec.routes[%d].%s", n, name) }
		if g == V2 && r.dev == "" {
			i.add(SubnetFault{Field: field(dev), Detail: "is missing", Want: "the name of an interface of the pod", Remedy: "write " + dev + ": eth1, or the interface that the route uses"})
		}
		i.checkText(field("dst"), r.dst, wantDestination, "write the destination of the route with its prefix length", cidrDetail)
		if r.src != "" {
			i.checkText(field("src"), r.src, "an IP address", "write an address without a prefix length, or leave src out", addrDetail)
		}
		if r.gateway != "" {
			want, inside := i.inCIDR(), true
			// V1 lets routes through the cluster's own network lead anywhere.
			if g == V1 && r.dev == "eth0" {
				want, inside = "an IP address", false
			}
			i.checkText(field(via), r.gateway, want, "write the address of a router, or leave "+via+" out", func(text string) string {
				a, detail := readAddr(text)
				if detail == "" && inside && i.outside(a) {
					return "is outside the CIDR"
				}
				return detail
			})
		}
		if r.priority < 0 || r.priority > math.MaxInt32 {
			i.add(SubnetFault{Field: field("priority"), Value: strconv.FormatInt(r.priority, 10), Detail: "is out of range", Want: "0 to 2147483647", Remedy: "write a smaller number, or leave priority out"})
		}
	}
	if i.shape.wantsServiceCIDR {
		i.checkText("spec.podDefaultGateway.serviceCidr", i.shape.serviceCIDR, "the CIDR of the cluster's services, such as 10.43.0.0/16",
			"write the CIDR of the cluster's services, or enable: false", cidrDetail)
	}
}

func addrDetail(text string) string {
	_, detail := readAddr(text)
	return detail
}
