package cniconf

import (
	"fmt"
	"strings"
	"testing"

	"github.com/macvlan-webhook/macvlan-webhook/policy/address/mac"
)

// What is certain of an attachment beforehand, by the precedence of the plugins 1.10.0.
func TestFixed(t *testing.T) {
	const (
		static    = `"ipam":{"type":"static","addresses":[{"address":"10.9.0.5/24"},{"address":"fd00::5/64"}]}`
		hostLocal = `"ipam":{"type":"host-local","subnet":"10.9.0.0/24"}`
		args      = `"args":{"cni":{"ips":["10.9.0.6/24"]}},`
		runtime   = `"runtimeConfig":{"ips":["10.9.0.7/24"]},`
		own       = `"mac":"02:00:00:00:00:01",`
		ofRuntime = `"runtimeConfig":{"mac":"02:00:00:00:00:02"},`
		tuning    = `,{"type":"tuning","mac":"02:00:00:00:00:03"}`
		ofArgs    = `,{"type":"tuning","args":{"cni":{"mac":"02:00:00:00:00:04"}}}`
	)
	one := func(rest string) string { return `{"cniVersion":"1.0.0","type":"macvlan",` + rest + `}` }
	list := func(rest, behind string) string {
		return `{"cniVersion":"1.0.0","plugins":[{"type":"macvlan",` + rest + `}` + behind + `]}`
	}
	capable := `"capabilities":{"ips":true,"mac":true},`
	ips, argIPs := []string{"10.9.0.8/24"}, []string{"10.9.0.9/24"}
	pods, argMAC := "02:00:00:00:00:08", "02:00:00:00:00:09"
	for _, tt := range []struct {
		name, config string
		ask          Ask
		want         string
	}{
		{"nothing is fixed", one(hostLocal), Ask{}, ""},
		{"static", one(static), Ask{}, "10.9.0.5 fd00::5"},
		{"static, beside what a pod asks for", one(static), Ask{IPs: ips}, "ips 10.9.0.5 fd00::5"},
		{"static, replaced by the capability", one(capable + static), Ask{IPs: ips}, "ips"},
		{"static, not replaced on the first interface", one(capable + static), Ask{IPs: ips, First: true}, "ips 10.9.0.5 fd00::5"},
		{"static, replaced by arguments", one(static), Ask{ArgIPs: argIPs}, "args"},
		{"static, arguments before ips", one(static), Ask{IPs: ips, ArgIPs: argIPs}, "args"},
		{"static, the capability before arguments", one(capable + static), Ask{IPs: ips, ArgIPs: argIPs}, "ips"},
		{"args of the network", one(args + static), Ask{}, "10.9.0.6"},
		{"args of the network, replaced", one(args + static), Ask{ArgIPs: argIPs}, "args"},
		{"args of the network, taken away", one(args + static), Ask{ArgIPs: []string{}}, "10.9.0.5 fd00::5"},
		{"args of the network, before ips", one(args + static), Ask{IPs: ips}, "10.9.0.6"},
		{"runtimeConfig of the network", one(runtime + args + static), Ask{IPs: ips, ArgIPs: argIPs}, "10.9.0.7"},
		{"runtimeConfig of the network, replaced", one(capable + runtime + args + static), Ask{IPs: ips}, "ips"},
		{"host-local takes all", one(args + runtime + hostLocal), Ask{IPs: ips}, "ips 10.9.0.6 10.9.0.7"},
		{"host-local takes arguments", one(hostLocal), Ask{ArgIPs: argIPs}, "args"},
		{"dhcp reads no arguments", one(args + `"ipam":{"type":"dhcp"}`), Ask{ArgIPs: argIPs}, ""},
		{"0.0.0.0 is no address", one(`"ipam":{"type":"static","addresses":[{"address":"0.0.0.0/24"}]}`), Ask{}, ""},
		{"a network that fails every pod", one(`"mode":"bad",` + own + static), Ask{}, ""},

		{"macvlan", one(own + hostLocal), Ask{}, "its 02:00:00:00:00:01"},
		{"macvlan, replaced", one(own + hostLocal), Ask{MAC: pods}, "pod's " + pods},
		{"macvlan, not replaced by arguments", one(own + hostLocal), Ask{ArgMAC: argMAC}, "its 02:00:00:00:00:01"},
		{"runtimeConfig before a pod's", one(own + ofRuntime + hostLocal), Ask{MAC: pods}, "its 02:00:00:00:00:02"},
		{"runtimeConfig, replaced", one(capable + own + ofRuntime + hostLocal), Ask{MAC: pods}, "pod's " + pods},
		{"tuning", list(own+hostLocal, tuning), Ask{}, "its 02:00:00:00:00:03"},
		{"tuning, replaced", list(own+hostLocal, tuning), Ask{MAC: pods}, "pod's " + pods},
		{"tuning, replaced by arguments", list(own+hostLocal, tuning), Ask{MAC: pods, ArgMAC: argMAC}, "pod's " + argMAC},
		{"args of tuning before a pod's", list(own+hostLocal, ofArgs), Ask{MAC: pods}, "its 02:00:00:00:00:04"},
		{"args of tuning, replaced", list(own+hostLocal, ofArgs), Ask{ArgMAC: argMAC}, "pod's " + argMAC},
		{"passthru", one(own + `"mode":"passthru",` + hostLocal), Ask{MAC: pods}, ""},
		{"passthru, tuned", list(own+`"mode":"passthru",`+hostLocal, tuning), Ask{}, "its 02:00:00:00:00:03"},
		{"ipvlan", `{"cniVersion":"1.0.0","type":"ipvlan",` + own + hostLocal + `}`, Ask{MAC: pods}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := Compile(Source{Namespace: "default", Name: "n", Config: tt.config})
			f, addresses := n.Fixed(&tt.ask)
			var got []string
			if f.ByIPs {
				got = append(got, "ips")
			}
			if f.ByArgs {
				got = append(got, "args")
			}
			for _, ip := range addresses {
				got = append(got, ip.String())
			}
			switch {
			case f.OwnMAC:
				got = append(got, "its "+f.MAC.String())
			case f.MAC != (mac.Address{}):
				got = append(got, "pod's "+f.MAC.String())
			}
			if text := strings.Join(got, " "); text != tt.want {
				t.Errorf("%q, want %q", text, tt.want)
			}
			if n.FixesAny() == (tt.want == "" || !strings.ContainsAny(tt.want, "0123456789")) && len(tt.ask.IPs)+len(tt.ask.ArgIPs) == 0 && tt.ask.MAC+tt.ask.ArgMAC == "" {
				t.Errorf("FixesAny is %t", n.FixesAny())
			}
		})
	}
}

// The many networks that fix nothing cost nothing.
func TestFixedAllocatesNothing(t *testing.T) {
	n := Compile(Source{Namespace: "kube-system", Name: "macvlan-standalone-vlan0", Config: chartStandalone})
	ask := Ask{Interface: "net1"}
	if allocations := testing.AllocsPerRun(100, func() { n.Fixed(&ask) }); allocations != 0 {
		t.Errorf("%v allocations", allocations)
	}
}

// host-local has so many addresses for one pod: without the gateway, and for all attachments
// that share its store and its ranges.
func TestShortage(t *testing.T) {
	network := func(name, ranges string) *Network {
		n := Compile(Source{Namespace: "default", Name: "n", Config: fmt.Sprintf(`{"cniVersion":"1.0.0","name":%q,"type":"macvlan","ipam":{"type":"host-local",%s}}`, name, ranges)})
		if why := n.FailsAll(); why != "" {
			t.Fatal(why)
		}
		return n
	}
	const (
		tight  = `"subnet":"10.1.0.4/30"`
		pair   = `"subnet":"10.1.0.0/24","rangeStart":"10.1.0.1","rangeEnd":"10.1.0.3"`
		second = `"subnet":"10.1.0.0/24","rangeStart":"10.1.0.9","rangeEnd":"10.1.0.9"`
		dual   = `"ranges":[[{"subnet":"10.1.0.0/24"}],[{"subnet":"fd00::4/126"}]]`
		joined = `"ranges":[[{"subnet":"10.1.0.4/30"},{"subnet":"10.1.0.8/30"}]]`
	)
	for _, tt := range []struct {
		name  string
		takes []Attachment
		index int
		text  string
	}{
		{"one of one", []Attachment{{Network: network("a", tight)}}, -1, ""},
		{"two of one", []Attachment{{Network: network("a", tight)}, {}, {Network: network("a", tight)}}, 2, "host-local has one address to give from 10.1.0.5-10.1.0.6"},
		{"two of one, of another store", []Attachment{{Network: network("a", tight)}, {Network: network("b", tight)}}, -1, ""},
		{"two of one store, and other ranges", []Attachment{{Network: network("a", tight)}, {Network: network("a", second)}}, -1, ""},
		{"two of two", []Attachment{{Network: network("a", pair)}, {Network: network("a", pair)}}, -1, ""},
		{"three of two", []Attachment{{Network: network("a", pair)}, {Network: network("a", pair)}, {Network: network("a", pair)}}, 2, "host-local has 2 addresses to give from 10.1.0.1-10.1.0.3"},
		{"one asked for by both", []Attachment{{Network: network("a", second), Ask: Ask{IPs: []string{"10.1.0.9"}}}, {Network: network("a", second), Ask: Ask{ArgIPs: []string{"10.1.0.9"}}}}, -1, ""},
		{"one asked for and one chosen", []Attachment{{Network: network("a", second), Ask: Ask{IPs: []string{"10.1.0.9"}}}, {Network: network("a", second)}}, 1, "host-local has one address to give from 10.1.0.9-10.1.0.9"},
		{"the set that is smaller", []Attachment{{Network: network("a", dual)}, {Network: network("a", dual)}, {Network: network("a", dual)}}, 2, "host-local has 2 addresses to give from fd00::5-fd00::7"},
		{"two ranges of a set", []Attachment{{Network: network("a", joined)}, {Network: network("a", joined)}}, -1, ""},
		{"three of two ranges of a set", []Attachment{{Network: network("a", joined)}, {Network: network("a", joined)}, {Network: network("a", joined)}}, 2, "host-local has 2 addresses to give from 10.1.0.5-10.1.0.6, 10.1.0.9-10.1.0.10"},
		{"no IPAM", []Attachment{{Network: Compile(Source{Name: "n", Config: `{"cniVersion":"1.0.0","type":"macvlan"}`})}, {Network: nil}}, -1, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if index, text := Shortage(tt.takes); index != tt.index || text != tt.text {
				t.Errorf("%d %q, want %d %q", index, text, tt.index, tt.text)
			}
		})
	}
}
