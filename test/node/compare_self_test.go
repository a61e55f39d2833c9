package node

import (
	"strings"
	"testing"

	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// What cannot fail proves nothing: each fault is found.
func TestCompare(t *testing.T) {
	networks := []network{
		{Namespace: "default", Name: "n", Config: macvlan(inRange)},
		{Namespace: "default", Name: "fixed", Config: macvlan(`{"type":"static","addresses":[{"address":"10.20.30.40/24"}]}`, `"mac":"02:5e:00:00:00:09"`)},
		{Namespace: "default", Name: "none", Config: `{"type":"loopback"}`},
	}
	says := func(action verdict.Action, rule string) []verdict.Finding {
		return []verdict.Finding{{Action: action, Rule: rule}}
	}
	started := func(routes ...route) outcome {
		return outcome{Interfaces: map[string]iface{
			"eth0": {Up: true, Addresses: []string{"10.244.0.2/24"}},
			"net1": {Up: true, MAC: "02:5e:00:00:00:01", Addresses: []string{"10.20.30.50/24", "fd00:20::50/64"}},
		}, Routes: routes}
	}
	all := `[{"name":"n","mac":"02-5E-00-00-00-01","ips":["10.20.30.50","fd00:20:0::50/64"],"default-route":["10.20.30.1"]}]`
	wanted := route{IPv4: true, Interface: "net1", Gateway: "10.20.30.1"}
	tests := []struct {
		title, networks string
		plain           bool
		findings        []verdict.Finding
		outcome         outcome
		want, text      string
	}{
		{"all that is asked for", all, false, nil, started(wanted), agree, ""},
		{"passed, fails", all, false, nil, outcome{Failure: "no"}, passedFails, "no"},
		{"passed, refused by containerd", all, false, nil, outcome{Refusal: "no"}, passedFails, "no"},
		{"warned of something else, fails", all, false, says(verdict.Warn, "network-not-coordinated"), outcome{Failure: "no"}, passedFails, "no"},
		{"warned of just that, fails", all, false, says(verdict.Warn, "network-not-found"), outcome{Failure: "no"}, agree, "no"},
		{"warned of just that, starts", all, false, says(verdict.Warn, "network-not-found"), started(wanted), foretold, ""},
		{"denied, fails", all, false, says(verdict.Deny, "network-not-found"), outcome{Failure: "no"}, agree, "no"},
		{"denied, starts", all, false, says(verdict.Deny, "network-not-found"), started(wanted), deniedWorks, ""},
		{"denied for policy, starts", all, false, says(verdict.Deny, "overlay-as-default-network"), started(wanted), notCompared, ""},
		{"denied for both, starts", all, false, append(says(verdict.Deny, "overlay-as-default-network"), says(verdict.Deny, "network-not-found")...), started(wanted), deniedWorks, ""},
		{"cannot be deleted", all, false, nil, outcome{Deletion: "no"}, undeletable, "no"},
		{"no route", all, false, nil, started(), unfulfilled, "no default route by 10.20.30.1"},
		{"a route of the other family", all, false, nil, started(route{Interface: "net1", Gateway: "fe80::1"}), unfulfilled, "no default route by 10.20.30.1"},
		{"an old route", all, false, nil, started(route{IPv4: true, Interface: "net1", Gateway: "10.20.30.9"}), oldRoute, ""},
		{"another MAC address", strings.ReplaceAll(all, "5E", "5F"), false, nil, started(wanted), unfulfilled, "in place of 02:5f:00:00:00:01"},
		{"another address", strings.ReplaceAll(all, ".50", ".51"), false, nil, started(wanted), unfulfilled, "without 10.20.30.51"},
		{"another name", `[{"name":"n","interface":"lan"}]`, false, nil, started(), unfulfilled, "no interface lan"},
		{"two networks", `n,n`, false, nil, started(), unfulfilled, "no interface net2"},
		{"no interface of a plugin that makes none", `n,none`, false, nil, started(), agree, ""},
		{"what the network gives", `fixed`, true, nil, started(), unfulfilled, "in place of 02:5e:00:00:00:09; net1 has the addresses"},
		{"what the network gives, perhaps", `[{"name":"fixed","mac":"02:5e:00:00:00:01"}]`, false, nil, started(), agree, ""},
		{"without effect, as was said", strings.ReplaceAll(all, ".50", ".51"), false, says(verdict.Warn, "address-not-assignable"), started(wanted), agree, ""},
		{"without effect, as was said wrongly", all, false, says(verdict.Warn, "address-not-assignable"), started(wanted), fulfilled, ""},
	}
	for _, tt := range tests {
		t.Run(tt.title, func(t *testing.T) {
			c := &trial{plain: tt.plain, findings: tt.findings, pod: &pod{
				Namespace: "default", Networks: networks, Annotations: map[string]string{networksKey: tt.networks},
			}}
			kind, text := c.compare(&tt.outcome)
			if kind != tt.want || !strings.Contains(text, tt.text) {
				t.Errorf("%s: %s, want %s: %s", kind, text, tt.want, tt.text)
			}
		})
	}
}

// What keeps a pod from being run is a plugin of others or a kind of link, and never
// something that fails everywhere.
func TestNeeds(t *testing.T) {
	lacks := []string{"vlan", "ipvlan", "bridge with VLANs"}
	for failure, want := range map[string]string{
		`failed to find plugin "spiderpool" in path [/opt/cni/bin]`:                          "Spiderpool",
		`failed to find plugin ".." in path [/opt/cni/bin]`:                                  "",
		`failed to find plugin "macvlan" in path [/opt/cni/bin]`:                             "",
		`failed to create ipvlan: operation not supported`:                                   "a kernel with links of kind ipvlan",
		`failed to create vlan: operation not supported`:                                     "a kernel with links of kind vlan",
		`failed to create dummy: operation not supported`:                                    "",
		`failed to create macvlan: operation not supported`:                                  "",
		`failed to create bridge "br9": could not add "br9": operation not supported`:        "a kernel with links of kind bridge with VLANs",
		`failed to create bridge "br9": could not add "br9": invalid argument`:               "",
		`error dialing DHCP daemon: dial unix /run/cni/dhcp.sock: no such file or directory`: "a DHCP server",
	} {
		o := outcome{Failure: failure}
		if got := o.needs(lacks); got != want {
			t.Errorf("%s: needs %q, want %q", failure, got, want)
		}
	}
}
