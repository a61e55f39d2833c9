package spiderpool

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseSubnets(t *testing.T) {
	list := func(s ...string) []string { return s }
	tests := []struct {
		title, annotation, value string
		want                     []Selection
		faults                   []string
	}{
		{
			title: "one", annotation: SubnetAnnotation, value: `{"interface":"net1","ipv4":["a"],"ipv6":["b"]}`,
			want: []Selection{{Interface: "net1", IPv4: list("a"), IPv6: list("b")}},
		},
		{title: "eth0 by default", annotation: SubnetAnnotation, value: `{"ipv4":["a"]}`, want: []Selection{{Interface: "eth0", IPv4: list("a")}}},
		{
			title: "first of the list", annotation: SubnetAnnotation, value: `{"ipv4":["a","b"]}`, want: []Selection{{Interface: "eth0", IPv4: list("a")}},
			faults: list(`unknown-field [-1].ipv4 @13 "b" has no effect: only the first subnet of a list counts`),
		},
		{title: "empty", annotation: SubnetAnnotation, value: `{}`, want: []Selection{{Interface: "eth0"}}, faults: list(`invalid [-1]. @0 "" names no subnet`)},
		{title: "null", annotation: SubnetAnnotation, value: `null`, faults: list(`invalid [-1]. @0 "" is null`)},
		{
			title: "empty name", annotation: SubnetAnnotation, value: `{"ipv4":["","a"]}`, want: []Selection{{Interface: "eth0", IPv4: list("")}},
			faults: list(`invalid [-1].ipv4 @9 "" begins with an empty name`, `unknown-field [-1].ipv4 @12 "a" has no effect: only the first subnet of a list counts`),
		},
		{title: "a list", annotation: SubnetAnnotation, value: `[{"ipv4":["a"]}]`, faults: list(`invalid [-1]. @0 "" is a list and must be an object`)},
		{
			title: "a string for a list", annotation: SubnetAnnotation, value: `{"ipv4":"a"}`, want: []Selection{{Interface: "eth0"}},
			faults: list(`invalid [-1].ipv4 @8 "a" does not fit: "ipv4" must be a list of strings`),
		},
		{
			title: "several", annotation: SubnetsAnnotation, value: `[{"interface":"eth0","ipv4":["a"]},{"interface":"net1","ipv6":["a"]}]`,
			want: []Selection{{Interface: "eth0", IPv4: list("a")}, {Interface: "net1", IPv6: list("a")}},
		},
		{title: "no element", annotation: SubnetsAnnotation, value: `[]`, faults: list(`invalid [-1]. @0 "" has no element`)},
		{title: "several: null", annotation: SubnetsAnnotation, value: `null`, faults: list(`invalid [-1]. @0 "" has no element`)},
		{title: "not JSON", annotation: SubnetsAnnotation, value: ``, faults: list(`invalid [-1]. @0 "" is empty`)},
		{
			title: "element without subnets", annotation: SubnetsAnnotation, value: `[{"interface":"eth0"},null]`, want: []Selection{{Interface: "eth0"}, {}},
			faults: list(
				`invalid [0]. @1 "" names no subnet`,
				`invalid [1]. @22 "" names no subnet`,
				`unknown-field [1].interface @22 "" is missing, so that the element is for no interface`,
			),
		},
		{
			title: "same subnet", annotation: SubnetsAnnotation, value: `[{"interface":"eth0","ipv4":["a"]},{"interface":"net1","ipv4":["a"]}]`,
			want:   []Selection{{Interface: "eth0", IPv4: list("a")}, {Interface: "net1", IPv4: list("a")}},
			faults: list(`invalid [1].ipv4 @63 "a" is already the subnet of element 1`),
		},
		{
			title: "same interface", annotation: SubnetsAnnotation, value: `[{"interface":"net1","ipv4":["a"]},{"interface":"net1","ipv4":["b"]}]`,
			want:   []Selection{{Interface: "net1", IPv4: list("a")}, {Interface: "net1", IPv4: list("b")}},
			faults: list(`invalid [1].interface @48 "net1" is already the interface of element 1`),
		},
		{
			title: "no interfaces", annotation: SubnetsAnnotation, value: `[{"ipv4":["a"]},{"ipv4":["b"]}]`, want: []Selection{{IPv4: list("a")}, {IPv4: list("b")}},
			faults: list(
				`unknown-field [0].interface @1 "" is missing, so that the element is for no interface`,
				`invalid [1].interface @16 "" is missing here and in element 1`,
			),
		},
		{
			title: "wrong type", annotation: SubnetsAnnotation, value: `[{"interface":["eth0"],"ipv4":["a"]},5]`, want: []Selection{{IPv4: list("a")}, {}},
			faults: list(`invalid [0].interface @14 "[\"eth0\"]" does not fit: "interface" must be a string`, `invalid [1]. @37 "5" is not an object`),
		},
	}
	for _, tt := range tests {
		t.Run(tt.title, func(t *testing.T) {
			got, faults := Parse(map[string]string{tt.annotation: tt.value})
			if diff := cmp.Diff(tt.want, got.Subnets, sameSelections); diff != "" {
				t.Errorf("%s: (-want +got):\n%s", tt.value, diff)
			}
			if !got.NamesPools || got.HasSubnet != (tt.annotation == SubnetAnnotation) || got.HasSubnets != (tt.annotation == SubnetsAnnotation) {
				t.Errorf("%s: keys of %+v", tt.value, got)
			}
			checkFaults(t, tt.annotation, tt.value, faults, tt.faults)
		})
	}
}

func TestSubnetsCountAboveSubnet(t *testing.T) {
	got, faults := Parse(map[string]string{
		SubnetAnnotation:  `{"ipv4":["one"]}`,
		SubnetsAnnotation: `[{"interface":"net1","ipv4":["many"]}]`,
	})
	want := []Selection{{Interface: "net1", IPv4: []string{"many"}}}
	if diff := cmp.Diff(want, got.Subnets, sameSelections); diff != "" || faults != nil {
		t.Errorf("faults %q, subnets (-want +got):\n%s", briefs(faults), diff)
	}
}

// TestPlainValues: the annotations that hold no JSON. What Spiderpool lets
// pass beside numbers was measured with its own GetPoolIPNumber.
func TestPlainValues(t *testing.T) {
	number := func(value string) []string {
		return []string{`invalid [-1]. @0 "` + value + `" is not a number of addresses`}
	}
	negative := func(value string) []string { return []string{`invalid [-1]. @0 "` + value + `" is below 0`} }
	dropped := func(value string) []string {
		return []string{`unknown-field [-1]. @0 "` + value + `" before the + has no effect`}
	}
	boolean := func(value string) []string {
		return []string{`invalid [-1]. @0 "` + value + `" is neither true nor false`}
	}
	tests := []struct {
		annotation, value string
		faults            []string
	}{
		{IPNumberAnnotation, "3", nil},
		{IPNumberAnnotation, "0", nil},
		{IPNumberAnnotation, "+1", nil},
		{IPNumberAnnotation, "007", nil},
		{IPNumberAnnotation, "1+1", dropped("1")},
		{IPNumberAnnotation, "x+1", dropped("x")},
		{IPNumberAnnotation, "-+1", dropped("-")},
		{IPNumberAnnotation, "", number("")},
		{IPNumberAnnotation, "+", number("+")},
		{IPNumberAnnotation, "++1", number("++1")},
		{IPNumberAnnotation, "1+", number("1+")},
		{IPNumberAnnotation, " 3", number(" 3")},
		{IPNumberAnnotation, "three", number("three")},
		{IPNumberAnnotation, "1.5", number("1.5")},
		{IPNumberAnnotation, "1_000", number("1_000")},
		{IPNumberAnnotation, "0x10", number("0x10")},
		{IPNumberAnnotation, "9223372036854775808", number("9223372036854775808")},
		{IPNumberAnnotation, "-1", negative("-1")},
		{IPNumberAnnotation, "+-1", negative("+-1")},
		{ReclaimAnnotation, "true", nil},
		{ReclaimAnnotation, "F", nil},
		{ReclaimAnnotation, "1", nil},
		{ReclaimAnnotation, "", boolean("")},
		{ReclaimAnnotation, "yes", boolean("yes")},
		{ReclaimAnnotation, "tRUE", boolean("tRUE")},
		{DefaultRouteNICAnnotation, "", nil},
		{DefaultRouteNICAnnotation, "any text", nil},
	}
	for _, tt := range tests {
		got, faults := Parse(map[string]string{tt.annotation: tt.value})
		checkFaults(t, tt.annotation, tt.value, faults, tt.faults)
		if got.NamesPools {
			t.Errorf("%s names pools", tt.annotation)
		}
		if tt.annotation == DefaultRouteNICAnnotation && got.DefaultRouteNIC != tt.value {
			t.Errorf("default route NIC %q, want %q", got.DefaultRouteNIC, tt.value)
		}
	}
}

func TestParseRoutes(t *testing.T) {
	list := func(s ...string) []string { return s }
	tests := []struct {
		title, value string
		want         []Route
		faults       []string
	}{
		{
			title: "both families", value: `[{"dst":"10.0.0.0/16","gw":"192.168.1.1"},{"dst":"fd00::/64","gw":"fd00::1"}]`,
			want: []Route{{"10.0.0.0/16", "192.168.1.1"}, {"fd00::/64", "fd00::1"}},
		},
		{title: "address within the subnet", value: `[{"dst":"10.0.0.7/16","gw":"192.168.1.1"}]`, want: []Route{{"10.0.0.7/16", "192.168.1.1"}}},
		{title: "mapped gateway", value: `[{"dst":"10.0.0.0/16","gw":"::ffff:192.168.1.1"},{"dst":"fd00::/64","gw":"::ffff:1.2.3.4"}]`, want: []Route{{"10.0.0.0/16", "::ffff:192.168.1.1"}, {"fd00::/64", "::ffff:1.2.3.4"}}},
		{title: "no routes", value: `[]`},
		{title: "null", value: `null`},
		{title: "an object", value: `{"dst":"10.0.0.0/16","gw":"192.168.1.1"}`, faults: list(`invalid [-1]. @0 "" is an object and must be a list`)},
		{title: "empty value", value: ``, faults: list(`invalid [-1]. @0 "" is empty`)},
		{
			title: "null for a route", value: `[null]`, want: []Route{{}},
			faults: list(`invalid [0].dst @1 "" is not a subnet with a prefix length`, `invalid [0].gw @1 "" is not an IP address`),
		},
		{
			title: "addresses", value: `[{"dst":"10.0.0.0","gw":"192.168.1.1/24"}]`, want: []Route{{"10.0.0.0", "192.168.1.1/24"}},
			faults: list(`invalid [0].dst @8 "10.0.0.0" is not a subnet with a prefix length`, `invalid [0].gw @24 "192.168.1.1/24" is not an IP address`),
		},
		{
			title: "good gateway of a bad destination", value: `[{"dst":"x","gw":"fd00::1"}]`, want: []Route{{"x", "fd00::1"}},
			faults: list(`invalid [0].dst @8 "x" is not a subnet with a prefix length`),
		},
		{
			title: "families", value: `[{"dst":"10.0.0.0/16","gw":"fd00::1"},{"dst":"fd00::/64","gw":"10.0.0.1"}]`, want: []Route{{"10.0.0.0/16", "fd00::1"}, {"fd00::/64", "10.0.0.1"}},
			faults: list(`invalid [0].gw @27 "fd00::1" is not of the destination's family`, `invalid [1].gw @62 "10.0.0.1" is not of the destination's family`),
		},
		{
			title: "wrong type", value: `[{"dst":10,"gw":"x"},{"dst":"y","gw":"1.1.1.1"}]`, want: []Route{{"", "x"}, {"y", "1.1.1.1"}},
			faults: list(`invalid [0].dst @8 "10" does not fit: "dst" must be a string`, `invalid [1].dst @28 "y" is not a subnet with a prefix length`),
		},
	}
	for _, tt := range tests {
		t.Run(tt.title, func(t *testing.T) {
			got, faults := Parse(map[string]string{RoutesAnnotation: tt.value})
			if diff := cmp.Diff(tt.want, got.Routes, sameSelections); diff != "" {
				t.Errorf("%s: (-want +got):\n%s", tt.value, diff)
			}
			if got.NamesPools {
				t.Errorf("%s names pools", tt.value)
			}
			checkFaults(t, RoutesAnnotation, tt.value, faults, tt.faults)
		})
	}
}
