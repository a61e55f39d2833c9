package flatnetwork

import (
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/macvlan-webhook/macvlan-webhook/policy/address/mac"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
)

// grammar is what differs between lists of IP and of MAC addresses.
type grammar struct {
	// want says what is accepted.
	want string
	// read reads an address into an entry. The fault has only what it knows; it has no
	// Detail when all is well.
	read func(g Generation, e *Entry, text string) Fault
	// torn says that a whole list is one address in pieces.
	torn func(text string) bool
	// mend puts the pieces of a faulty list together again.
	mend func(pieces []string) []string
}

var (
	ipGrammar = &grammar{
		want: "IP addresses separated by -, such as 10.1.2.3-10.1.2.4, or " + auto,
		read: readIP,
		torn: func(string) bool { return false },
		mend: mendIPs,
	}
	macGrammar = &grammar{
		want: "MAC addresses separated by -, with colons inside, such as 02:00:00:00:00:01-02:00:00:00:00:02, or " + auto,
		read: readMAC,
		torn: tornMAC,
		mend: mendMACs,
	}
)

// separators are what people write between addresses in place of -, with what it is
// called.
var separators = []struct{ characters, name string }{
	{",，、", "a comma"},
	{";；", "a semicolon"},
	{"\t\n\v\f\r \u0085\u00a0\u3000", "white space"},
}

// separated finds characters that stand between addresses in other grammars.
func separated(text string) string {
	for _, s := range separators {
		if strings.ContainsAny(text, s.characters) {
			return "has " + s.name + " in it"
		}
	}
	return ""
}

// readWhole finds what is wrong with a list before it is taken apart; text is its value
// as far as the controller reads it. Annotation and Problem are the caller's.
func (g *grammar) readWhole(of Generation, annotation, value, text string) Fault {
	const fewer = "name as many addresses as there will be pods"
	switch n := strings.Count(value, "-") + 1; {
	case len(value) > maxAnnotationBytes:
		return tooLarge(len(value), maxAnnotationBytes, "bytes", fewer)
	case n > maxEntries:
		return tooLarge(n, maxEntries, "addresses", fewer)
	case strings.TrimSpace(value) == "":
		return Fault{
			Value: value, Detail: "is only white space", Want: g.want,
			Remedy: "write " + annotation + `: "` + auto + `", or the addresses`,
		}
	case g.torn(text):
		return Fault{
			Offset: strings.Index(value, text), Value: text, Detail: "is split at each -, which separates addresses",
			Want: g.want, Remedy: g.remedy(of, annotation, value),
		}
	}
	return Fault{}
}

// readEntry reads the text of an entry, the n-th of many from 0; the fault has no Detail
// when all is well.
func (g *grammar) readEntry(of Generation, e *Entry, n, many int) Fault {
	f := g.read(of, e, e.Text)
	if of != V1 || many == 1 {
		return f
	}
	// Of a list the later releases of V1 remove the spaces around it, of a single address
	// they do not.
	bare := e.Text
	switch n {
	case 0:
		bare = strings.TrimLeft(bare, " ")
	case many - 1:
		bare = strings.TrimRight(bare, " ")
	}
	if bare != e.Text {
		again := g.read(of, e, bare)
		f.Softened = again.Detail == "" || again.Softened
	}
	return f
}

func syntax(detail string) Fault { return Fault{Problem: ProblemSyntax, Detail: detail} }

// misread finds what is no address of either kind.
func misread(text string) string {
	switch {
	case text == "":
		return "is empty: there is one - too many"
	case strings.EqualFold(strings.TrimSpace(text), auto):
		return "is not an address: " + auto + " must be alone, in lower case"
	default:
		return separated(text)
	}
}

func readIP(g Generation, e *Entry, text string) Fault {
	if detail := misread(text); detail != "" {
		return syntax(detail)
	}
	a, err := netip.ParseAddr(text)
	switch {
	case strings.Contains(text, "/"):
		return syntax("has a prefix length, which only the subnet has")
	case strings.Contains(text, "%"):
		return syntax("has a zone, which no address of a pod has")
	case err != nil && len(text) <= 3 && strings.Trim(text, "0123456789") == "":
		return syntax("is not an address: there are no ranges, write each address in full")
	case err != nil && leadingZero(text):
		return syntax("has a zero before another digit")
	case err != nil:
		return syntax("is not an IP address")
	case g == V1 && a.Is6() && !a.Is4In6():
		return syntax("is an IPv6 address, and subnets of V1 are IPv4")
	}
	mapped := a.Is4In6()
	a = a.Unmap()
	if detail := unassignable(a); detail != "" {
		return Fault{
			Problem: ProblemNotAssignable, Detail: detail, Want: "addresses that a pod can have in its subnet",
			Remedy: "name an address of the subnet, or leave the choice to the controller: " + auto,
		}
	}
	e.IP = a
	if g == V1 && mapped {
		return Fault{Problem: ProblemSyntax, Softened: true, Detail: "is an IPv4 address in the form of IPv6, which V1 finds in no subnet"}
	}
	// V2 writes the address that it gives into the label selectedIP.
	if label := strings.ReplaceAll(a.String(), ":", "."); g == V2 && strings.Trim(label, ".") != label {
		return Fault{
			Problem: ProblemNotAssignable, Softened: true, Want: "addresses that neither begin nor end with ::",
			Detail: "is written into a label as " + quote.Value(label) + ", which Kubernetes refuses",
			Remedy: "name an address that neither begins nor ends with ::",
		}
	}
	return Fault{}
}

// leadingZero says that an IPv4 address would be one but for zeros in front of its
// numbers, which could make them octal.
func leadingZero(text string) bool {
	parts := strings.Split(text, ".")
	for i, part := range parts {
		if trimmed := strings.TrimLeft(part, "0"); part != "" {
			parts[i] = trimmed
			if trimmed == "" {
				parts[i] = "0"
			}
		}
	}
	_, err := netip.ParseAddr(strings.Join(parts, "."))
	return err == nil
}

// unassignable says why no interface can have an address.
func unassignable(a netip.Addr) string {
	switch {
	case a.IsUnspecified():
		return "is the unspecified address"
	case a.IsLoopback():
		return "is a loopback address"
	case a.IsMulticast():
		return "is a multicast address"
	case a == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return "is the broadcast address"
	default:
		return ""
	}
}

func readMAC(_ Generation, e *Entry, text string) Fault {
	if detail := misread(text); detail != "" {
		return syntax(detail)
	}
	parsed, err := net.ParseMAC(text)
	a, fault := mac.Parse(text)
	switch {
	case hexDigits(text, 2):
		return syntax("is not an address: addresses are separated by -, the bytes of one by colons")
	// net.ParseMAC reads bare digits since Go 1.26 only.
	case !strings.ContainsAny(text, ":."):
		if hexDigits(text, 12) {
			return syntax("has no separators between its bytes, which controllers built with Go before 1.26 do not accept")
		}
		return syntax("is not a MAC address")
	case err != nil:
		return syntax(fault)
	case fault != "":
		f := Fault{
			Problem: ProblemNotAssignable, Detail: fault, Want: "unicast addresses of six bytes, the first one even",
			Remedy: "write six bytes, the first one even; 02 as the first byte marks an address of your own making",
		}
		if len(parsed) == 6 && parsed[0]&1 != 0 {
			// The same address for one interface, of one's own making.
			parsed[0] = parsed[0]&^1 | 2
			f.Remedy = "write an even first byte, such as in " + parsed.String()
		}
		return f
	}
	e.MAC = a
	return Fault{}
}

// hexDigits says that text is n hexadecimal digits.
func hexDigits(text string, n int) bool {
	return len(text) == n && strings.Trim(text, "0123456789abcdefABCDEF") == ""
}

// tornMAC recognises addresses with a - between their bytes.
func tornMAC(text string) bool {
	pieces := strings.Split(text, "-")
	if len(pieces)%6 != 0 {
		return false
	}
	for _, piece := range pieces {
		if !hexDigits(piece, 2) {
			return false
		}
	}
	return true
}

// maxRemedy is how long a list may be to be shown in a remedy, in bytes: 14 MAC
// addresses have 251.
const maxRemedy = 253

// remedy shows the list as it was probably meant, where that can be told and shown, or
// says in words how to write one.
func (g *grammar) remedy(of Generation, annotation, value string) string {
	pieces := strings.FieldsFunc(value, func(r rune) bool {
		return r == '-' || unicode.IsSpace(r) || separated(string(r)) != ""
	})
	if len(pieces) == 1 && strings.EqualFold(pieces[0], auto) {
		return "write " + annotation + `: "` + auto + `"`
	}
	pieces = g.mend(pieces)
	if meant := strings.Join(pieces, "-"); meant != "" && len(meant) <= maxRemedy && g.reads(of, pieces) {
		return "write " + annotation + `: "` + meant + `"`
	}
	return "write each address in full, separated by - only"
}

// reads says whether all is well with each address.
func (g *grammar) reads(of Generation, pieces []string) bool {
	return !slices.ContainsFunc(pieces, func(piece string) bool {
		f := g.read(of, &Entry{}, piece)
		return f.Detail != ""
	})
}

// mendIPs takes the prefix lengths away, and names each address of a range whose end is
// given by its last number alone.
func mendIPs(pieces []string) []string {
	var mended []string
	var before netip.Addr
	for _, piece := range pieces {
		a, err := netip.ParseAddr(piece)
		if p, none := netip.ParsePrefix(piece); none == nil {
			a, err = p.Addr(), nil
		}
		if err == nil {
			before = a.Unmap()
			mended = append(mended, before.String())
			continue
		}
		last, err := strconv.ParseUint(piece, 10, 8)
		if err != nil || !before.Is4() || uint8(last) <= before.As4()[3] || uint8(last)-before.As4()[3] > mostWrittenOut {
			return pieces
		}
		for before.As4()[3] < uint8(last) {
			before = before.Next()
			mended = append(mended, before.String())
		}
	}
	// What was written twice was not meant twice.
	var once []string
	for _, a := range mended {
		if !slices.Contains(once, a) {
			once = append(once, a)
		}
	}
	return once
}

// mostWrittenOut is how long a range may be whose addresses are named one by one: no
// longer than a list may be.
const mostWrittenOut = 13

// mendMACs joins bytes that were torn apart, and puts colons where there are none.
func mendMACs(pieces []string) []string {
	var mended []string
	for len(pieces) > 0 {
		if len(pieces) >= 6 && tornMAC(strings.Join(pieces[:6], "-")) {
			mended = append(mended, strings.Join(pieces[:6], ":"))
			pieces = pieces[6:]
			continue
		}
		piece := pieces[0]
		if hexDigits(piece, 12) {
			piece = strings.Join([]string{piece[:2], piece[2:4], piece[4:6], piece[6:8], piece[8:10], piece[10:]}, ":")
		}
		mended, pieces = append(mended, piece), pieces[1:]
	}
	return mended
}
