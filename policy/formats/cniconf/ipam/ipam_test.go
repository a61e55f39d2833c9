package ipam

import (
	"net/netip"
	"reflect"
	"testing"
)

func addr(s string) netip.Addr     { return netip.MustParseAddr(s) }
func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

// TestCompile compares everything that is read of well-formed configurations.
func TestCompile(t *testing.T) {
	tests := []struct {
		name, kind, main string
		completed        bool
		want             Plugin
	}{
		{name: "none", main: `{}`, want: none{}},
		{name: "none, and the main plugin may take one", main: `{}`, completed: true, want: &other{}},
		{name: "spiderpool", kind: "spiderpool", main: `{"ipam":{"log_level":"DEBUG","log_file_max_size":100}}`, want: &spiderpool{}},
		{name: "spiderpool with pools", kind: "spiderpool", completed: true,
			main: `{"ipam":{"default_ipv4_ippool":["v4-a","v4-b*"],"default_ipv6_ippool":["v6-a"]}}`,
			want: &spiderpool{pools: Pools{IPv4: []string{"v4-a", "v4-b*"}, IPv6: []string{"v6-a"}}}},
		{name: "host-local", kind: "host-local",
			main: `{"ipam":{"subnet":"172.16.0.0/16","rangeStart":"172.16.123.101","rangeEnd":"172.16.123.200","routes":[{"dst":"0.0.0.0/0"}],"gateway":"172.16.0.254"}}`,
			want: &hostLocal{ranges: [][]hostLocalRange{{{
				Subnet: prefix("172.16.0.0/16"), Start: addr("172.16.123.101"),
				End: addr("172.16.123.200"), Gateway: addr("172.16.0.254"),
			}}}, routes: []Route{{Dst: prefix("0.0.0.0/0")}}, store: "/var/lib/cni/networks/a", direct: true}},
		{name: "host-local with sets of ranges, the direct one first", kind: "host-local",
			main: `{"ipam":{"dataDir":"/run/cni","ranges":[[{"subnet":"10.1.0.0/24","rangeEnd":"10.1.0.99"},{"subnet":"10.1.0.0/24","rangeStart":"10.1.0.100"}],
				[{"subnet":"fd00::/64","gateway":"fd00::ff"}]],"subnet":"10.2.0.0/24"}}`,
			want: &hostLocal{ranges: [][]hostLocalRange{
				{{Subnet: prefix("10.2.0.0/24")}},
				{{Subnet: prefix("10.1.0.0/24"), End: addr("10.1.0.99")}, {Subnet: prefix("10.1.0.0/24"), Start: addr("10.1.0.100")}},
				{{Subnet: prefix("fd00::/64"), Gateway: addr("fd00::ff")}},
			}, store: "/run/cni/a", direct: true}},
		{name: "host-local that the main plugin completes", kind: "host-local", completed: true, main: `{"ipam":{"subnet":"usePodCidr"}}`,
			want: &other{name: "host-local"}},
		{name: "static", kind: "static",
			main: `{"ipam":{"addresses":[{"address":"10.10.0.1/24","gateway":"10.10.0.254"},{"address":"3ffe:ffff:0:01ff::1/64"},{"address":"nonsense"}],
				"routes":[{"dst":"0.0.0.0/0"},{"dst":"192.168.0.0/16","gw":"10.10.5.1"}],"dns":{"nameservers":["8.8.8.8"]}}}`,
			want: &static{addresses: []staticAddress{
				{prefix: prefix("10.10.0.1/24"), gateway: addr("10.10.0.254")},
				{prefix: prefix("3ffe:ffff:0:1ff::1/64"), index: 1},
			}, unreadable: []textAt{{2, "nonsense"}}, cniVersion: "1.0.0", routes: []Route{
				{Dst: prefix("0.0.0.0/0")}, {Dst: prefix("192.168.0.0/16"), Gateway: addr("10.10.5.1")},
			}}},
		{name: "dhcp", kind: "dhcp", main: `{"ipam":{"request":[]}}`, want: dhcp{}},
		{name: "another", kind: "calico-ipam", main: `{"ipam":{"subnet":"10.0.0.0/8"}}`, want: &other{name: "calico-ipam"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := Compile(Source{Type: tt.kind, Main: []byte(tt.main), Completed: tt.completed, Network: "a", CNIVersion: "1.0.0"})
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("\n got %+v\nwant %+v", got, tt.want)
			}
			if got.Type() != tt.kind || got.Fault() != "" {
				t.Errorf("type %q, fault %q", got.Type(), got.Fault())
			}
		})
	}
}

// TestAnswers pins what each plugin says of itself.
func TestAnswers(t *testing.T) {
	const ranged = `{"ipam":{"subnet":"10.0.0.0/24","addresses":[{"address":"10.0.0.9/24"}]}}`
	type answers struct {
		spans     int
		nodeLocal bool
		pools     bool
		// shares with a network of the same configuration.
		shares bool
		// old says that version 0.2.0 of the specification is accepted.
		old bool
		// assigns without and with a plugin that reads a plain address.
		assigns, besideReader bool
	}
	tests := map[string]answers{
		"":            {old: true},
		"dhcp":        {old: true},
		"calico-ipam": {old: true},
		"static":      {spans: 1, old: true, assigns: true},
		"host-local":  {spans: 1, nodeLocal: true, shares: true, old: true, assigns: true, besideReader: true},
		"spiderpool":  {pools: true},
		"whereabouts": {spans: 1, shares: true, old: true, assigns: true},
	}
	for kind, want := range tests {
		p := Compile(Source{Type: kind, Main: []byte(ranged), Network: "a", CNIVersion: "1.0.0"})
		got := answers{
			spans: len(p.Spans()), nodeLocal: p.NodeLocal(), pools: p.Pools() != nil, shares: p.Shares(p), old: p.VersionFault("0.2.0") == "",
			assigns: p.Assigns(false, Chain{}), besideReader: p.Assigns(false, Chain{PlainReader: "router"}),
		}
		if got != want {
			t.Errorf("%q\n got %+v\nwant %+v", kind, got, want)
		}
	}
	for _, r := range known {
		if _, tested := tests[r.kind]; !tested {
			t.Errorf("the answers of %q are not tested", r.kind)
		}
	}
}
