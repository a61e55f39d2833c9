package cniconf

import (
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf/flaw"
)

// TestAttachment pins what becomes of an attachment: why the network fails it, and what is
// wrong with its routes. test/node holds both against Multus and the plugins.
func TestAttachment(t *testing.T) {
	const (
		uplink  = `{"cniVersion":"1.0.0","type":"macvlan","master":"eth1","capabilities":{"ips":true},"ipam":{"type":"static","routes":[{"dst":"0.0.0.0/0","gw":"10.1.0.1"}]}}`
		own     = `{"cniVersion":"1.0.0","type":"macvlan","master":"eth1","ipam":{"type":"static","addresses":[{"address":"10.1.0.7/24","gateway":"10.1.0.1"}],"routes":[{"dst":"0.0.0.0/0"},{"dst":"10.9.0.0/16","gw":"10.1.0.2"}]}}`
		fixed   = `{"cniVersion":"1.0.0","type":"macvlan","master":"eth1","ipam":{"type":"static","addresses":[{"address":"10.1.0.7"}]}}`
		ranged  = `{"cniVersion":"1.0.0","type":"macvlan","master":"eth1","ipam":{"type":"host-local","subnet":"10.1.0.0/24"}}`
		other   = `{"cniVersion":"1.0.0","plugins":[{"type":"macvlan","master":"eth1"},{"type":"somebodys"}]}`
		mac     = `{"cniVersion":"1.0.0","type":"macvlan","master":"eth1","mac":"03:00:00:00:00:01"}`
		tuned   = `{"cniVersion":"1.0.0","plugins":[{"type":"macvlan","master":"eth1"},{"type":"tuning","mac":"nonsense"}]}`
		narrow  = `{"cniVersion":"1.0.0","type":"macvlan","master":"eth1","mtu":1279,"ipam":{"type":"static"}}`
		asking  = `{"cniVersion":"1.0.0","type":"macvlan","master":"eth1","ipam":{"type":"host-local","subnet":"10.1.0.0/24"},"args":{"cni":{"ips":["10.9.0.7"]}}}`
		sourced = `{"cniVersion":"1.0.0","plugins":[{"type":"macvlan","master":"eth1","ipam":{"type":"host-local","subnet":"10.1.0.0/24"}},{"type":"sbr"}]}`
		astray  = `{"cniVersion":"1.0.0","plugins":[{"type":"macvlan","master":"eth1","ipam":{"type":"static","addresses":[{"address":"10.1.0.7/24","gateway":"10.9.0.1"}]}},{"type":"sbr"}]}`
		old     = `{"cniVersion":"0.2.0","type":"macvlan","master":"eth1","ipam":{"type":"host-local","subnet":"10.1.0.0/24","routes":[{"dst":"::/0","gw":"fd00::1"},{"dst":"10.0.0.0/8","scope":253}]}}`
		scope   = `{"cniVersion":"0.3.1","type":"macvlan","master":"eth1","ipam":{"type":"host-local","subnet":"10.1.0.0/24","routes":[{"dst":"10.0.0.0/8","scope":256}]}}`
		odd     = `{"cniVersion":"1.0.0","type":"macvlan","master":"eth1","ipam":{"type":"host-local","subnet":"10.1.0.0/24"},"args":{"cni":{"ips":"10.9.0.7"}}}`
		again   = `{"cniVersion":"1.0.0","type":"macvlan","master":"eth1","mac":"03:00:00:00:00:01","runtimeConfig":{"mac":"02:00:00:00:00:01"}}`
		device  = `{"cniVersion":"1.0.0","type":"host-device","device":"eth1","useInterfaceNetwork":true}`
		sbr     = `{"cniVersion":"1.0.0","plugins":[{"type":"host-device","device":"eth1","useInterfaceNetwork":true},{"type":"sbr"}]}`
		bus     = `{"cniVersion":"1.0.0","plugins":[{"type":"host-device","pciBusID":"0000:01:00.1"},{"type":"tap"}]}`
		renamed = `{"cniVersion":"1.0.0","plugins":[{"type":"bridge"},{"type":"renamer"},{"type":"macvlan","master":"eth1"}]}`
		bridge  = `{"cniVersion":"1.0.0","type":"bridge","mtu":-1}`
		broken  = `{"cniVersion":"1.0.0","type":"tuning"}`
	)
	route := func(gateways ...string) (ips []net.IP) {
		for _, g := range gateways {
			ips = append(ips, net.ParseIP(g))
		}
		return ips
	}
	tests := []struct {
		name, config string
		ask          Ask
		// fails and route begin the texts; certain says of the route that the pod fails.
		fails, route string
		certain      bool
	}{
		{"static without an address", uplink, Ask{}, "its IPAM static has no address", "", false},
		{"static without an address, of a plugin that is not known", `{"cniVersion":"1.0.0","type":"sriov","ipam":{"type":"static"}}`, Ask{}, "", "", false},
		{"static without an address, beside one that is not known", `{"cniVersion":"1.0.0","plugins":[{"type":"macvlan","ipam":{"type":"static"}},{"type":"somebodys"}]}`, Ask{}, "", "", false},
		{"beside the gateway", uplink, Ask{IPs: []string{"10.1.0.9/24"}}, "", "", false},
		{"the gateway goes with the address", own, Ask{ArgIPs: []string{"10.1.0.9/24"}}, "", "another address takes the place of the network's, and its gateway", false},
		{"the gateway stays beside the address", own, Ask{IPs: []string{"10.1.0.9/24"}}, "", "", false},
		{"by cni-args", uplink, Ask{ArgIPs: []string{"10.1.0.9/24"}}, "", "", false},
		{"elsewhere", uplink, Ask{IPs: []string{"10.2.0.9/24"}}, "", "route 1 of its IPAM goes by the gateway", true},
		{"unreadable address", fixed, Ask{}, `"ipam.addresses[0].address" is "10.1.0.7"`, "", false},
		{"unreadable address, added to", fixed, Ask{IPs: []string{"10.1.0.9/24"}}, `"ipam.addresses[0].address" is "10.1.0.7"`, "", false},
		{"unreadable address, replaced", fixed, Ask{ArgIPs: []string{"10.1.0.9/24"}}, "", "", false},
		{"gateway in the range", ranged, Ask{DefaultRoutes: route("10.1.0.1")}, "", "", false},
		{"gateway elsewhere", ranged, Ask{DefaultRoutes: route("10.2.0.1")}, "", "is in no subnet of the interface", true},
		{"the first of two elsewhere", ranged, Ask{DefaultRoutes: route("10.2.0.1", "10.1.0.1")}, "", "is in no subnet of the interface", false},
		{"an address elsewhere, and so no word about the route", ranged, Ask{IPs: []string{"10.2.0.9"}, DefaultRoutes: route("10.2.0.1")}, "", "", false},
		{"a plugin that may give addresses", other, Ask{DefaultRoutes: route("10.2.0.1")}, "", "", false},
		{"mac of the network", mac, Ask{}, "its mac is a multicast address", "", false},
		{"mac of the pod", mac, Ask{MAC: "02:00:00:00:00:01"}, "", "", false},
		{"mac of tuning", tuned, Ask{}, "the mac of its plugin tuning is not a MAC address", "", false},
		{"mac of the pod before tuning", tuned, Ask{MAC: "02:00:00:00:00:01"}, "", "", false},
		{"IPv6 on a narrow link", narrow, Ask{IPs: []string{"fd00::7/64"}}, "its mtu is 1279", "", false},
		{"IPv4 on a narrow link", narrow, Ask{IPs: []string{"10.1.0.9/24"}}, "", "", false},
		{"the network asks for what is not there", asking, Ask{}, `the address "10.9.0.7" in its args is outside`, "", false},
		{"the pod asks for another", asking, Ask{ArgIPs: []string{"10.1.0.9"}}, "", "", false},
		{"the network asks for what is not there, and the pod too", asking, Ask{IPs: []string{"10.1.0.9"}}, `the address "10.9.0.7" in its args is outside`, "", false},
		{"args that cannot be read", odd, Ask{}, "the plugin host-local cannot read", "", false},
		{"args that cannot be read, replaced", odd, Ask{ArgIPs: []string{"10.1.0.9"}}, "", "", false},
		{"mac of tuning, replaced by cni-args", tuned, Ask{ArgMAC: "02:00:00:00:00:01"}, "", "", false},
		{"mac of the network, replaced by its runtimeConfig", again, Ask{}, "", "", false},
		{"the addresses of the device", device, Ask{DefaultRoutes: route("10.1.0.1")}, "", "", false},
		{"sbr behind the addresses of the device", sbr, Ask{}, "", "", false},
		{"a device by its address on the bus, which a program may drive", bus, Ask{}, "", "", false},
		{"another plugin that may rename", renamed, Ask{}, "", "", false},
		{"a bridge with an MTU that is left out", bridge, Ask{}, "", "", false},
		{"default-route beside sbr", sourced, Ask{DefaultRoutes: route("10.1.0.1")}, "", "is out of reach once the plugin sbr", true},
		{"sbr by a gateway elsewhere", astray, Ask{}, "", "the default route of its plugin sbr goes by the gateway", true},
		{"routes that an old result has no room for", old, Ask{}, "", "", false},
		{"a scope of one byte", scope, Ask{}, "", "", false},
		{"every pod fails, which is said elsewhere", broken, Ask{}, "", "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n := Compile(Source{Name: "a", Config: tt.config})
			if tt.name != "every pod fails, which is said elsewhere" && n.FailsAll() != "" {
				t.Errorf("every pod fails: %s", n.FailsAll())
			}
			if fails, _ := n.Fails(&tt.ask); !strings.HasPrefix(fails, tt.fails) || fails != "" && tt.fails == "" {
				t.Errorf("fails because %q, want %q", fails, tt.fails)
			}
			faults := n.RouteFaults(&tt.ask)
			if tt.route == "" {
				if len(faults) > 0 {
					t.Errorf("routes %+v", faults)
				}
				return
			}
			if len(faults) != 1 || !strings.HasPrefix(faults[0].Text, tt.route) || faults[0].Certain != tt.certain || faults[0].Want == "" {
				t.Errorf("routes %+v, want %q, certain: %t", faults, tt.route, tt.certain)
			}
		})
	}
}

func TestDefaultRoutes(t *testing.T) {
	const head = `{"cniVersion":"1.0.0","plugins":[{"type":"macvlan","master":"eth1","ipam":{"type":"host-local","ranges":[[{"subnet":"10.1.0.0/24"}],[{"subnet":"fd00::/64"}]],"routes":[`
	for _, tt := range []struct {
		name, routes, behind string
		ask                  Ask
		want                 Takes
	}{
		{"both families", `{"dst":"0.0.0.0/0"},{"dst":"::/0"}`, "", Ask{}, Takes{true, true}},
		{"IPv6", `{"dst":"::/0"}`, "", Ask{}, Takes{false, true}},
		{"another destination", `{"dst":"10.0.0.0/8"}`, "", Ask{}, Takes{}},
		{"a table of its own", `{"dst":"0.0.0.0/0","table":100}`, "", Ask{}, Takes{}},
		{"the main table", `{"dst":"0.0.0.0/0","table":254}`, "", Ask{}, Takes{true, false}},
		{"a worse metric", `{"dst":"0.0.0.0/0","priority":5}`, "", Ask{}, Takes{}},
		{"sbr", `{"dst":"0.0.0.0/0"}`, `,{"type":"sbr"}`, Ask{}, Takes{}},
		{"route-override", `{"dst":"0.0.0.0/0"}`, `,{"type":"route-override"}`, Ask{}, Takes{}},
		{"tuning", `{"dst":"0.0.0.0/0"}`, `,{"type":"tuning"}`, Ask{}, Takes{true, false}},
		{"the first interface", `{"dst":"0.0.0.0/0"}`, "", Ask{First: true}, Takes{}},
		{"an address beside the gateway", `{"dst":"0.0.0.0/0","gw":"10.1.0.1"}`, "", Ask{IPs: []string{"10.1.0.7/24"}}, Takes{}},
		{"an attachment that fails", `{"dst":"0.0.0.0/0"}`, "", Ask{IPs: []string{"10.2.0.7"}}, Takes{}},
	} {
		n := Compile(Source{Name: "a", Config: head + tt.routes + `]}}` + tt.behind + `]}`})
		if got := n.DefaultRoutes(&tt.ask); got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
	// Without a gateway a route of IPv6 takes nothing.
	n := Compile(Source{Name: "a", Config: `{"cniVersion":"1.0.0","type":"macvlan","master":"eth1","ipam":{"type":"static","addresses":[{"address":"fd00::7/64"}],"routes":[{"dst":"::/0"}]}}`})
	if got := n.DefaultRoutes(&Ask{}); got != (Takes{}) {
		t.Errorf("without a gateway: %+v", got)
	}
}

// TestFlawsAreLocated: where a flaw stands is found in the text that the network was made of,
// for a single plugin and in a list.
func TestFlawsAreLocated(t *testing.T) {
	for _, tt := range []struct{ config, at string }{
		{`{"cniVersion":"1.0.0","type":"macvlan","master":"eth1","ipam":{"type":"host-local","subnet":"10.1.0.0/24","routes":[{"dst":"0.0.0.0/0"},{"gw":"10.1.0.9"}]}}`, `{"gw":"10.1.0.9"}`},
		{`{"cniVersion":"1.0.0","plugins":[{"type":"macvlan","master":"eth1"},{"type":"tuning","mtu":67}]}`, `67}]}`},
		{`{"cniVersion":"1.0.0","plugins":[{"type":"macvlan","master":"eth1"},{"type":"tuning","sysctl":{"net.ipv4.ip_forward":1}}]}`, `1}}]}`},
		{`{"cniVersion":"1.0.0","plugins":[{"type":"macvlan","master":"eth1"},{"type":"sbr"}]}`, `"sbr"`},
		{`{"cniVersion":"1.0.0","type":"macvlan","master":"eth1","ipam":{"type":"static","addresses":[{"address":"10.1.0.7/24"},{"address":"10.1.0.8"}]}}`, `"10.1.0.8"`},
	} {
		n := Compile(Source{Name: "a", Config: tt.config})
		if len(n.Flaws()) != 1 {
			t.Errorf("%s: %d flaws", tt.config, len(n.Flaws()))
			continue
		}
		f := &n.Flaws()[0]
		if at := n.LocateFlaw(tt.config, f); !strings.HasPrefix(tt.config[at:], tt.at) {
			t.Errorf("%s: %q is located at %q", tt.config, f.Text, tt.config[at:])
		}
		if (n.FailsAll() != "") != (f.Effect == flaw.FailsAll) || f.Want == "" {
			t.Errorf("%s: %+v, and all fail because %q", tt.config, f, n.FailsAll())
		}
	}
}

// TestLargeNetworks: what is larger than anything that works is not judged, quickly, and little
// of it is kept.
func TestLargeNetworks(t *testing.T) {
	repeat := func(text string, n int) string { return strings.TrimSuffix(strings.Repeat(text+",", n), ",") }
	for name, config := range map[string]string{
		"addresses": `{"cniVersion":"1.0.0","type":"macvlan","ipam":{"type":"static","addresses":[` + repeat("{}", 100000) + `]}}`,
		"routes":    `{"cniVersion":"1.0.0","type":"macvlan","ipam":{"type":"static","addresses":[{"address":"10.1.0.7/24"}],"routes":[` + repeat(`{"dst":"10.9.0.1/16"}`, 20000) + `]}}`,
		"plugins":   `{"cniVersion":"1.0.0","plugins":[{"type":"macvlan"},` + repeat(`{"type":"sbr"}`, 20000) + `]}`,
		"sysctls":   `{"cniVersion":"1.0.0","plugins":[{"type":"macvlan"},` + repeat(`{"type":"tuning","mtu":5}`, 20000) + `]}`,
	} {
		n := Compile(Source{Name: "a", Config: config})
		if len(n.Flaws()) > mostFlaws || n.Unusable != "" {
			t.Errorf("%s: %d flaws, %s", name, len(n.Flaws()), n.Unusable)
		}
		n.RouteFaults(&Ask{DefaultRoutes: []net.IP{net.ParseIP("10.2.0.1")}})
		n.AddressFaults(&Ask{IPs: slices.Repeat([]string{"10.2.0.1/24"}, 4000)})
	}
}
