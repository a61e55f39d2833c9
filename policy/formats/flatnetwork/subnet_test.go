package flatnetwork

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// compile reads a subnet of a JSON spec in the namespace of its generation.
func compile(t *testing.T, g Generation, name, spec string) *Subnet {
	t.Helper()
	s, err := CompileSubnet(g, g.SubnetNamespace(), []byte(`{"metadata":{"name":"`+name+`"},"spec":`+spec+`}`))
	if err != nil {
		t.Fatalf("%s %s: %v", g, spec, err)
	}
	return s
}

// with is the spec of a good subnet with some fields changed, or added.
func with(g Generation, fields string) string {
	spec := `{"master":"bond0","vlan":100,"cidr":"10.0.0.0/24","mode":"bridge"`
	if g == V2 {
		spec += `,"flatMode":"macvlan"`
	}
	if fields != "" {
		// Of two equal keys the later one counts.
		spec += "," + fields
	}
	return spec + "}"
}

func TestCompileSubnet(t *testing.T) {
	s, err := CompileSubnet(V2, "cattle-flat-network", []byte(`{"metadata":{"name":"a","labels":{"project":"c-1-p-2","other":"x"}},
		"spec": {"flatMode": "ipvlan", "master": "bond0", "vlan": 100, "cidr": "10.0.0.77/24", "gateway": "10.0.0.254", "ranges": [{"from": "10.0.0.10", "to": "10.0.0.20"}], "news": 5},
		"status": {"phase": "Failed", "failureMessage": "conflict", "gateway": "10.0.0.253"}}`))
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintln(s.Reference, s.Namespace, s.Link(), s.FlatMode, s.CIDR, s.Gateway, s.GatewayGiven, s.Ranges, s.Project, s.HasProject, s.Failure)
	want := fmt.Sprintln(SubnetReference{V2, "a"}, "cattle-flat-network", "bond0.100", "ipvlan", "10.0.0.0/24", "10.0.0.254", true, "[10.0.0.10-10.0.0.20]", "c-1-p-2", true, "conflict")
	if got != want || len(s.Faults()) > 0 {
		t.Errorf("subnet %s with faults %v, want %s", got, s.Faults(), want)
	}
	for _, tt := range []struct {
		g             Generation
		object        string
		link, gateway string
		failure       string
	}{
		{V1, `{"spec":{"master":"eth1","cidr":"10.0.0.0/23"}}`, "eth1", "10.0.0.1", ""},
		{V1, `{"spec":{"vlan":5,"cidr":"10.0.0.9/30"}}`, "", "10.0.0.9", ""},
		{V2, `{"spec":{"cidr":"10.0.0.0/24","gateway":""},"status":{"phase":"Active","gateway":"10.0.0.253"}}`, "", "10.0.0.253", ""},
		{V2, `{"spec":{"cidr":"fd00::/64","gateway":null},"status":{"phase":"Failed"}}`, "", "fd00::1", "Failed"},
		{V2, `{"spec":{"cidr":"10.0.0.5/32"}}`, "", "invalid IP", ""},
		{V2, `{}`, "", "invalid IP", ""},
	} {
		s, err := CompileSubnet(tt.g, "", []byte(tt.object))
		if err != nil {
			t.Errorf("%s: %v", tt.object, err)
			continue
		}
		if diff := cmp.Diff([]string{tt.link, tt.gateway, tt.failure}, []string{s.Link(), s.Gateway.String(), s.Failure}); diff != "" {
			t.Errorf("%s: link, gateway and failure (-want +got):\n%s", tt.object, diff)
		}
	}
}

func TestWrongTypes(t *testing.T) {
	for _, tt := range []struct {
		g             Generation
		object, field string
	}{
		{V1, `{"spec":{"vlan":"100"}}`, "spec.vlan"},
		{V1, `{"spec":{"ranges":[{"rangeStart":5}]}}`, "spec.ranges.rangeStart"},
		{V1, `{"spec":{"podDefaultGateway":{"enable":"yes"}}}`, "spec.podDefaultGateway.enable"},
		{V2, `{"spec":{"vlan":1e30}}`, "spec.vlan"},
		{V2, `{"status":{"phase":{}}}`, "status.phase"},
		{V2, `[]`, ""},
		{V2, `{`, ""},
	} {
		_, err := CompileSubnet(tt.g, "", []byte(tt.object))
		var wrong *json.UnmarshalTypeError
		if err == nil || (tt.field != "") && (!errors.As(err, &wrong) || wrong.Field != tt.field) {
			t.Errorf("%s %s: error %v, want one at %q", tt.g, tt.object, err, tt.field)
		}
	}
}

func TestSubnetFaults(t *testing.T) {
	both := Generations[:]
	v1, v2 := []Generation{V1}, []Generation{V2}
	tests := []struct {
		of     []Generation
		fields string
		want   []string
	}{
		{both, ``, nil},
		{both, `"vlan":0`, nil},
		{both, `"vlan":1`, nil},
		{both, `"vlan":4094`, nil},
		{both, `"vlan":4095`, []string{`vlan "4095" is not the ID of a VLAN`}},
		{both, `"vlan":-1`, []string{`vlan "-1" is not the ID of a VLAN`}},
		{both, `"master":""`, []string{`master is missing`}},
		{both, `"master":"enp129s0f1np1.25"`, []string{`master "enp129s0f1np1.25" has 16 bytes`}},
		{both, `"master":"a/b"`, []string{`master "a/b" does not fit a label, into which the controller writes it`}},
		{both, `"master":"bond 0"`, []string{`master "bond 0" does not fit a label, into which the controller writes it`}},
		{v2, `"master":"enp129s0f1np1","vlan":0`, nil},
		{v2, `"master":"enp129s0f1np1","vlan":10`, []string{`vlan "10" makes a link "enp129s0f1np1.10" of 16 bytes`}},
		{v1, `"master":"enp129s0f1np1","vlan":10`, []string{`~vlan "10" makes a link "enp129s0f1np1.10" of 16 bytes`}},

		{both, `"cidr":""`, []string{`cidr is missing`}},
		{both, `"cidr":"10.0.0.0"`, []string{`cidr "10.0.0.0" is not an address with a prefix length`}},
		{both, `"cidr":"10.0.0.0/33"`, []string{`cidr "10.0.0.0/33" is not an address with a prefix length`}},
		{both, `"cidr":"::ffff:10.0.0.0/120"`, []string{`cidr "::ffff:10.0.0.0/120" is an IPv4 subnet in the form of IPv6`}},
		{both, `"cidr":"10.0.0.5/24"`, nil},
		{v1, `"cidr":"fd00::/64"`, []string{`cidr "fd00::/64" is an IPv6 subnet, and V1 has IPv4 subnets only`}},
		{v2, `"cidr":"fd00::/64"`, nil},

		{both, `"mode":""`, nil},
		{both, `"mode":"passthru"`, nil},
		{both, `"mode":"l2"`, []string{`mode "l2" is unknown`}},
		{v2, `"flatMode":"ipvlan","mode":"l3s","ipvlanFlag":"vepa"`, nil},
		{v2, `"flatMode":"ipvlan","mode":"","ipvlanFlag":"passthru"`, []string{`ipvlanFlag "passthru" is unknown`}},
		{v2, `"flatMode":"ipvlan"`, []string{`mode "bridge" is unknown`}},
		{v2, `"ipvlanFlag":"bridge"`, []string{`ipvlanFlag "bridge" belongs to flatMode ipvlan, and this subnet has flatMode macvlan`}},
		{v2, `"flatMode":""`, []string{`flatMode is missing`}},
		{v2, `"flatMode":"vlan"`, []string{`flatMode "vlan" is unknown`}},

		{both, `"gateway":"10.0.0.254"`, nil},
		{both, `"gateway":"10.0.0.1/24"`, []string{`gateway "10.0.0.1/24" has a prefix length, which only the CIDR has`}},
		{both, `"gateway":"router"`, []string{`gateway "router" is not an IP address`}},
		{v1, `"gateway":"10.0.1.1"`, []string{`~gateway "10.0.1.1" is outside the CIDR`}},
		{v2, `"gateway":"10.0.1.1"`, []string{`gateway "10.0.1.1" is outside the CIDR`}},
		{v2, `"gateway":"fd00::1"`, []string{`gateway "fd00::1" is outside the CIDR`}},
		{both, `"gateway":"10.0.0.0"`, []string{`gateway "10.0.0.0" is the network address of the CIDR`}},
		{both, `"gateway":"10.0.0.255"`, []string{`gateway "10.0.0.255" is the broadcast address of the CIDR`}},
		{both, `"cidr":"10.0.0.254/31","gateway":"10.0.0.255"`, nil},
		{both, `"cidr":"10.0.0.4/30","gateway":"10.0.0.7"`, []string{`gateway "10.0.0.7" is the broadcast address of the CIDR`}},
		{both, `"cidr":"x","gateway":"10.0.1.1"`, []string{`cidr "x" is not an address with a prefix length`}},

		{both, `"ranges":[]`, nil},
		{v1, `"ranges":[{"rangeStart":"10.0.0.10","rangeEnd":"10.0.0.20"},{"rangeStart":"10.0.0.21","rangeEnd":"10.0.0.21"}]`, nil},
		{v1, `"ranges":[{"rangeStart":"10.0.0.10"},{"rangeStart":"10.0.1.1","rangeEnd":"10.0.0.300"}]`, []string{
			`ranges[0].rangeEnd is missing`, `ranges[1].rangeStart "10.0.1.1" is outside the CIDR`, `ranges[1].rangeEnd "10.0.0.300" is not an IP address`,
		}},
		{v2, `"ranges":[{"from":"10.0.0.20","to":"10.0.0.10"}]`, []string{`ranges[0].to "10.0.0.10" comes before from "10.0.0.20"`}},
		{v2, `"cidr":"","ranges":[{"from":"10.0.0.20","to":"fd00::1"}]`, []string{`cidr is missing`, `ranges[0].to "fd00::1" is of another family than from "10.0.0.20"`}},
		{v2, `"ranges":[{"from":"10.0.0.10","to":"10.0.0.90"},{"from":"10.0.0.20","to":"10.0.0.30"},{"from":"10.0.0.80","to":"10.0.0.99"},{"from":"10.0.0.20","to":"10.0.0.30"}]`, []string{
			`ranges[3] overlaps with ranges[1]: 10.0.0.20-10.0.0.30 and 10.0.0.20-10.0.0.30`,
			`ranges[1] overlaps with ranges[0]: 10.0.0.10-10.0.0.90 and 10.0.0.20-10.0.0.30`,
			`ranges[2] overlaps with ranges[0]: 10.0.0.10-10.0.0.90 and 10.0.0.80-10.0.0.99`,
		}},

		{v1, `"routes":[{"dst":"10.1.0.0/16"},{"dst":"10.1.0.0/16","gw":"10.0.0.1","iface":"eth1"},{"dst":"10.1.0.0/16","gw":"192.168.1.1","iface":"eth0"}]`, nil},
		{v1, `"routes":[{},{"dst":"10.1.0.0"},{"dst":"10.1.0.0/16","gw":"192.168.1.1","iface":"eth1"},{"dst":"10.1.0.0/16","gw":"x","iface":"eth0"}]`, []string{
			`routes[0].dst is missing`, `routes[1].dst "10.1.0.0" is not an address with a prefix length`,
			`routes[2].gw "192.168.1.1" is outside the CIDR`, `routes[3].gw "x" is not an IP address`,
		}},
		{v2, `"routes":[{"dev":"eth1","dst":"10.1.0.0/16","via":"10.0.0.1","src":"10.0.0.7","priority":2147483647}]`, nil},
		{v2, `"routes":[{"dst":"10.1.0.0/16","via":"192.168.1.1","src":"x","priority":2147483648},{"dev":"eth0","dst":"10.1.0.0/16","via":"192.168.1.1","priority":-1}]`, []string{
			`routes[0].dev is missing`, `routes[0].src "x" is not an IP address`, `routes[0].via "192.168.1.1" is outside the CIDR`, `routes[0].priority "2147483648" is out of range`,
			`routes[1].via "192.168.1.1" is outside the CIDR`, `routes[1].priority "-1" is out of range`,
		}},
		{v1, `"podDefaultGateway":{"enable":true,"serviceCidr":"10.43.0.0/16"}`, nil},
		{v1, `"podDefaultGateway":{"enable":false}`, nil},
		{v1, `"podDefaultGateway":{"enable":true}`, []string{`podDefaultGateway.serviceCidr is missing`}},
		{v1, `"podDefaultGateway":{"enable":true,"serviceCidr":"10.43.0.0"}`, []string{`podDefaultGateway.serviceCidr "10.43.0.0" is not an address with a prefix length`}},
	}
	for _, tt := range tests {
		for _, g := range tt.of {
			var got []string
			for _, f := range compile(t, g, "a", with(g, tt.fields)).Faults() {
				message, _, _ := strings.Cut(f.Message(), "; accepted: ")
				if f.Softened {
					message = "~" + message
				}
				got = append(got, message)
				if f.Remedy == "" || f.Want == "" || !strings.HasPrefix(f.Field, "spec.") {
					t.Errorf("%s %s: fault %+v is incomplete", g, tt.fields, f)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("%s %s (-want +got):\n%s", g, tt.fields, diff)
			}
		}
	}
}

func TestSubnetPlace(t *testing.T) {
	for _, g := range Generations {
		s, err := CompileSubnet(g, "default", []byte(`{"metadata":{"name":"`+strings.Repeat("a", 64)+`"},"spec":`+with(g, `"ranges":[`+strings.Repeat("{},", 30)+`{}]`)+`}`))
		if err != nil {
			t.Fatal(err)
		}
		faults := s.Faults()
		if len(faults) != maxFaults {
			t.Fatalf("%s: %d faults, want %d", g, len(faults), maxFaults)
		}
		if diff := cmp.Diff([]string{
			`namespace "default" is not one whose subnets are read; accepted: ` + g.SubnetNamespace(),
			`name "` + strings.Repeat("a", 64) + `" has 64 bytes, and the controller writes it into a label of each pod; accepted: up to 63 bytes`,
		}, []string{faults[0].Message(), faults[1].Message()}); diff != "" {
			t.Errorf("%s (-want +got):\n%s", g, diff)
		}
		if last := faults[maxFaults-1].More; last != 44 {
			t.Errorf("%s: the last fault counts %d more", g, last)
		}
	}
}

func TestRefuses(t *testing.T) {
	both := Generations[:]
	v1, v2 := []Generation{V1}, []Generation{V2}
	ranges := map[Generation]string{
		V1: `"ranges":[{"rangeStart":"10.0.0.10","rangeEnd":"10.0.0.20"},{"rangeStart":"10.0.0.30","rangeEnd":"10.0.0.40"}]`,
		V2: `"ranges":[{"from":"10.0.0.10","to":"10.0.0.20"},{"from":"10.0.0.30","to":"10.0.0.40"}]`,
	}
	tests := []struct {
		of                    []Generation
		fields, address, want string
	}{
		{both, ``, "10.0.0.5", ""},
		{both, ``, "::ffff:10.0.0.5", ""},
		{both, ``, "10.0.1.5", "is outside the CIDR of the subnet, 10.0.0.0/24"},
		{both, ``, "fd00::5", "is an IPv6 address, and the CIDR of the subnet is 10.0.0.0/24"},
		{both, ``, "10.0.0.1", "is the gateway of the subnet"},
		{both, `"gateway":"10.0.0.254"`, "10.0.0.1", ""},
		{both, `"gateway":"10.0.0.254"`, "10.0.0.254", "is the gateway of the subnet"},
		{both, ``, "10.0.0.0", "is the network address of the subnet, 10.0.0.0/24"},
		{both, ``, "10.0.0.255", "is the broadcast address of the subnet, 10.0.0.0/24"},
		{both, `"cidr":"x"`, "10.0.0.0", ""},
		{v2, `"cidr":"10.0.0.0/23"`, "10.0.0.255", ""},
		{v2, `"cidr":"10.0.0.0/23"`, "10.0.1.0", ""},
		{v1, `"cidr":"10.0.0.0/23"`, "10.0.0.255", "ends in .255, and V1 gives no such address to a pod, wherever in the CIDR it lies"},
		{v1, `"cidr":"10.0.0.0/23"`, "10.0.1.0", "ends in .0, and V1 gives no such address to a pod, wherever in the CIDR it lies"},
		{both, `"cidr":"10.0.0.0/23"`, "10.0.1.255", "is the broadcast address of the subnet, 10.0.0.0/23"},
		{both, `"cidr":"10.0.0.4/30"`, "10.0.0.4", "is the network address of the subnet, 10.0.0.4/30"},
		{both, `"cidr":"10.0.0.4/30"`, "10.0.0.5", "is the gateway of the subnet"},
		{both, `"cidr":"10.0.0.4/30"`, "10.0.0.6", ""},
		{both, `"cidr":"10.0.0.4/30"`, "10.0.0.7", "is the broadcast address of the subnet, 10.0.0.4/30"},
		{both, `"cidr":"10.0.0.4/31"`, "10.0.0.4", ""},
		{both, `"cidr":"10.0.0.4/31"`, "10.0.0.5", "is the gateway of the subnet"},
		{both, `"cidr":"10.0.0.4/32"`, "10.0.0.4", ""},
		{v2, `"cidr":"fd00::/64"`, "fd00::5", ""},
		{v2, `"cidr":"fd00::/64"`, "fd00::", "is the network address of the subnet, fd00::/64"},
		{v2, `"cidr":"fd00::/64"`, "fd00::ffff:ffff:ffff:ffff", "is the last address of the subnet, fd00::/64"},
		{v2, `"cidr":"fd00::/64"`, "10.0.0.5", "is an IPv4 address, and the CIDR of the subnet is fd00::/64"},
		{both, "ranges", "10.0.0.10", ""},
		{both, "ranges", "10.0.0.40", ""},
		{both, "ranges", "10.0.0.25", "is outside the ranges of the subnet: 10.0.0.10-10.0.0.20, 10.0.0.30-10.0.0.40"},
		{v2, `"ranges":[{"from":"10.0.0.10","to":"10.0.0.20"},{"from":"x"}]`, "10.0.0.25", ""},
		{v2, `"ranges":[` + manyRanges(7) + `]`, "10.0.0.99", "is outside the ranges of the subnet: 10.0.0.10-10.0.0.10, 10.0.0.11-10.0.0.11, 10.0.0.12-10.0.0.12, 10.0.0.13-10.0.0.13, 10.0.0.14-10.0.0.14, and 2 more"},
	}
	for _, tt := range tests {
		for _, g := range tt.of {
			fields := tt.fields
			if fields == "ranges" {
				fields = ranges[g]
			}
			if got := compile(t, g, "a", with(g, fields)).Refuses(netip.MustParseAddr(tt.address)); got != tt.want {
				t.Errorf("%s %s: %s %s, want %q", g, fields, tt.address, got, tt.want)
			}
		}
	}
	if got := compile(t, V1, "a", with(V1, "")).Refuses(netip.Addr{}); got != "" {
		t.Errorf("no address at all %s", got)
	}
}

// manyRanges are n ranges of one address each, from 10.0.0.10 on.
func manyRanges(n int) string {
	var texts []string
	for i := range n {
		texts = append(texts, fmt.Sprintf(`{"from":"10.0.0.%d","to":"10.0.0.%d"}`, i+10, i+10))
	}
	return strings.Join(texts, ",")
}

func TestOverlap(t *testing.T) {
	ranged := func(pairs ...string) string {
		var texts []string
		for _, p := range pairs {
			from, to, _ := strings.Cut(p, "-")
			texts = append(texts, fmt.Sprintf(`{"from":"10.0.0.%s","to":"10.0.0.%s"}`, from, to))
		}
		return `"ranges":[` + strings.Join(texts, ",") + `]`
	}
	const same = `overlaps with 10.0.0.0/24 of FlatNetworkSubnet "b" on the same link "bond0.100"`
	tests := []struct {
		title, a, b, want string
	}{
		{"alike", ``, ``, same + ", and neither has ranges"},
		{"other VLAN", ``, `"vlan":101`, ""},
		{"other master", ``, `"master":"bond1"`, ""},
		{"the same link, said otherwise", ``, `"master":"bond0.100","vlan":0`, same + ", and neither has ranges"},
		{"no master", `"master":""`, `"master":""`, ""},
		{"other CIDR", ``, `"cidr":"10.0.1.0/24"`, ""},
		{"other family", ``, `"cidr":"fd00::/64"`, ""},
		{"unreadable CIDR", ``, `"cidr":"x"`, ""},
		{"CIDR within", ``, `"cidr":"10.0.0.128/25"`, `overlaps with 10.0.0.128/25 of FlatNetworkSubnet "b" on the same link "bond0.100", and neither has ranges`},
		{"other flat mode", ``, `"flatMode":"ipvlan","mode":"l2"`, same + ", and neither has ranges"},
		{"ranges of one", ranged("10-20"), ``, same + ", which has no ranges"},
		{"ranges of the other", ``, ranged("10-20"), same + ", and this subnet has no ranges"},
		{"ranges apart", ranged("10-20", "40-50"), ranged("30-39", "21-22", "51-60"), ""},
		{"ranges that share one address", ranged("40-50", "10-20"), ranged("60-70", "20-30"), same + ", and so do the ranges 10.0.0.10-10.0.0.20 and 10.0.0.20-10.0.0.30"},
		{"range within", ranged("10-100"), ranged("20-30"), same + ", and so do the ranges 10.0.0.10-10.0.0.100 and 10.0.0.20-10.0.0.30"},
		{"range around", ranged("20-30"), ranged("10-100"), same + ", and so do the ranges 10.0.0.20-10.0.0.30 and 10.0.0.10-10.0.0.100"},
		{"long range behind a short one", ranged("10-90", "20-30"), ranged("80-81"), same + ", and so do the ranges 10.0.0.10-10.0.0.90 and 10.0.0.80-10.0.0.81"},
		{"unreadable ranges", ranged("10-20", "x-y"), ranged("30-40"), same},
	}
	for _, tt := range tests {
		a, b := compile(t, V2, "a", with(V2, tt.a)), compile(t, V2, "b", with(V2, tt.b))
		if got := a.Overlap(b); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.title, got, tt.want)
		}
		if got := b.Overlap(a); (got == "") != (tt.want == "") {
			t.Errorf("%s, the other way round: %q", tt.title, got)
		}
		if got := a.Overlap(a); got != "" {
			t.Errorf("%s: the subnet with itself: %q", tt.title, got)
		}
	}
	a, b := compile(t, V1, "a", with(V1, "")), compile(t, V2, "a", with(V2, ""))
	if got, want := a.Overlap(b), `overlaps with 10.0.0.0/24 of FlatNetworkSubnet "a" on the same link "bond0.100", and neither has ranges`; got != want {
		t.Errorf("both generations: %q, want %q", got, want)
	}
}

func TestMixes(t *testing.T) {
	const ipvlanFields = `"flatMode":"ipvlan","mode":"l2"`
	tests := []struct {
		a, b string
		want string
	}{
		{ipvlanFields, ``, `puts ipvlan on the link "bond0.100", which carries macvlan for FlatNetworkSubnet "b"`},
		{ipvlanFields, ipvlanFields, ""},
		{ipvlanFields, `"vlan":101`, ""},
		{ipvlanFields, `"flatMode":"x"`, ""},
		{ipvlanFields + `,"master":""`, `"master":""`, ""},
	}
	for _, tt := range tests {
		a, b := compile(t, V2, "a", with(V2, tt.a)), compile(t, V2, "b", with(V2, tt.b))
		if got := a.Mixes(b); got != tt.want {
			t.Errorf("%s and %s: %q, want %q", tt.a, tt.b, got, tt.want)
		}
		if got := b.Mixes(a); (got == "") != (tt.want == "") {
			t.Errorf("%s and %s, the other way round: %q", tt.a, tt.b, got)
		}
	}
	a, b := compile(t, V2, "a", with(V2, ipvlanFields)), compile(t, V1, "a", with(V1, ""))
	if got, want := a.Mixes(b), `puts ipvlan on the link "bond0.100", which carries macvlan for MacvlanSubnet "a"`; got != want {
		t.Errorf("both generations: %q, want %q", got, want)
	}
}
