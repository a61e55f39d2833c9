package flatnetwork

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/macvlan-webhook/macvlan-webhook/policy/address/mac"
)

// ask makes the annotations of one generation; "-" stands for one that is absent.
func ask(g Generation, ip, macs, subnet string) map[string]string {
	annotations := map[string]string{}
	for i, value := range []string{ip, macs, subnet} {
		if value != "-" {
			annotations[g.Annotations()[i]] = value
		}
	}
	return annotations
}

// brief is a fault in one line: which annotation and address, where, and in what way.
func brief(f Fault) string {
	soft := ""
	if f.Softened {
		soft = "~"
	}
	_, key, _ := strings.Cut(f.Annotation, "/")
	return fmt.Sprintf("%s%s %s[%d]@%d %s", soft, f.Problem, key, f.Position, f.Offset, f.Detail)
}

func briefs(r *Request) []string {
	var out []string
	for _, f := range r.Faults {
		out = append(out, brief(f))
	}
	return out
}

const (
	mac1, mac2 = "02:00:00:00:00:01", "02:00:00:00:00:02"

	between  = "syntax mac[0]@0 is split at each -, which separates addresses"
	noRanges = "is not an address: there are no ranges, write each address in full"
	labelled = `is written into a label as "fd00..", which Kubernetes refuses`
	ignored  = "~ignored mac[0]@0 is ignored by the controller of version v0.3.0, which accepts MAC addresses only with two or more IP addresses"
	inVain   = "no-ip ip[0]@0 is empty, and the controller ignores such a pod, whose CNI plugin waits for an address in vain"
)

func TestParse(t *testing.T) {
	both := Generations[:]
	v1, v2 := []Generation{V1}, []Generation{V2}
	tests := []struct {
		of              []Generation
		ip, mac, subnet string
		want            []string
	}{
		// Grammar.
		{both, "auto", "auto", "a", nil},
		{both, "auto", "", "a", nil},
		{both, "10.0.0.5", "-", "a.b-c", nil},
		{both, "10.0.0.5-10.0.0.6", mac1 + "-" + mac2, "a", nil},
		{both, "10.0.0.5-10.0.0.6", "auto", "a", nil},
		{v2, "auto", mac1, "a", nil},
		{v2, "auto", mac1 + "-" + mac2, "a", nil},
		{v2, "10.0.0.5", mac1, "a", nil},
		{v2, " 10.0.0.5-10.0.0.6\n", "\t" + mac1 + "-" + mac2, "a", nil},
		{v2, "fd00::5-::ffff:10.0.0.5", "-", "a", nil},
		{both, "172.20.104.2-172.20.104.20", "-", "a", nil},
		{v2, "auto", "02-00-00-00-00-01", "a", []string{between}},
		{v2, "auto", "02-00-00-00-00-01-02-00-00-00-00-02", "a", []string{between}},
		{v2, "auto", "AA:BB:CC:DD:EE:0F", "a", nil},
		{v2, "auto", "0200.0000.0001", "a", nil},
		{v2, "auto", "0200.0000.0001-02:00:00:00:00:01", "a", []string{`duplicate mac[2]@15 is the same as address 1, "0200.0000.0001"`}},

		// What is no IP address.
		{both, "10.0.0.5,10.0.0.6", "-", "a", []string{"syntax ip[0]@0 has a comma in it"}},
		{both, "10.0.0.5，10.0.0.6", "-", "a", []string{"syntax ip[0]@0 has a comma in it"}},
		{both, "a;b", "-", "a", []string{"syntax ip[0]@0 has a semicolon in it"}},
		{both, "10.0.0.5 - 10.0.0.6", "-", "a", []string{"syntax ip[1]@0 has white space in it", "syntax ip[2]@10 has white space in it"}},
		{both, "10.0.0.5/24", "-", "a", []string{"syntax ip[0]@0 has a prefix length, which only the subnet has"}},
		{both, "192.168.001.1", "-", "a", []string{"syntax ip[0]@0 has a zero before another digit"}},
		{both, "172.20.40.256", "-", "a", []string{"syntax ip[0]@0 is not an IP address"}},
		{both, "172.20.ss.25", "-", "a", []string{"syntax ip[0]@0 is not an IP address"}},
		{both, "192-168.71.10,", "-", "a", []string{"syntax ip[1]@0 " + noRanges, "syntax ip[2]@4 has a comma in it"}},
		{both, "10.0.0.1-20", "-", "a", []string{"syntax ip[2]@9 " + noRanges}},
		{both, "10.0.0.1--10.0.0.2-", "-", "a", []string{"syntax ip[2]@9 is empty: there is one - too many", "syntax ip[4]@19 is empty: there is one - too many"}},
		{both, "-10.0.0.1", "-", "a", []string{"syntax ip[1]@0 is empty: there is one - too many"}},
		{both, "AUTO", "-", "a", []string{"syntax ip[0]@0 is not an address: auto must be alone, in lower case"}},
		{both, "auto ", "-", "a", []string{"syntax ip[0]@0 is not an address: auto must be alone, in lower case"}},
		{both, "10.0.0.1-auto", "-", "a", []string{"syntax ip[2]@9 is not an address: auto must be alone, in lower case"}},
		{both, "fe80::1%eth0", "-", "a", []string{"syntax ip[0]@0 has a zone, which no address of a pod has"}},
		{both, "  ", "-", "a", []string{"syntax ip[0]@0 is only white space"}},
		{v2, "  10.0.0.5-10.0.0.300", "-", "a", []string{"syntax ip[2]@11 is not an IP address"}},
		{v1, " 10.0.0.5", "-", "a", []string{"syntax ip[0]@0 has white space in it"}},
		{v1, " 10.0.0.5-10.0.0.6", "-", "a", []string{"~syntax ip[1]@0 has white space in it"}},
		{v1, "fd00::5", "-", "a", []string{"syntax ip[0]@0 is an IPv6 address, and subnets of V1 are IPv4"}},
		{v1, "::ffff:10.0.0.5", "-", "a", []string{"~syntax ip[0]@0 is an IPv4 address in the form of IPv6, which V1 finds in no subnet"}},

		// What is no MAC address.
		{v2, "auto", "a:b:c:d:e:f", "a", []string{"syntax mac[0]@0 is not a MAC address"}},
		{v2, "auto", "888888:1a:ff:e5:d8:05", "a", []string{"syntax mac[0]@0 is not a MAC address"}},
		{v2, "auto", "abcdef:123:12", "a", []string{"syntax mac[0]@0 is not a MAC address"}},
		{v2, "auto", "m1;m2", "a", []string{"syntax mac[0]@0 has a semicolon in it"}},
		{v2, "auto", "zz", "a", []string{"syntax mac[0]@0 is not a MAC address"}},
		{v2, "auto", "020000000001", "a", []string{"syntax mac[0]@0 has no separators between its bytes, which controllers built with Go before 1.26 do not accept"}},
		{v2, "auto", mac1 + "-aa", "a", []string{"syntax mac[2]@18 is not an address: addresses are separated by -, the bytes of one by colons"}},

		// What no interface can have.
		{both, "0.0.0.0-127.0.0.1-224.0.0.1-255.255.255.255", "-", "a", []string{
			"not-assignable ip[1]@0 is the unspecified address", "not-assignable ip[2]@8 is a loopback address",
			"not-assignable ip[3]@18 is a multicast address", "not-assignable ip[4]@28 is the broadcast address",
		}},
		{v2, "::1-ff02::1-::ffff:127.0.0.1", "-", "a", []string{
			"not-assignable ip[1]@0 is a loopback address", "not-assignable ip[2]@4 is a multicast address", "not-assignable ip[3]@12 is a loopback address",
		}},
		{v2, "fd00:0:0:0::", "-", "a", []string{"~not-assignable ip[0]@0 " + labelled}},
		{v2, "auto", "01:00:5e:00:00:01-00:00:00:00:00:00-02:00:00:00:00:00:00:01", "a", []string{
			"not-assignable mac[1]@0 is a multicast address", "not-assignable mac[2]@18 is all zeros", "not-assignable mac[3]@36 is not six bytes long",
		}},

		// One against the other.
		{both, "10.0.0.1-10.0.0.2-10.0.0.1", "-", "a", []string{`duplicate ip[3]@18 is the same as address 1, "10.0.0.1"`}},
		{v2, "10.0.0.1-::ffff:10.0.0.1", "-", "a", []string{`duplicate ip[2]@9 is the same as address 1, "10.0.0.1"`}},
		{v2, "auto", "02:00:00:00:00:0A-02:00:00:00:00:0a", "a", []string{`duplicate mac[2]@18 is the same as address 1, "02:00:00:00:00:0A"`}},
		{both, "10.0.0.1", mac1 + "-" + mac2, "a", []string{"count mac[0]@0 has 2 MAC addresses, and %sip has 1 IP address"}},
		{both, "10.0.0.1-10.0.0.2", mac1, "a", []string{"count mac[0]@0 has 1 MAC address, and %sip has 2 IP addresses"}},
		{both, "10.0.0.1,10.0.0.2", mac1 + "-" + mac2, "a", []string{"syntax ip[0]@0 has a comma in it"}},
		{v1, "10.0.0.1", mac1, "a", []string{ignored}},
		{v1, "auto", mac1 + "-" + mac2, "a", []string{ignored}},

		// What is missing.
		{v2, "", "-", "a", []string{inVain}},
		{v1, "", "-", "a", []string{"~no-ip ip[0]@0 is empty, which the controller of version v0.3.0 rejects"}},
		{both, "-", "-", "a", []string{"no-ip subnet[0]@0 is set without %sip, and the controller gives addresses only to pods with both"}},
		{both, "auto", "-", "-", []string{"no-subnet ip[0]@0 is set without %ssubnet"}},
		{both, "10.0.0.5", "-", "", []string{"no-subnet subnet[0]@0 is empty, although the pod has %sip"}},
		{both, "", mac1, "-", []string{"no-subnet mac[0]@0 is set without %ssubnet"}},
		{both, "", "", "", nil},
		{both, "auto", "-", "kube-system/a", []string{"syntax subnet[0]@0 has a / in it"}},
		{both, "auto", "-", " a", []string{"syntax subnet[0]@0 has white space around it"}},
		{both, "auto", "-", "Vlan100", []string{"syntax subnet[0]@0 is not the name of an object"}},
		{both, "auto", "-", strings.Repeat("a", 63), nil},
		{both, "auto", "-", strings.Repeat("a", 64), []string{"label subnet[0]@0 has 64 bytes, and the controller writes it into a label"}},
		{both, "auto", "-", strings.Repeat("a", 254), []string{"syntax subnet[0]@0 is not the name of an object"}},

		// Too much of it.
		{both, strings.Repeat("1", 64<<10+1), "-", "a", []string{"syntax ip[0]@0 is too large to be checked: 65537 bytes"}},
		{both, strings.Repeat("-", 1000), "-", "a", []string{"syntax ip[0]@0 is too large to be checked: 1001 addresses"}},
		{both, "auto", "-", strings.Repeat("a", 64<<10+1), []string{"syntax subnet[0]@0 is too large to be checked: 65537 bytes"}},
	}
	for _, tt := range tests {
		for _, g := range tt.of {
			r := Parse(g, ask(g, tt.ip, tt.mac, tt.subnet))
			var want []string
			for _, w := range tt.want {
				want = append(want, strings.Replace(w, "%s", strings.TrimSuffix(g.IPAnnotation(), "ip"), 1))
			}
			if diff := cmp.Diff(want, briefs(r)); diff != "" {
				t.Errorf("%s, ip %.60q, mac %.60q, subnet %.60q (-want +got):\n%s", g, tt.ip, tt.mac, tt.subnet, diff)
			}
		}
	}
	if r := Parse(V1, ask(V2, "auto", "auto", "a")); r != nil {
		t.Errorf("annotations of V2 are a request of V1: %+v", r)
	}
}

func TestLists(t *testing.T) {
	r := Parse(V2, ask(V2, " 10.0.0.5-x-::ffff:10.0.0.6", "", "a"))
	want := List{Annotation: V2.IPAnnotation(), Given: true, Entries: []Entry{
		{Text: "10.0.0.5", Offset: 1, IP: netip.MustParseAddr("10.0.0.5")},
		{Text: "x", Offset: 10},
		{Text: "::ffff:10.0.0.6", Offset: 12, IP: netip.MustParseAddr("10.0.0.6")},
	}}
	equal := cmp.Comparer(func(a, b netip.Addr) bool { return a == b })
	if diff := cmp.Diff(want, r.IPs, equal); diff != "" {
		t.Errorf("IPs (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(List{Annotation: V2.MACAnnotation(), Given: true, Empty: true, Auto: true}, r.MACs, equal); diff != "" {
		t.Errorf("MACs (-want +got):\n%s", diff)
	}
	r = Parse(V1, ask(V1, "auto", "-", "a"))
	if diff := cmp.Diff([]List{{Annotation: V1.IPAnnotation(), Given: true, Auto: true}, {Annotation: V1.MACAnnotation(), Auto: true}}, []List{r.IPs, r.MACs}, equal); diff != "" {
		t.Errorf("lists (-want +got):\n%s", diff)
	}
}

func TestLooksLikeRange(t *testing.T) {
	tests := []struct {
		ip, mac string
		want    bool
	}{
		{"172.20.104.2-172.20.104.20", "", true},
		{"172.20.104.2-172.20.104.4", "auto", true},
		{"172.20.104.2-172.20.104.3", "", false},
		{"172.20.104.20-172.20.104.2", "", false},
		{"172.20.104.2-172.20.105.20", "", false},
		{"172.20.104.2-172.20.104.20", mac1 + "-" + mac2, false},
		{"172.20.104.2-172.20.104.9-172.20.104.20", "", false},
		{"172.20.104.2", "", false},
		{"auto", "", false},
		{"172.20.104.2-x", "", false},
		{"fd00::1-fd00::20", "", true},
		{"fd00::1-fd00::1:20", "", false},
		{"10.0.0.1-fd00::20", "", false},
	}
	for _, tt := range tests {
		if got := Parse(V2, ask(V2, tt.ip, tt.mac, "a")).LooksLikeRange(); got != tt.want {
			t.Errorf("%q with %q looks like a range: %v, want %v", tt.ip, tt.mac, got, tt.want)
		}
	}
}

func TestFaultMessages(t *testing.T) {
	const ips = "; accepted: IP addresses separated by -, such as 10.1.2.3-10.1.2.4, or auto"
	tests := []struct{ ip, mac, subnet, message, remedy string }{
		{"10.0.0.5, 10.0.0.6", "-", "a", `"10.0.0.5, 10.0.0.6" has a comma in it` + ips, `write flatnetwork.pandaria.io/ip: "10.0.0.5-10.0.0.6"`},
		{"10.0.0.5/24-10.0.0.6/24", "-", "a", `address 1 "10.0.0.5/24" has a prefix length, which only the subnet has` + ips, `write flatnetwork.pandaria.io/ip: "10.0.0.5-10.0.0.6"`},
		{"10.0.0.5-10.0.0.300", "-", "a", `address 2 "10.0.0.300" is not an IP address` + ips, "write each address in full, separated by - only"},
		{"10.0.0.5-8", "-", "a", `address 2 "8" ` + noRanges + ips, `write flatnetwork.pandaria.io/ip: "10.0.0.5-10.0.0.6-10.0.0.7-10.0.0.8"`},
		{"10.0.0.5-4", "-", "a", `address 2 "4" ` + noRanges + ips, "write each address in full, separated by - only"},
		{"10.0.0.5-", "-", "a", `address 2 is empty: there is one - too many` + ips, `write flatnetwork.pandaria.io/ip: "10.0.0.5"`},
		{"Auto", "-", "a", `"Auto" is not an address: auto must be alone, in lower case` + ips, `write flatnetwork.pandaria.io/ip: "auto"`},
		{"fd00::5;fd00::6", "-", "a", `"fd00::5;fd00::6" has a semicolon in it` + ips, `write flatnetwork.pandaria.io/ip: "fd00::5-fd00::6"`},
		{"auto", "02-00-00-00-00-0a", "a", `"02-00-00-00-00-0a" is split at each -, which separates addresses; accepted: ` + macGrammar.want, `write flatnetwork.pandaria.io/mac: "02:00:00:00:00:0a"`},
		{"auto", mac1 + "-020000000002", "a", `address 2 "020000000002" has no separators between its bytes, which controllers built with Go before 1.26 do not accept; accepted: ` + macGrammar.want, `write flatnetwork.pandaria.io/mac: "` + mac1 + "-" + mac2 + `"`},
		{"auto", "01:00:5e:00:00:01", "a", `"01:00:5e:00:00:01" is a multicast address; accepted: unicast addresses of six bytes, the first one even`, "write an even first byte, such as in 02:00:5e:00:00:01"},
		{"auto", "-", "b/a", `"b/a" has a / in it; accepted: ` + wantSubnet, "write the name of a FlatNetworkSubnet in namespace cattle-flat-network"},
		{"auto", "-", "-", `the annotation is set without flatnetwork.pandaria.io/subnet; accepted: ` + wantSubnet, "name the subnet of the addresses in flatnetwork.pandaria.io/subnet"},
	}
	for _, tt := range tests {
		r := Parse(V2, ask(V2, tt.ip, tt.mac, tt.subnet))
		if len(r.Faults) == 0 {
			t.Errorf("ip %q, mac %q, subnet %q: no fault", tt.ip, tt.mac, tt.subnet)
			continue
		}
		if diff := cmp.Diff([]string{tt.message, tt.remedy}, []string{r.Faults[0].Message(), r.Faults[0].Remedy}); diff != "" {
			t.Errorf("ip %q, mac %q, subnet %q (-want +got):\n%s", tt.ip, tt.mac, tt.subnet, diff)
		}
	}
	r := Parse(V2, ask(V2, strings.Repeat("x-", 50)+"0.0.0.0", "-", "a"))
	if n := len(r.Faults); n != maxFaults+1 || r.Faults[maxFaults-1].More != 30 {
		t.Errorf("%d faults, want %d; the last of the kind: %s", n, maxFaults+1, r.Faults[maxFaults-1].Message())
	}
}

// ipAllowed is the whole of what is accepted of an IP address: what netip.ParseAddr
// reads, but for
//
//	a zone                          both
//	IPv6, also of IPv4              V1
//	0.0.0.0 ::                      both
//	loopback, multicast             both
//	255.255.255.255                 both
//	IPv6 that begins or ends in ::  V2
func ipAllowed(g Generation, text string) (netip.Addr, bool) {
	a, err := netip.ParseAddr(text)
	if err != nil || a.Zone() != "" || g == V1 && a.Is6() {
		return netip.Addr{}, false
	}
	a = a.Unmap()
	if a.IsUnspecified() || a.IsLoopback() || a.IsMulticast() || a.String() == "255.255.255.255" {
		return netip.Addr{}, false
	}
	s := a.String()
	return a, g == V1 || !strings.HasPrefix(s, "::") && !strings.HasSuffix(s, "::")
}

// macAllowed is the same of a MAC address: what net.ParseMAC reads, but for
//
//	other lengths than six bytes
//	multicast, nothing but zeros
//	nothing between the bytes
//	a - between the bytes, which no list lets through
func macAllowed(text string) (mac.Address, bool) {
	a, err := net.ParseMAC(text)
	if err != nil || len(a) != 6 || a[0]&1 == 1 || mac.Address(a) == (mac.Address{}) || !strings.ContainsAny(text, ":.") {
		return mac.Address{}, false
	}
	return mac.Address(a), true
}

// checkAgainstOracle parses one address of either kind.
func checkAgainstOracle(t *testing.T, g Generation, text string) (ip, hardware bool) {
	t.Helper()
	if strings.Contains(text, "-") || strings.TrimSpace(text) != text || text == "" || text == auto || len(text) > maxAnnotationBytes {
		return false, false
	}
	a, ip := ipAllowed(g, text)
	r := Parse(g, ask(g, text, "-", "a"))
	if got := len(r.Faults) == 0; got != ip || ip && r.IPs.Entries[0].IP != a {
		t.Errorf("%s, ip %q is accepted: %v, want %v as %s: %q", g, text, got, ip, a, briefs(r))
	}
	m, hardware := macAllowed(text)
	r = Parse(g, ask(g, auto, text, "a"))
	faults := slices.DeleteFunc(r.Faults, func(f Fault) bool { return f.Problem == ProblemIgnored })
	if got := len(faults) == 0; got != hardware || hardware && r.MACs.Entries[0].MAC != m {
		t.Errorf("%s, mac %q is accepted: %v, want %v as %s: %q", g, text, got, hardware, m, briefs(r))
	}
	return ip, hardware
}

func TestAddressesLikeTheStandardLibrary(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	seeds := []string{"10.0.0.5", "192.168.100.254", "fd00::5", "2001:db8:1:2:3:4:5:6", "::ffff:10.0.0.5", "::1", "fd00::", "224.0.0.1",
		mac1, "0200.0000.0001", "020000000001", "01:00:5e:00:00:01", "00:00:00:00:00:00", "02:00:00:00:00:00:00:01", "255.255.255.255", "0.0.0.0", "fe80::1%eth0"}
	const letters = "0123456789abcdefABCDEF:.%/, x"
	ips, macs := 0, 0
	for range 20000 {
		text := []byte(seeds[random.IntN(len(seeds))])
		for range random.IntN(4) {
			at, letter := random.IntN(len(text)), letters[random.IntN(len(letters))]
			switch random.IntN(3) {
			case 0:
				text[at] = letter
			case 1:
				text = slices.Insert(text, at, letter)
			default:
				text = append(slices.Delete(text, at, at+1), letter)
			}
		}
		ip, hardware := checkAgainstOracle(t, Generations[random.IntN(2)], string(text))
		if ip {
			ips++
		}
		if hardware {
			macs++
		}
	}
	if ips < 500 || macs < 500 {
		t.Errorf("%d IP and %d MAC addresses were accepted: too few to prove anything", ips, macs)
	}
}
