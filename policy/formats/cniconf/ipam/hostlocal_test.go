package ipam_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/containernetworking/plugins/plugins/ipam/host-local/backend/allocator"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf/flaw"
)

func TestHostLocalFaults(t *testing.T) {
	tests := []struct{ ipam, want string }{
		{``, `"ipam" has no "subnet" and no "ranges"`},
		{`,"rangeStart":"10.0.0.1"`, `"ipam" has no "subnet" and no "ranges"`},
		{`,"subnet":"10.0.0.0"`, `"ipam.subnet" is "10.0.0.0", which is not a valid CIDR address`},
		{`,"subnet":"10.0.0.0\u001b[2J"`, `"ipam.subnet" is "10.0.0.0\x1b[2J", which is not a valid CIDR address`},
		{`,"subnet":24`, `"ipam.subnet" is a number and must be a string`},
		{`,"subnet":null`, `"ipam.subnet" is "", which is not a valid CIDR address`},
		{`,"subnet":"10.0.0.0/31"`, `"ipam" has the subnet 10.0.0.0/31, which is too small to allocate from`},
		{`,"subnet":"10.0.0.9/24"`, `"ipam" has the subnet 10.0.0.9/24 with host bits set: the network is 10.0.0.0/24`},
		{`,"subnet":"::ffff:10.0.0.0/120"`, `"ipam.subnet" is an IPv4 subnet in the form of IPv6`},
		{`,"subnet":"10.0.0.0/24","rangeStart":"10.0.1.1"`, `"ipam" has the rangeStart 10.0.1.1 outside the subnet 10.0.0.0/24`},
		{`,"subnet":"10.0.0.0/24","rangeEnd":"fd00::1"`, `"ipam" has the rangeEnd fd00::1 outside the subnet 10.0.0.0/24`},
		{`,"subnet":"10.0.0.0/24","rangeStart":"10.0.0.9","rangeEnd":"10.0.0.8"`, `"ipam" has the rangeEnd 10.0.0.8 before its first address 10.0.0.9`},
		{`,"subnet":"10.0.0.0/24","rangeEnd":"10.0.0.0"`, `"ipam" has the rangeEnd 10.0.0.0 before its first address 10.0.0.1`},
		{`,"subnet":"10.0.0.0/24","rangeStart":"10.0.0.255"`, ""},
		{`,"subnet":"10.0.0.0/24","rangeStart":"10.0.0.009"`, `"ipam.rangeStart" is "10.0.0.009", which is not a valid IP address`},
		{`,"subnet":"10.0.0.0/24","rangeEnd":"fe80::1%eth0"`, `"ipam.rangeEnd" is "fe80::1%eth0", which is not a valid IP address`},
		{`,"subnet":"10.0.0.0/24","gateway":5`, `"ipam.gateway" is a number and must be a string`},
		{`,"subnet":"10.0.0.0/24","gateway":"","rangeEnd":null`, ""},
		{`,"subnet":"10.0.0.0/24","routes":[{"dst":"default"}]`, `"ipam.routes[0]" is "default", which is not a valid CIDR address`},
		{`,"subnet":"10.0.0.0/24","dataDir":1`, `"ipam.dataDir" is a number and must be a string`},
		{`,"subnet":"10.0.0.0/24","ranges":[{"subnet":"10.0.0.0/24"}]`, `"ipam.ranges" is an object and must be an array`},
		{`,"ranges":[[]]`, `"ipam.ranges[0]" is an empty set of ranges`},
		{`,"ranges":[[{"rangeStart":"10.0.0.1"}]]`, `"ipam.ranges[0][0]" has no "subnet"`},
		{`,"ranges":[[{"subnet":"10.0.0.0/24"},{"subnet":"10.0.1.0/24","gateway":"x"}]]`, `"ipam.ranges[0][1].gateway" is "x", which is not a valid IP address`},
		{`,"ranges":[[{"subnet":"10.0.0.0/24"},{"subnet":"fd00::/64"}]]`, `"ipam.ranges[0]" mixes IPv4 and IPv6 in one set of ranges`},
		{`,"ranges":[[{"subnet":"10.0.0.0/24"}],[{"subnet":"10.0.0.128/25"}]]`,
			"the ranges 10.0.0.1-10.0.0.254 of 10.0.0.0/24 and 10.0.0.129-10.0.0.254 of 10.0.0.128/25 overlap"},
		{`,"subnet":"10.0.0.0/24","ranges":[[{"subnet":"fd00::/64"}],[{"subnet":"fd00::/65"}]]`,
			"the ranges fd00::1-fd00::7fff:ffff:ffff:ffff of fd00::/65 and fd00::1-fd00::ffff:ffff:ffff:ffff of fd00::/64 overlap"},
	}
	for _, tt := range tests {
		n := cniconf.Compile(cniconf.Source{Config: `{"cniVersion":"1.0.0","type":"macvlan","ipam":{"type":"host-local"` + tt.ipam + `}}`})
		if n.IPAM.Fault() != tt.want || n.Unusable != "" {
			t.Errorf("ipam %s\n got %s (unusable: %q)\nwant %s", tt.ipam, n.IPAM.Fault(), n.Unusable, tt.want)
		}
	}
	old := cniconf.Compile(cniconf.Source{Config: `{"cniVersion":"0.2.0","type":"macvlan","ipam":{"type":"host-local","subnet":"10.0.0.0/24","ranges":[[{"subnet":"10.1.0.0/24"}]]}}`})
	if want := `more than one set of ranges per address family needs cniVersion "0.3.0" or later`; old.IPAM.Fault() != want {
		t.Errorf("cniVersion 0.2.0\n got %s\nwant %s", old.IPAM.Fault(), want)
	}
}

// What a main plugin fills in on the node is not judged before.
func TestIPAMCompletedOnTheNode(t *testing.T) {
	for _, ipam := range []string{`"host-local"`, `"host-local","subnet":"usePodCidr"`, `"host-local","subnet":"10.0.0.0/24"`, `"static","addresses":7`} {
		for plugin, judged := range map[string]bool{"calico": false, "flannel": false, "ipvlan": true, "bridge": true, "host-device": true} {
			n := cniconf.Compile(cniconf.Source{Config: fmt.Sprintf(`{"cniVersion":"0.3.1","type":%q,"ipam":{"type":%s}}`, plugin, ipam)})
			set := n.AddressSet()
			if got := n.IPAM.Fault() != "" || !set.Empty(); got != judged || n.Unusable != "" {
				t.Errorf("%s with %s is judged: %t (fault %q, unusable %q), want %t", plugin, ipam, got, n.IPAM.Fault(), n.Unusable, judged)
			}
			if want, _, _ := strings.Cut(strings.Trim(ipam, `"`), `"`); n.IPAM.Type() != want {
				t.Errorf("%s: IPAM %q, want %q", plugin, n.IPAM.Type(), want)
			}
		}
	}
}

// TestHostLocalAgreesWithThePlugin compares the verdict with that of host-local's
// own code on random configs that are mostly nearly right. What only older versions take
// is no fault, and refused by this one.
func TestHostLocalAgreesWithThePlugin(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	pick := func(values ...string) string { return values[random.IntN(len(values))] }
	field := func(r map[string]any, key string, values ...string) {
		switch v := pick(values...); v {
		case "-":
		case "null":
			r[key] = nil
		case "5":
			r[key] = 5
		default:
			r[key] = v
		}
	}
	addresses := []string{"-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "10.0.0.0", "10.0.0.7", "10.0.0.15", "10.0.0.255", "10.0.1.9", "fd00::9", "::ffff:10.0.0.8", "", "x", "null", "5"}
	fill := func(r map[string]any, subnets ...string) map[string]any {
		field(r, "subnet", subnets...)
		field(r, "rangeStart", addresses...)
		field(r, "rangeEnd", addresses...)
		field(r, "gateway", addresses...)
		return r
	}
	subnets := []string{
		"10.0.0.0/24", "10.0.0.0/24", "10.0.0.0/28", "10.0.0.0/30", "10.0.1.0/24", "10.0.2.0/24", "10.0.0.128/25",
		"fd00::/64", "fd00::/120", "fd00:1::/64", "10.0.0.0/31", "10.0.0.1/24", "::ffff:10.0.0.0/120", "0.0.0.0/0", "::/0", "x", "null", "-",
	}
	accepted, refused := 0, 0
	for range 8000 {
		ipam := map[string]any{"type": "host-local"}
		if random.IntN(2) == 0 {
			fill(ipam, subnets...)
		}
		if random.IntN(2) == 0 {
			sets := []any{}
			for range random.IntN(3) {
				set := []any{}
				for range random.IntN(3) {
					set = append(set, fill(map[string]any{}, subnets[:len(subnets)-random.IntN(8)]...))
				}
				sets = append(sets, set)
			}
			ipam["ranges"] = sets
		}
		if random.IntN(4) == 0 {
			route := map[string]any{}
			field(route, "dst", "0.0.0.0/0", "10.0.0.1/8", "x", "null", "5")
			field(route, "gw", "-", "10.0.0.1", "x", "null", "5")
			ipam["routes"] = []any{nil, route}
		}
		conf, err := json.Marshal(map[string]any{
			"cniVersion": pick("", "0.2.0", "0.3.0", "1.0.0", "1.1.0", "nonsense"), "name": "a", "type": "macvlan", "ipam": ipam,
		})
		if err != nil {
			t.Fatal(err)
		}
		_, _, refusal := allocator.LoadIPAMConfig(conf, "")
		n := cniconf.Compile(cniconf.Source{Config: string(conf)})
		if n.Unusable != "" {
			t.Fatalf("%s: %s", conf, n.Unusable)
		}
		dated := datedIn(n)
		if (refusal != nil) != (n.IPAM.Fault() != "" || dated.Path != nil) {
			t.Errorf("%s\nhost-local: %v\nhere: %q, %q", conf, refusal, n.IPAM.Fault(), dated.Text)
		}
		if refusal == nil {
			accepted++
		} else {
			refused++
		}
	}
	// A comparison of refusals only, or of none, would prove nothing.
	if accepted < 500 || refused < 500 {
		t.Errorf("%d accepted and %d refused: the generator has lost its balance", accepted, refused)
	}
}

// datedIn is the flaw of a network that only newer versions of host-local refuse; empty
// without one.
func datedIn(n *cniconf.Network) flaw.Flaw {
	for _, f := range n.Flaws() {
		if f.Kind == flaw.Gateway {
			return f
		}
	}
	return flaw.Flaw{}
}

func TestHostLocalDated(t *testing.T) {
	const (
		later = ", which host-local refuses from version 1.10.0 on"
		then  = "; then delete and recreate the pods of this network before a node gets host-local 1.10.0"
	)
	tests := []struct{ ipam, path, text, want string }{
		{`"subnet":"10.1.0.0/24"`, "", "", ""},
		{`"subnet":"10.1.0.0/24","gateway":"10.1.0.255"`, "", "", ""},
		{`"gateway":"10.2.0.1","ranges":[[{"subnet":"10.1.0.0/24"}]]`, "", "", ""},
		{`"subnet":"10.1.0.0/24","gateway":"10.2.0.1"`, "[ipam gateway]", `"gateway" "10.2.0.1" is outside the subnet 10.1.0.0/24` + later,
			"write a gateway within 10.1.0.0/24, or remove it (default: 10.1.0.1)" + then},
		{`"ranges":[[{"subnet":"fd00::/64","gateway":"fe80::1"}]]`, "[ipam ranges 0 0 gateway]", `"gateway" "fe80::1" is outside the subnet fd00::/64` + later,
			"write a gateway within fd00::/64, or remove it (default: fd00::1)" + then},
		{`"subnet":"10.3.0.0/24","ranges":[[{"subnet":"10.1.0.0/24"},{"subnet":"10.2.0.0/24","gateway":"fd00::1"}],[{"subnet":"fd00::/64","gateway":"10.1.0.1"}]]`,
			"[ipam ranges 0 1 gateway]", `"gateway" "fd00::1" is outside the subnet 10.2.0.0/24 (likewise in 1 more range)` + later,
			"write a gateway within 10.2.0.0/24, or remove it (default: 10.2.0.1)" + then},
		{`"ranges":[[{"subnet":"10.1.0.0/24","rangeStart":"10.1.0.255"}]]`, "[ipam ranges 0 0 rangeStart]",
			`"rangeStart" "10.1.0.255" is the broadcast address of 10.1.0.0/24, and there is no "rangeEnd"` + later,
			"write a rangeStart up to 10.1.0.254, or remove it (default: 10.1.0.1)" + then},
		{`"subnet":"10.1.0.0/24","rangeStart":"10.1.0.255","rangeEnd":"10.1.0.255"`, "", "", ""},
		{`"subnet":"fd00::/64","rangeStart":"fd00::ffff:ffff:ffff:ffff"`, "", "", ""},
	}
	for _, tt := range tests {
		n := cniconf.Compile(cniconf.Source{Config: `{"cniVersion":"1.0.0","name":"a","type":"macvlan","ipam":{"type":"host-local",` + tt.ipam + `}}`})
		got, path := datedIn(n), ""
		if got.Path != nil {
			path = fmt.Sprint(got.Path)
		}
		if path != tt.path || got.Text != tt.text || got.Want != tt.want || n.IPAM.Fault() != "" || n.FailsAll() != "" {
			t.Errorf("%s\n got %s %+v (fault: %q, %q)\nwant %s %q %q", tt.ipam, path, got, n.IPAM.Fault(), n.FailsAll(), tt.path, tt.text, tt.want)
		}
	}
}

// TestHostLocalDatedAgreesWithThePlugin compares every combination of the values that
// matter, in every place of a range: what is said to be dated is refused by host-local
// 1.10.0 for just that, and without the value it is taken.
func TestHostLocalDatedAgreesWithThePlugin(t *testing.T) {
	values := map[string]struct{ gateways, starts, ends []string }{
		"10.1.0.0/24": {
			[]string{"", "10.1.0.0", "10.1.0.1", "10.1.0.9", "10.1.0.255", "::ffff:10.1.0.1", "10.0.255.255", "10.1.1.0", "::ffff:10.2.0.1", "0.0.0.0", "fd00::1", "fe80::1"},
			[]string{"", "10.1.0.0", "10.1.0.1", "10.1.0.254", "10.1.0.255", "::ffff:10.1.0.255", "10.1.1.0", "fd00::1"},
			[]string{"", "10.1.0.0", "10.1.0.9", "10.1.0.254", "10.1.0.255", "10.1.1.0"},
		},
		"10.1.0.0/30": {
			[]string{"", "10.1.0.0", "10.1.0.2", "10.1.0.3", "10.1.0.4"},
			[]string{"", "10.1.0.0", "10.1.0.2", "10.1.0.3", "10.1.0.4"},
			[]string{"", "10.1.0.2", "10.1.0.3"},
		},
		"0.0.0.0/0": {
			[]string{"", "0.0.0.0", "255.255.255.255", "::", "fd00::1"},
			[]string{"", "0.0.0.0", "255.255.255.254", "255.255.255.255"},
			[]string{"", "255.255.255.255"},
		},
		"fd00:1::/64": {
			[]string{"", "fd00:1::", "fd00:1::1", "fd00:1::ffff:ffff:ffff:ffff", "fd00:1:0:1::", "fe80::1", "::", "10.1.0.1", "::ffff:10.1.0.1"},
			[]string{"", "fd00:1::", "fd00:1::9", "fd00:1::ffff:ffff:ffff:ffff", "fd00:1:0:1::"},
			[]string{"", "fd00:1::", "fd00:1::99", "fd00:1::ffff:ffff:ffff:ffff"},
		},
		"fd00:1::/126": {
			[]string{"", "fd00:1::3", "fd00:1::4"},
			[]string{"", "fd00:1::2", "fd00:1::3", "fd00:1::4"},
			[]string{"", "fd00:1::3"},
		},
	}
	type m = map[string]any
	places := map[string]func(r m, other string) m{
		"alone":         func(r m, _ string) m { return r },
		"in a set":      func(r m, _ string) m { return m{"ranges": []any{[]any{r}}} },
		"second in set": func(r m, other string) m { return m{"ranges": []any{[]any{m{"subnet": other}, r}}} },
		"second set":    func(r m, other string) m { return m{"ranges": []any{[]any{m{"subnet": other}}, []any{r}}} },
		"behind direct": func(r m, other string) m { return m{"subnet": other, "ranges": []any{[]any{r}}} },
	}
	counts := map[string]int{}
	verdict := func(ipam m) (string, *cniconf.Network, error) {
		ipam["type"] = "host-local"
		conf, err := json.Marshal(m{"cniVersion": "1.0.0", "name": "a", "type": "macvlan", "ipam": ipam})
		if err != nil {
			t.Fatal(err)
		}
		_, _, refusal := allocator.LoadIPAMConfig(conf, "")
		return string(conf), cniconf.Compile(cniconf.Source{Config: string(conf)}), refusal
	}
	each := func(subnet, gateway, start, end string) {
		other := "192.168.0.0/24"
		if strings.Contains(subnet, ":") {
			other = "fd00:9::/64"
		}
		for name, place := range places {
			// Two networks that hold every address overlap.
			if subnet == "0.0.0.0/0" && !strings.HasPrefix(name, "alone") && name != "in a set" {
				continue
			}
			r := m{"subnet": subnet}
			for key, value := range map[string]string{"gateway": gateway, "rangeStart": start, "rangeEnd": end} {
				if value != "" {
					r[key] = value
				}
			}
			conf, n, refusal := verdict(place(r, other))
			dated := datedIn(n)
			if n.IPAM.Fault() != "" {
				counts["fault"]++
				if refusal == nil {
					t.Errorf("%s: fault %q, and host-local takes it", conf, n.IPAM.Fault())
				}
				continue
			}
			if dated.Path == nil {
				counts["fine"]++
				if refusal != nil {
					t.Errorf("%s: nothing is said of it, and host-local says %v", conf, refusal)
				}
				continue
			}
			// A range may have both, of which the gateway is said first.
			for dated.Path != nil {
				key := dated.Path[len(dated.Path)-1].(string)
				counts[key]++
				why := map[string]string{"gateway": "gateway .* not in network ", "rangeStart": "RangeStart .* is after RangeEnd "}[key]
				if refusal == nil || !regexp.MustCompile(why).MatchString(refusal.Error()) {
					t.Errorf("%s: %s, and host-local says %v", conf, dated.Text, refusal)
				}
				delete(r, key)
				conf, n, refusal = verdict(place(r, other))
				dated = datedIn(n)
			}
			if refusal != nil || n.IPAM.Fault() != "" {
				t.Errorf("%s: still refused without what was dated: %v, %q", conf, refusal, n.IPAM.Fault())
			}
		}
	}
	for subnet, v := range values {
		for _, gateway := range v.gateways {
			for _, start := range v.starts {
				for _, end := range v.ends {
					each(subnet, gateway, start, end)
				}
			}
		}
	}
	for _, what := range []string{"fine", "fault", "gateway", "rangeStart"} {
		if counts[what] < 50 {
			t.Errorf("%d of %s: too few to say anything", counts[what], what)
		}
	}
	t.Logf("%v", counts)
}

// TestHostLocalManyRanges: a single pair among two thousand is found.
func TestHostLocalManyRanges(t *testing.T) {
	const sets = 2000
	var b strings.Builder
	for i := range sets {
		fmt.Fprintf(&b, `[{"subnet":"10.%d.%d.0/24"}],`, i/250, i%250)
	}
	for last, want := range map[string]string{
		"11.0.0.0/24":  "",
		"10.4.7.64/26": "the ranges 10.4.7.1-10.4.7.254 of 10.4.7.0/24 and 10.4.7.65-10.4.7.126 of 10.4.7.64/26 overlap",
	} {
		n := cniconf.Compile(cniconf.Source{Config: `{"cniVersion":"1.0.0","type":"macvlan","ipam":{"type":"host-local","ranges":[` +
			b.String() + `[{"subnet":"` + last + `"}]]}}`})
		if n.IPAM.Fault() != want || len(n.IPAM.Spans()) != sets+1 {
			t.Errorf("with %s: fault %q, want %q; %d sets of ranges", last, n.IPAM.Fault(), want, len(n.IPAM.Spans()))
		}
	}
}
