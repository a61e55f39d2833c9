package ipam

import (
	"net"
	"net/netip"
	"strings"
	"testing"
)

// TestRouteFaults pins the words; test/node holds the verdicts against the kernel.
func TestRouteFaults(t *testing.T) {
	lan := Given{Known: true, Prefixes: []netip.Prefix{prefix("10.1.0.7/24"), prefix("fd00::7/64")}, Gateway4: addr("10.1.0.1")}
	host := Given{Known: true, Prefixes: []netip.Prefix{prefix("10.1.0.7/32")}}
	tests := []struct {
		name   string
		given  Given
		routes []Route
		// want are the details, depends which of them other addresses would mend.
		want    []string
		depends bool
	}{
		{"by the gateway of the address", lan, []Route{{Dst: prefix("0.0.0.0/0")}}, nil, false},
		{"by a neighbour", lan, []Route{{Dst: prefix("172.16.0.0/12"), Gateway: addr("10.1.0.9")}}, nil, false},
		{"by the address itself", lan, []Route{{Dst: prefix("172.16.0.0/12"), Gateway: addr("10.1.0.7")}}, nil, false},
		{"by the address of the network", lan, []Route{{Dst: prefix("172.16.0.0/12"), Gateway: addr("10.1.0.0")}}, nil, false},
		{"by a link-local gateway", lan, []Route{{Dst: prefix("::/0"), Gateway: addr("fe80::1")}}, nil, false},
		{"on the link", lan, []Route{{Dst: prefix("fd00:9::/64")}}, nil, false},
		{"nowhere", lan, []Route{{}}, []string{`has no "dst"`}, false},
		{"host bits", lan, []Route{{Dst: prefix("172.16.5.5/16")}}, []string{`has the destination "172.16.5.5/16", which has host bits set`}, false},
		{"host bits of IPv6", lan, []Route{{Dst: prefix("fd00:9::5/64")}}, nil, false},
		{"another family", lan, []Route{{Dst: prefix("0.0.0.0/0"), Gateway: addr("fd00::1")}}, []string{`leads to "0.0.0.0/0" by "fd00::1", which is of the other family`}, false},
		{"out of reach", lan, []Route{{Dst: prefix("0.0.0.0/0"), Gateway: addr("10.9.0.1")}},
			[]string{`goes by the gateway "10.9.0.1", which is in no subnet of the interface (10.1.0.0/24, fd00::/64)`}, true},
		{"broadcast", lan, []Route{{Dst: prefix("0.0.0.0/0"), Gateway: addr("10.1.0.255")}}, []string{`goes by the gateway "10.1.0.255", which is the broadcast address of 10.1.0.0/24`}, true},
		{"no address", Given{Known: true}, []Route{{Dst: prefix("0.0.0.0/0"), Gateway: addr("10.9.0.1")}},
			[]string{`goes by the gateway "10.9.0.1", which is out of reach: the interface has no address`}, true},
		{"addresses unknown", Given{}, []Route{{Dst: prefix("0.0.0.0/0"), Gateway: addr("10.9.0.1")}}, nil, false},
		{"twice", lan, []Route{{Dst: prefix("0.0.0.0/0")}, {Dst: prefix("0.0.0.0/0"), Gateway: addr("10.1.0.1")}}, []string{"is the same as route 1"}, false},
		{"twice, by the address's gateway", lan, []Route{{Dst: prefix("0.0.0.0/0")}, {Dst: prefix("0.0.0.0/0")}}, []string{"is the same as route 1"}, true},
		{"twice, in two tables", lan, []Route{{Dst: prefix("0.0.0.0/0")}, {Dst: prefix("0.0.0.0/0"), Table: 100}}, nil, false},
		{"twice, in the main table", lan, []Route{{Dst: prefix("0.0.0.0/0")}, {Dst: prefix("0.0.0.0/0"), Table: 254}}, []string{"is the same as route 1"}, true},
		{"twice, with two metrics", lan, []Route{{Dst: prefix("0.0.0.0/0")}, {Dst: prefix("0.0.0.0/0"), Priority: 5}}, nil, false},
		{"twice, by two gateways", lan, []Route{{Dst: prefix("0.0.0.0/0")}, {Dst: prefix("0.0.0.0/0"), Gateway: addr("10.1.0.9")}}, nil, false},
		{"a scope beside a gateway", lan, []Route{{Dst: prefix("172.16.0.0/12"), Gateway: addr("10.1.0.9"), Scope: 253}},
			[]string{"has a gateway and the scope 253, which is for destinations on the link itself"}, false},
		{"the link first", host, []Route{{Dst: prefix("10.9.0.1/32"), Scope: 253}, {Dst: prefix("0.0.0.0/0"), Gateway: addr("10.9.0.1")}}, nil, false},
		{"the link first, without its scope", host, []Route{{Dst: prefix("10.9.0.1/32")}, {Dst: prefix("0.0.0.0/0"), Gateway: addr("10.9.0.1")}},
			[]string{`goes by the gateway "10.9.0.1", which is in no subnet of the interface (10.1.0.7/32)`}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			faults := RouteFaults(tt.routes, tt.given)
			if len(faults) != len(tt.want) {
				t.Fatalf("faults %+v, want %q", faults, tt.want)
			}
			for i, f := range faults {
				if f.Detail != tt.want[i] || f.Want == "" || f.Depends != tt.depends {
					t.Errorf("%+v, want %q, and that it depends on the addresses: %t", f, tt.want[i], tt.depends)
				}
			}
		})
	}
}

func TestGatewayFaults(t *testing.T) {
	given := Given{Known: true, Prefixes: []netip.Prefix{prefix("10.1.0.7/24")}}
	gateways := []net.IP{net.ParseIP("10.1.0.1"), nil, net.ParseIP("::"), net.ParseIP("0.0.0.0"), net.ParseIP("10.9.0.1"), net.ParseIP("fd00::1"), net.ParseIP("fe80::1")}
	want := []string{"", "is no gateway", "is no gateway to the kernel", "", "is in no subnet", "is in no subnet", ""}
	for i, f := range GatewayFaults(gateways, nil, given) {
		if f.Index != i || (f.Detail == "") != (want[i] == "") || !strings.HasPrefix(f.Detail, want[i]) {
			t.Errorf("%s: %+v, want %q", gateways[i], f, want[i])
		}
	}
	for i, f := range GatewayFaults(gateways, nil, Given{}) {
		if (f.Detail != "") != (i == 1 || i == 2) {
			t.Errorf("addresses unknown: %s: %+v", gateways[i], f)
		}
	}
}

// A route of the network leads to the gateway.
func TestGatewayBehindRoute(t *testing.T) {
	given := Given{Known: true, Prefixes: []netip.Prefix{prefix("10.1.0.7/32")}}
	routes := []Route{{Dst: prefix("10.9.0.0/24"), Scope: 253}, {Dst: prefix("10.8.0.0/24")}}
	for gateway, reached := range map[string]bool{"10.9.0.1": true, "10.8.0.1": false} {
		if f := GatewayFaults([]net.IP{net.ParseIP(gateway)}, routes, given); (f[0].Detail == "") != reached {
			t.Errorf("%s: %+v", gateway, f)
		}
	}
}
