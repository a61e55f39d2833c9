package flatnetwork

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/macvlan-webhook/macvlan-webhook/policy/address/mac"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
)

// auto in place of a list leaves the choice to the controller.
const auto = "auto"

// Limits of what is judged. The flat network has none, but no list that is meant
// comes near either: its documentation speaks of 14 addresses.
const (
	maxAnnotationBytes = 64 << 10
	maxEntries         = 1000
)

// Request is what a pod asks of the flat network of one generation.
type Request struct {
	Generation Generation
	IPs, MACs  List
	// Subnet is the name as written, empty where none is given.
	Subnet string
	// SubnetGiven says that the annotation is there, perhaps empty.
	SubnetGiven bool
	// Faults stand in the order of the annotations (ip, mac, subnet), and within one
	// by their offsets.
	Faults []Fault
}

// List is one of the two lists of addresses, or what stands in place of it.
type List struct {
	// Annotation is the key.
	Annotation string
	// Given says that the annotation is there, and Empty that it says nothing.
	Given, Empty bool
	// Auto says that the controller chooses: the annotation is auto, empty or absent.
	Auto bool
	// Entries are the addresses one by one, faulty ones among them. There are none
	// where Auto is set, and in a value that cannot be taken apart.
	Entries []Entry
}

// Entry is one address of a list: an IP or a MAC address.
type Entry struct {
	Text string
	// Offset is where Text begins in the annotation's value, in bytes.
	Offset int
	// IP or MAC is what Text means; zero where a fault that is not softened says that
	// it means nothing, or nothing that an interface can have. An IPv4 address in the
	// form of IPv6 is the IPv4 address.
	IP  netip.Addr
	MAC mac.Address
}

// Parse reads the annotations of one generation: ip and mac as
// CheckPodAnnotationIPs and CheckPodAnnotationMACs of rancher-flat-network
// (pkg/common/common.go) and as isSingleIP and isMultipleIP of V1 do. Without any of
// the three annotations there is no request: nil.
func Parse(g Generation, annotations map[string]string) *Request {
	ip, ipGiven := annotations[g.IPAnnotation()]
	macs, macGiven := annotations[g.MACAnnotation()]
	subnet, subnetGiven := annotations[g.SubnetAnnotation()]
	if !ipGiven && !macGiven && !subnetGiven {
		return nil
	}
	r := &Request{Generation: g, Subnet: subnet, SubnetGiven: subnetGiven}
	r.IPs = r.readList(listOf(g.IPAnnotation(), ip, ipGiven), ip, ipGrammar)
	r.MACs = r.readList(listOf(g.MACAnnotation(), macs, macGiven), macs, macGrammar)
	r.compare()
	r.checkSubnet()
	r.checkPresence()
	order := g.Annotations()
	slices.SortStableFunc(r.Faults, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(slices.Index(order, a.Annotation), slices.Index(order, b.Annotation)), cmp.Compare(a.Offset, b.Offset))
	})
	return r
}

func listOf(annotation, value string, given bool) List {
	return List{Annotation: annotation, Given: given, Empty: given && value == "", Auto: value == "" || value == auto}
}

// tooLarge is the fault of a value or list beyond the limits.
func tooLarge(n, most int, what, remedy string) Fault {
	return Fault{
		Problem: ProblemSyntax, Detail: fmt.Sprintf("is too large to be checked: %d %s", n, what),
		Want: fmt.Sprintf("up to %d %s", most, what), Remedy: remedy,
	}
}

// readList takes a value apart and reads each of its addresses.
func (r *Request) readList(l List, value string, grammar *grammar) List {
	if l.Auto {
		return l
	}
	start, text := 0, value
	if r.Generation == V2 {
		text = strings.TrimSpace(value)
		start = strings.Index(value, text)
	}
	if f := grammar.readWhole(r.Generation, l.Annotation, value, text); f.Detail != "" {
		f.Problem, f.Annotation = ProblemSyntax, l.Annotation
		r.add(f)
		return l
	}
	remedy := ""
	texts := strings.Split(text, "-")
	for i, text := range texts {
		e := Entry{Text: text, Offset: start}
		start += len(text) + 1
		f := grammar.readEntry(r.Generation, &e, i, len(texts))
		if f.Problem == ProblemSyntax {
			if remedy == "" {
				remedy = grammar.remedy(r.Generation, l.Annotation, value)
			}
			f.Want, f.Remedy = grammar.want, remedy
		}
		if f.Detail != "" {
			f.Annotation, f.Offset, f.Value = l.Annotation, e.Offset, text
			if len(texts) > 1 {
				f.Position = i + 1
			}
			r.add(f)
		}
		l.Entries = append(l.Entries, e)
	}
	r.findDuplicates(&l)
	return l
}

// findDuplicates compares the addresses by their meaning.
func (r *Request) findDuplicates(l *List) {
	type address struct {
		ip  netip.Addr
		mac mac.Address
	}
	first := map[address]int{}
	for i, e := range l.Entries {
		a := address{e.IP, e.MAC}
		if a == (address{}) {
			continue
		}
		before, again := first[a]
		if !again {
			first[a] = i
			continue
		}
		r.add(Fault{
			Problem: ProblemDuplicate, Annotation: l.Annotation, Position: i + 1, Offset: e.Offset, Value: e.Text,
			Detail: fmt.Sprintf("is the same as address %d, %s", before+1, quote.Value(l.Entries[before].Text)),
			Want:   "each address once",
			Remedy: "leave it out, and name one address for each pod",
		})
	}
}

// compare holds the two lists against each other.
func (r *Request) compare() {
	ips, macs := len(r.IPs.Entries), len(r.MACs.Entries)
	if macs == 0 || r.Unreadable(&r.IPs) || r.Unreadable(&r.MACs) {
		return
	}
	switch {
	case ips > 0 && ips != macs:
		r.add(Fault{
			Problem: ProblemCount, Annotation: r.MACs.Annotation,
			Detail: fmt.Sprintf("has %s, and %s has %s", counted(macs, "MAC address"), r.IPs.Annotation, counted(ips, "IP address")),
			Want:   "as many MAC as IP addresses, or " + auto + " in place of one of the lists",
			Remedy: "name as many of each, or write " + r.MACs.Annotation + `: "` + auto + `"`,
		})
	case r.Generation == V1 && r.IPs.Given && !r.IPs.Empty && r.Subnet != "" && ips <= 1:
		// macvlanip.go of v0.3.0, lines 61 to 79: it reads MAC addresses only beside
		// two or more IP addresses, and only where there is a - between them.
		r.add(Fault{
			Problem: ProblemIgnored, Annotation: r.MACs.Annotation, Softened: true,
			Detail: "is ignored by the controller of version v0.3.0, which accepts MAC addresses only with two or more IP addresses",
			Want:   "as many MAC as IP addresses, two or more",
			Remedy: "make sure that the controller is newer, or name two or more IP addresses and as many MAC addresses",
		})
	}
}

func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ses", n, noun)
}

// Unreadable says that nothing is known of a list's length.
func (r *Request) Unreadable(l *List) bool { return r.has(l.Annotation, ProblemSyntax, false) }

// has says whether an annotation has a fault of a kind, a softened one or another.
func (r *Request) has(annotation string, p Problem, softened bool) bool {
	return slices.ContainsFunc(r.Faults, func(f Fault) bool {
		return f.Annotation == annotation && f.Problem == p && f.Softened == softened
	})
}

const wantSubnet = "the name of a subnet, without its namespace: up to 63 lower case letters, digits, - and dots"

// checkSubnet judges the name of the subnet by itself.
func (r *Request) checkSubnet() {
	f := Fault{Annotation: r.Generation.SubnetAnnotation(), Value: r.Subnet, Want: wantSubnet,
		Remedy: "write the name of a " + r.Generation.SubnetKind() + " in namespace " + r.Generation.SubnetNamespace()}
	switch {
	case r.Subnet == "":
		return
	case len(r.Subnet) > maxAnnotationBytes:
		f = tooLarge(len(r.Subnet), maxAnnotationBytes, "bytes", f.Remedy)
		f.Annotation = r.Generation.SubnetAnnotation()
	case strings.Contains(r.Subnet, "/"):
		f.Problem, f.Detail = ProblemSyntax, "has a / in it"
	case strings.TrimSpace(r.Subnet) != r.Subnet:
		f.Problem, f.Detail = ProblemSyntax, "has white space around it"
	case len(validation.IsDNS1123Subdomain(r.Subnet)) > 0:
		f.Problem, f.Detail = ProblemSyntax, "is not the name of an object"
	case len(r.Subnet) > validation.LabelValueMaxLength:
		f.Problem, f.Detail = ProblemLabel, fmt.Sprintf("has %d bytes, and the controller writes it into a label", len(r.Subnet))
		f.Remedy = "give the subnet a name of up to 63 bytes"
	default:
		return
	}
	r.add(f)
}

// checkPresence finds what is missing for the controller to see the pod at all: V1
// (isMacvlanPod) looks for the keys ip and subnet, V2 (IsPodEnabledFlatNetwork) for a
// value of both.
func (r *Request) checkPresence() {
	g := r.Generation
	noIP := Fault{
		Problem: ProblemNoIP, Annotation: g.IPAnnotation(), Want: auto + ", or a list of addresses",
		Remedy: "write " + g.IPAnnotation() + `: "` + auto + `", or the addresses`,
	}
	switch {
	case r.Subnet == "":
	case !r.IPs.Given:
		noIP.Annotation, noIP.Value = g.SubnetAnnotation(), r.Subnet
		noIP.Detail = "is set without " + g.IPAnnotation() + ", and the controller gives addresses only to pods with both"
		r.add(noIP)
	case r.IPs.Empty && g == V2:
		noIP.Detail = "is empty, and the controller ignores such a pod, whose CNI plugin waits for an address in vain"
		r.add(noIP)
	case r.IPs.Empty:
		noIP.Detail, noIP.Softened = "is empty, which the controller of version v0.3.0 rejects", true
		r.add(noIP)
	}
	asking := &r.IPs
	if !asking.Given || asking.Empty {
		asking = &r.MACs
	}
	if r.Subnet != "" || !asking.Given || asking.Empty {
		return
	}
	f := Fault{
		Problem: ProblemNoSubnet, Annotation: asking.Annotation, Detail: "is set without " + g.SubnetAnnotation(), Want: wantSubnet,
		Remedy: "name the subnet of the addresses in " + g.SubnetAnnotation(),
	}
	if r.SubnetGiven {
		f.Annotation, f.Detail = g.SubnetAnnotation(), "is empty, although the pod has "+asking.Annotation
	}
	r.add(f)
}

// LooksLikeRange says that the list of IP addresses is one of two that may have been
// meant as the first and the last of a range: they lie near each other (in one /24,
// or /112 of IPv6) with others between, and no two MAC addresses go with them. The
// flat network knows no ranges.
func (r *Request) LooksLikeRange() bool {
	if len(r.IPs.Entries) != 2 || len(r.MACs.Entries) == 2 {
		return false
	}
	first, last := r.IPs.Entries[0].IP, r.IPs.Entries[1].IP
	if !first.IsValid() || !last.IsValid() || first.BitLen() != last.BitLen() {
		return false
	}
	bits := 24
	if first.Is6() {
		bits = 112
	}
	near := netip.PrefixFrom(first, bits).Masked()
	return near.Contains(last) && first.Next().Less(last)
}

// Ignores says whether some versions of the controller ignore a list.
func (r *Request) Ignores(l *List) bool { return r.has(l.Annotation, ProblemIgnored, true) }

// Void says whether the annotations are all there is: none of them has a value.
func (r *Request) Void() bool {
	empty := func(l *List) bool { return !l.Given || l.Empty }
	return empty(&r.IPs) && empty(&r.MACs) && r.Subnet == ""
}

// SubnetNamed says whether the annotation names a subnet that there may be.
func (r *Request) SubnetNamed() bool {
	return r.Subnet != "" && !r.has(r.Generation.SubnetAnnotation(), ProblemSyntax, false)
}
