package cniconf

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf/ipam"
)

// faultText is a fault in one line.
func faultText(f ipam.AddressFault) string {
	duplicate := ""
	if f.Duplicate {
		duplicate = " (duplicate)"
	}
	return fmt.Sprintf("%d %s%s: %s; accepted: %s", f.Index, f.Effect, duplicate, f.Detail, f.Want)
}

// TestAddressFaults pins the words; test/cni holds the verdicts against the plugins.
func TestAddressFaults(t *testing.T) {
	const (
		one    = `{"type":"host-local","subnet":"10.0.0.0/24","rangeStart":"10.0.0.10","rangeEnd":"10.0.0.50"}`
		both   = `{"type":"host-local","ranges":[[{"subnet":"10.0.0.0/24","rangeEnd":"10.0.0.50"}],[{"subnet":"fd00::/64","gateway":"fd00::5"}]]}`
		own    = `{"type":"static","addresses":[{"address":"10.0.0.9/22"},{"address":"no address"}]}`
		ranged = `{"type":"whereabouts","range":"10.0.0.0/24","addresses":[{"address":"10.9.0.7/16"}]}`
		list   = `-1 fails: are 2, and host-local reads one; accepted: one address in "ips"`
		hints  = list + `; for several no "ips", but "cni-args": {"ips": […]}, which host-local reads as a list`
		router,
		coordinator = `,{"type":"router"}`, `,{"type":"tuning"},{"type":"coordinator"}`
	)
	tests := []struct {
		name, ipam, chained string
		ips                 []string
		firstInterface      bool
		want                []string
	}{
		{"nothing", one, "", nil, false, nil},
		{"what Multus cannot read", one, "", []string{"", "x", "10.0.0.300", "10.0.0.10/33", "fe80::1%eth0", "10.0.0.010"}, false, nil},
		{"in the range", one, "", []string{"10.0.0.50/8"}, false, nil},
		{"outside the range", one, "", []string{"10.0.0.51"}, false,
			[]string{`0 fails: is outside 10.0.0.10-10.0.0.50, the range of host-local; accepted: an address of that range`}},
		{"outside the ranges", both, "", []string{"fd01::7"}, true,
			[]string{`0 fails: is outside the ranges of host-local: 10.0.0.1-10.0.0.50, fd00::1-fd00::ffff:ffff:ffff:ffff; accepted: an address of one of the ranges`}},
		{"outside many ranges", manySets(7), "", []string{"10.0.0.5"}, false,
			[]string{`0 fails: is outside the ranges of host-local: 10.1.0.1-10.1.0.2, 10.1.1.1-10.1.1.2, 10.1.2.1-10.1.2.2, 10.1.3.1-10.1.3.2, 10.1.4.1-10.1.4.2, and 2 more; accepted: an address of one of the ranges`}},
		{"the gateway", both, "", []string{"fd00::5"}, false,
			[]string{`0 fails: is the gateway of fd00::1-fd00::ffff:ffff:ffff:ffff, which host-local reserves; accepted: another address of that range`}},
		{"several from ranges of their own", both, "", []string{"10.0.0.7", "fd00::7"}, false, []string{hints}},
		{"several from one range", both, "", []string{"10.0.0.7", "10.0.0.8"}, false, []string{list}},
		{"several, one of them outside", both, "", []string{"10.0.0.7", "10.1.0.8"}, false, []string{list,
			`1 fails: is outside the ranges of host-local: 10.0.0.1-10.0.0.50, fd00::1-fd00::ffff:ffff:ffff:ffff; accepted: an address of one of the ranges`}},
		{"one, twice", one, "", []string{"10.0.0.10", "x", "::ffff:10.0.0.10"}, false,
			[]string{`2 fails (duplicate): is the same as address 1 of the list, and no pod can have it twice; accepted: each address once`}},
		{"host-local before a router", one, router, []string{"10.0.0.10/24"}, false,
			[]string{`0 fails: has a prefix length, and the plugin "router" reads an address without one; accepted: "10.0.0.10"`}},
		{"host-local before a router, plain", one, router, []string{"10.0.0.10"}, false, nil},
		{"ranges that host-local refuses", `{"type":"host-local","subnet":"10.0.0.9/24"}`, "", []string{"10.0.0.10"}, false, nil},

		{"no prefix length", `{"type":"static"}`, "", []string{"10.0.0.9", "fd00::9"}, false, []string{
			`0 fails: has no prefix length, which static needs; accepted: the address with the length of its subnet, such as "10.0.0.9/24"`,
			`1 fails: has no prefix length, which static needs; accepted: the address with the length of its subnet, such as "fd00::9/64"`}},
		{"no prefix length, a subnet that is known", own, "", []string{"10.0.3.7"}, false,
			[]string{`0 fails: has no prefix length, which static needs; accepted: the address with the length of its subnet, such as "10.0.3.7/22"`}},
		{"in place of the network's", own, "", []string{"10.0.0.9/22"}, false, nil},
		{"beside the network's", own, "", []string{"10.0.0.9/22"}, true,
			[]string{`0 fails: is an address that the network gives every pod, and none can have it twice; accepted: an address of the pod's own`}},
		{"twice", own, "", []string{"fd00::1/64", "10.0.0.1/24", "fd00:0::1/48"}, false,
			[]string{`2 fails (duplicate): is the same as address 1 of the list, and no pod can have it twice; accepted: each address once`}},
		{"IPv4 with two prefixes", own, "", []string{"10.0.0.1/24", "10.0.0.1/22"}, false, nil},
		{"none for the kernel", own, "", []string{"0.0.0.0/0", "::/0", "ff02::1/64", "::1/128"}, false, []string{
			`0 ignored: is ignored by the kernel, and the interface gets no address; accepted: an address of a single interface`,
			`1 fails: is refused by the kernel; accepted: an address of a single interface`,
			`2 fails: is a multicast address; accepted: an address of a single interface`,
			`3 fails: is the loopback address; accepted: an address of a single interface`}},
		{"static before a coordinator", own, coordinator, []string{"10.0.0.7/24"}, false,
			[]string{`-1 fails: cannot be asked for by "ips": static needs a prefix length, and the plugin "coordinator" refuses one; accepted: no "ips", but "cni-args": {"ips": […]}, which static alone reads`}},

		{"whereabouts, no prefix length", ranged, "", []string{"10.0.0.9"}, true,
			[]string{`0 fails: has no prefix length, and whereabouts fails without one; accepted: no "ips": whereabouts gives each pod an address of its own`}},
		{"whereabouts, in and outside the range", ranged, "", []string{"10.0.0.9/24", "10.7.0.9/16"}, false, []string{
			`0 added: is added to the address of the range, and nothing reserves it: whereabouts may give it to another pod; accepted: no "ips": whereabouts gives each pod an address of its own`,
			`1 added: is added to the address of the range, and nothing reserves it: whereabouts may give it to another pod; accepted: no "ips": whereabouts gives each pod an address of its own`}},
		{"whereabouts, twice", ranged, "", []string{"10.0.0.9/24", "10.0.0.9/24", "10.9.0.7/16"}, false, []string{
			`0 added: is added to the address of the range, and nothing reserves it: whereabouts may give it to another pod; accepted: no "ips": whereabouts gives each pod an address of its own`,
			`1 fails (duplicate): is the same as address 1 of the list, and no pod can have it twice; accepted: each address once`,
			`2 fails: is an address that the network gives every pod, and none can have it twice; accepted: no "ips": whereabouts gives each pod an address of its own`}},
		{"whereabouts before a coordinator", ranged, coordinator, []string{"10.0.0.9/24"}, false,
			[]string{`-1 fails: cannot be asked for by "ips": whereabouts needs a prefix length, and the plugin "coordinator" refuses one; accepted: no "ips": whereabouts gives each pod an address of its own`}},

		{"Spiderpool", `{"type":"spiderpool"}`, "", []string{"10.0.0.7"}, false,
			[]string{`-1 ignored: have no effect: Spiderpool gives addresses of its pools; accepted: no "ips", and a pool of the addresses that are meant`}},
		{"Spiderpool, a prefix length", `{"type":"spiderpool"}`, coordinator, []string{"10.0.0.7/24"}, true,
			[]string{`-1 fails: are refused by the plugin "spiderpool", which reads one address without a prefix length, and could have no effect: Spiderpool gives addresses of its pools; accepted: no "ips", and a pool of the addresses that are meant`}},
		{"DHCP", `{"type":"dhcp"}`, "", []string{"10.0.0.7/24", "10.0.0.7"}, false,
			[]string{`-1 ignored: have no effect: the DHCP server chooses the address; accepted: no "ips"`}},
		{"no IPAM", `{}`, "", []string{"10.0.0.7/24"}, false,
			[]string{`-1 ignored: have no effect: the network has no IPAM plugin and so no addresses; accepted: no "ips"`}},
		{"no IPAM, before a router", `{}`, router, []string{"10.0.0.7", "10.0.0.8"}, false,
			[]string{`-1 fails: are refused by the plugin "router", which reads one address without a prefix length, and could have no effect: the network has no IPAM plugin and so no addresses; accepted: no "ips"`}},
		{"another IPAM", `{"type":"calico-ipam"}`, "", []string{"10.0.0.7", "10.0.0.7"}, false, nil},
		{"another IPAM, before a coordinator", `{"type":"calico-ipam"}`, coordinator, []string{"10.0.0.7/24", "10.0.0.8"}, false, []string{
			`-1 fails: are 2, and the plugin "coordinator" reads one; accepted: one address without a prefix length`,
			`0 fails: has a prefix length, and the plugin "coordinator" reads an address without one; accepted: "10.0.0.7"`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n := Compile(Source{Name: "a", Config: fmt.Sprintf(
				`{"cniVersion":"1.0.0","plugins":[{"type":"macvlan","master":"eth0","capabilities":{"ips":true},"ipam":%s}%s]}`, tt.ipam, tt.chained)})
			var got []string
			for _, f := range n.AddressFaults(&Ask{IPs: tt.ips, First: tt.firstInterface}) {
				got = append(got, faultText(f))
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("\n got %s\nwant %s", strings.Join(got, "\n     "), strings.Join(tt.want, "\n     "))
			}
		})
	}
}

// manySets are sets of one range each, 10.1.0.0/30 first.
func manySets(n int) string {
	var sets []string
	for i := range n {
		sets = append(sets, fmt.Sprintf(`[{"subnet":"10.1.%d.0/30"}]`, i))
	}
	return `{"type":"host-local","ranges":[` + strings.Join(sets, ",") + `]}`
}

// TestAddressFaultsOfVersions: before 0.3.0 a result has one address of a family.
func TestAddressFaultsOfVersions(t *testing.T) {
	const want = `-1 fails: make 2 of one family, those of the network among them, and before cniVersion 0.3.0 static gives one; accepted: one IPv4 and one IPv6 address, or a network with cniVersion 0.3.1`
	for version, want := range map[string]string{`"cniVersion":"0.2.0",`: want, ``: want, `"cniVersion":"0.3.0",`: ""} {
		n := Compile(Source{Name: "a", Config: `{` + version + `"type":"macvlan","ipam":{"type":"static","addresses":[{"address":"10.0.0.9/24"}]}}`})
		got := ""
		for _, f := range n.AddressFaults(&Ask{IPs: []string{"10.0.0.7/24", "fd00::7/64"}}) {
			got += faultText(f)
		}
		if got != want {
			t.Errorf("{%s\n got %s\nwant %s", version, got, want)
		}
	}
}

// TestPlainArguments compares the verdict on plugins that decode the address of
// CNI_ARGS, as Spiderpool's do, with that of the decoder.
func TestPlainArguments(t *testing.T) {
	n := Compile(Source{Name: "a", Config: `{"cniVersion":"1.0.0","plugins":[{"type":"macvlan","ipam":{"type":"calico-ipam"}},{"type":"veth"}]}`})
	for ips, refused := range map[string]bool{
		"10.0.0.7": false, "fd00::7": false, "::ffff:10.0.0.7": false,
		"10.0.0.7/24": true, "fd00::7/64": true, "10.0.0.7,10.0.0.8": true, "10.0.0.7,10.0.0.7": true,
	} {
		var arguments struct {
			types.CommonArgs
			IP net.IP
		}
		err := types.LoadArgs("IgnoreUnknown=true;K8S_POD_NAME=a;IP="+ips, &arguments)
		faults := n.AddressFaults(&Ask{IPs: strings.Split(ips, ",")})
		if (err != nil) != refused || (len(faults) > 0) != refused {
			t.Errorf("%s: decoded with %v, said: %v", ips, err, faults)
		}
	}
}

// TestAssigns: which networks give what is asked for, and on which link.
func TestAssigns(t *testing.T) {
	tests := []struct {
		config  string
		assigns bool
		l2      string
	}{
		{`{"type":"macvlan","master":"eth0","ipam":{"type":"static"}}`, true, "eth0"},
		{`{"type":"macvlan","master":"bond0.7","ipam":{"type":"host-local","subnet":"10.0.0.0/24"}}`, true, "bond0.7"},
		{`{"type":"ipvlan","master":"eth1","ipam":{"type":"static"}}`, true, "eth1"},
		{`{"plugins":[{"type":"ifacer"},{"type":"macvlan","master":"eth0.7","ipam":{"type":"host-local","subnet":"10.0.0.0/24"}},{"type":"coordinator"}]}`, true, "eth0.7"},
		{`{"plugins":[{"type":"macvlan","master":"eth0","ipam":{"type":"static"}},{"type":"coordinator"}]}`, false, "eth0"},
		{`{"type":"macvlan","master":"eth0","ipam":{"type":"whereabouts","range":"10.0.0.0/24"}}`, true, "eth0"},
		{`{"type":"macvlan","ipam":{"type":"static"}}`, true, ""},
		{`{"type":"macvlan","master":"eth0","linkInContainer":true,"ipam":{"type":"static"}}`, true, ""},
		{`{"type":"ipvlan","master":"eth0","linkInContainer":true}`, false, ""},
		{`{"type":"ipvlan","master":7}`, false, ""},
		{`{"type":"bridge","bridge":"br0","master":"eth0","ipam":{"type":"static"}}`, true, ""},
		{`{"type":"macvlan","master":"eth0","ipam":{"type":"host-local"}}`, false, "eth0"},
		{`{"type":"macvlan","master":"eth0","ipam":{"type":"spiderpool"}}`, false, "eth0"},
		{`{"type":"macvlan","master":"eth0","ipam":{"type":"dhcp"}}`, false, "eth0"},
		{`{"type":"macvlan","master":"eth0"}`, false, "eth0"},
		{`{"type":"flannel","ipam":{"type":"host-local","subnet":"10.0.0.0/24"}}`, false, ""},
		{`{"type":"macvlan"`, false, ""},
		{``, false, ""},
	}
	for _, tt := range tests {
		n := Compile(Source{Name: "a", Config: tt.config})
		if n.Assigns(false) != tt.assigns || n.L2() != tt.l2 {
			t.Errorf("%s: assigns %t on %q, want %t on %q", tt.config, n.Assigns(false), n.L2(), tt.assigns, tt.l2)
		}
	}
	for kind, want := range map[string]bool{"host-local": true, "static": false, "whereabouts": false} {
		n := Compile(Source{Name: "a", Config: `{"type":"macvlan","ipam":{"type":"` + kind + `","subnet":"10.0.0.0/24"}}`})
		if got := n.Assigns(true); got != want {
			t.Errorf("%s assigns an address without a prefix length: %t", kind, got)
		}
	}
	// Another plugin of the chain may give what the main plugin does not.
	taken := Compile(Source{Name: "a", Config: `{"cniVersion":"1.0.0","plugins":[{"type":"macvlan","master":"eth0"},{"type":"other","capabilities":{"ips":true}}]}`})
	if faults := taken.AddressFaults(&Ask{IPs: []string{"10.0.0.7/24"}}); faults != nil || taken.Assigns(false) {
		t.Errorf("%+v is said of addresses that another plugin may take", faults)
	}
	if n := FromName("default", "a"); n.Assigns(false) || n.L2() != "" || n.AddressFaults(&Ask{IPs: []string{"10.0.0.7"}}) != nil {
		t.Error("something is said of a network of which only the name is known")
	}
}

// What to write instead is told where it follows from the network, and only there.
func TestInstead(t *testing.T) {
	for _, tt := range []struct{ ipam, chained, ip, want string }{
		{`{"type":"static","addresses":[{"address":"10.0.0.9/22"}]}`, "", "10.0.3.7", "10.0.3.7/22"},
		{`{"type":"static"}`, "", "10.0.3.7", ""},
		{`{"type":"host-local","subnet":"10.0.0.0/24"}`, `,{"type":"router"}`, "10.0.0.7/24", "10.0.0.7"},
		{`{"type":"host-local","subnet":"10.0.0.0/24"}`, "", "10.1.0.7", ""},
	} {
		n := Compile(Source{Namespace: "default", Name: "a", Config: fmt.Sprintf(
			`{"cniVersion":"1.0.0","plugins":[{"type":"macvlan","master":"eth0","ipam":%s}%s]}`, tt.ipam, tt.chained)})
		if faults := n.AddressFaults(&Ask{IPs: []string{tt.ip}}); len(faults) != 1 || faults[0].Instead != tt.want {
			t.Errorf("%s from %s: %+v, want %q", tt.ip, tt.ipam, faults, tt.want)
		}
	}
}

// FuzzAddressFaults: whatever is asked for, the words are complete and break no line.
func FuzzAddressFaults(f *testing.F) {
	for _, ipam := range []string{`{"type":"static","addresses":[{"address":"10.0.0.9/22"}]}`, `{"type":"host-local","subnet":"10.0.0.0/24"}`, `{"type":"spiderpool"}`, `{}`} {
		f.Add(ipam, "10.0.0.9,10.0.0.10/24,fd00::1/64,\x1b[2J", true)
	}
	f.Fuzz(func(t *testing.T, ipam, ips string, firstInterface bool) {
		asked := strings.Split(ips, ",")
		n := Compile(Source{Name: "a", Config: `{"cniVersion":"1.0.0","plugins":[{"type":"macvlan","ipam":` + ipam + `},{"type":"router"}]}`})
		for _, fault := range n.AddressFaults(&Ask{IPs: asked, First: firstInterface}) {
			if fault.Index < -1 || fault.Index >= len(asked) || fault.Detail == "" || fault.Want == "" || fault.Effect == "" {
				t.Errorf("%+v", fault)
			}
			if strings.ContainsFunc(faultText(fault), func(r rune) bool { return !unicode.IsPrint(r) }) || len(faultText(fault)) > 2000 {
				t.Errorf("%d bytes: %q", len(faultText(fault)), faultText(fault))
			}
		}
	})
}
