package spiderpool

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestParsePool goes through section "ippool" of Spiderpool's behaviour: what
// it refuses, what it ignores, and what it makes of the rest.
func TestParsePool(t *testing.T) {
	list := func(names ...string) []string { return names }
	tests := []struct {
		title, value string
		want         *Selection
		faults       []string
	}{
		{title: "both families", value: `{"ipv4":["a"],"ipv6":["b","c"]}`, want: &Selection{IPv4: list("a"), IPv6: list("b", "c")}},
		{title: "keys in any case", value: `{"IPv4":["a"],"iPV6":["b"]}`, want: &Selection{IPv4: list("a"), IPv6: list("b")}},
		{title: "patterns", value: `{"ipv4":["a*","b?","[cd]"]}`, want: &Selection{IPv4: list("a*", "b?", "[cd]")}},
		{title: "empty object", value: `{}`, want: &Selection{}},
		{title: "null", value: `null`, want: &Selection{}},
		{title: "null lists", value: ` {"ipv4":null} `, want: &Selection{}},
		{title: "last of equal keys", value: `{"ipv4":["a"],"ipv4":["b"]}`, want: &Selection{IPv4: list("b")}},
		{
			title: "interface", value: `{"interface":"net1","ipv4":["a"]}`, want: &Selection{IPv4: list("a")},
			faults: list(`unknown-field [-1]. @1 "interface" has no effect in this annotation, which applies to every interface`),
		},
		{
			title: "interface of any type", value: `{"interface":5}`, want: &Selection{},
			faults: list(`unknown-field [-1]. @1 "interface" has no effect in this annotation, which applies to every interface`),
		},
		{
			title: "cleangateway", value: `{"ipv4":["a"],"cleangateway":true}`, want: &Selection{IPv4: list("a")},
			faults: list(`unknown-field [-1]. @14 "cleangateway" has no effect in this annotation, which applies to every interface`),
		},
		{
			title: "old names", value: `{"ipv4pools":["a"],"IPv6Pools":["b"]}`, want: &Selection{},
			faults: list(
				`unknown-field [-1]. @1 "ipv4pools" is not a field that Spiderpool knows`,
				`unknown-field [-1]. @19 "IPv6Pools" is not a field that Spiderpool knows`,
			),
		},
		{
			title: "any other key", value: `{"x\u0079z":[{"ipv4":1e999}],"ipv6":["b"]}`, want: &Selection{IPv6: list("b")},
			faults: list(`unknown-field [-1]. @1 "xyz" is not a field that Spiderpool knows`),
		},
		{title: "empty value", value: ``, faults: list(`invalid [-1]. @0 "" is empty`)},
		{title: "white space", value: "\n ", faults: list(`invalid [-1]. @0 "" is empty but for white space`)},
		{title: "a bare name", value: `pool-a`, faults: list(`invalid [-1]. @0 "" is not valid JSON: line 1, column 1: this must be a value, not 'p': a text stands in double quotes`)},
		{title: "a string", value: `"pool-a"`, faults: list(`invalid [-1]. @0 "" is a string and must be an object`)},
		{title: "a list", value: ` ["a"]`, faults: list(`invalid [-1]. @1 "" is a list and must be an object`)},
		{title: "a number", value: `12`, faults: list(`invalid [-1]. @0 "" is a number and must be an object`)},
		{title: "true", value: `true`, faults: list(`invalid [-1]. @0 "" is true or false and must be an object`)},
		{title: "text behind it", value: `{"ipv4":["a"]} x`, faults: list(`invalid [-1]. @15 "" is not valid JSON: line 1, column 16: this must be the end, not 'x'`)},
		{title: "two objects", value: `{}{}`, faults: list(`invalid [-1]. @2 "" is not valid JSON: line 1, column 3: this must be the end, not '{': several values stand between [ and ]`)},
		{title: "unclosed", value: `{"ipv4":["a"]`, faults: list(`invalid [-1]. @13 "" is not valid JSON: line 1, column 14: it ends before it is complete: the brace opened at column 1 is not closed`)},
		{title: "comma too many", value: `{"ipv4":["a",]}`, faults: list(`invalid [-1]. @13 "" is not valid JSON: line 1, column 14: this must be a value, not ']': the comma before it is one too many`)},
		{title: "single quotes", value: `{'ipv4':['a']}`, faults: list(`invalid [-1]. @1 "" is not valid JSON: line 1, column 2: this must be a key in double quotes, not '\'': keys and texts stand in straight double quotes (")`)},
		{
			title: "a string for a list", value: `{"ipv4":"a","ipv6":["b"]}`, want: &Selection{IPv6: list("b")},
			faults: list(`invalid [-1].ipv4 @8 "a" does not fit: "ipv4" must be a list of strings`),
		},
		{
			title: "members of a wrong type", value: `{"ipv4":["a",{"b":[]},7]}`, want: &Selection{IPv4: list("a", "", "")},
			faults: list(
				`invalid [-1].ipv4 @13 "{\"b\":[]}" does not fit: "ipv4" must be a list of strings`,
				`invalid [-1].ipv4 @22 "7" does not fit: "ipv4" must be a list of strings`,
			),
		},
		{
			title: "the same pool twice", value: `{"ipv4":["a","b","a"],"ipv6":["a","a"]}`, want: &Selection{IPv4: list("a", "b", "a"), IPv6: list("a", "a")},
			faults: list(
				`invalid [-1].ipv4 @17 "a" is named twice for one interface`,
				`invalid [-1].ipv6 @34 "a" is named twice for one interface`,
			),
		},
		{title: "a pool in both families", value: `{"ipv4":["a"],"ipv6":["a"]}`, want: &Selection{IPv4: list("a"), IPv6: list("a")}},
		{title: "a pattern twice", value: `{"ipv4":["a*","a*"]}`, want: &Selection{IPv4: list("a*", "a*")}},
		{
			title: "empty names", value: `{"ipv4":["",null]}`, want: &Selection{IPv4: list("", "")},
			faults: list(`invalid [-1].ipv4 @9 "" is an empty name`, `invalid [-1].ipv4 @12 "" is an empty name`),
		},
		{
			title: "bad pattern", value: `{"ipv4":["a[b-]"],"ipv6":["]x["]}`, want: &Selection{IPv4: list("a[b-]"), IPv6: list("]x[")},
			faults: list(`invalid [-1].ipv4 @9 "a[b-]" is a pattern that cannot be read`, `invalid [-1].ipv6 @26 "]x[" is a pattern that cannot be read`),
		},
		{title: "a lone bracket is a name", value: `{"ipv4":["a["],"ipv6":["b]"]}`, want: &Selection{IPv4: list("a["), IPv6: list("b]")}},
	}
	for _, tt := range tests {
		t.Run(tt.title, func(t *testing.T) {
			got, faults := Parse(map[string]string{PoolAnnotation: tt.value})
			if diff := cmp.Diff(tt.want, got.Pool, sameSelections); diff != "" {
				t.Errorf("%s: (-want +got):\n%s", tt.value, diff)
			}
			if !got.HasPool || !got.NamesPools || got.HasPools || got.HasSubnet || got.HasSubnets {
				t.Errorf("%s: keys of %+v", tt.value, got)
			}
			checkFaults(t, PoolAnnotation, tt.value, faults, tt.faults)
		})
	}
}

// TestParsePools goes through section "ippools" of Spiderpool's behaviour.
func TestParsePools(t *testing.T) {
	list := func(s ...string) []string { return s }
	tests := []struct {
		title, value string
		want         []Selection
		named        bool
		faults       []string
	}{
		{
			title: "named", value: `[{"interface":"eth0","ipv4":["a"]},{"interface":"net1","ipv4":["b"],"ipv6":["c"],"cleangateway":true}]`,
			want:  []Selection{{Interface: "eth0", IPv4: list("a")}, {Interface: "net1", IPv4: list("b"), IPv6: list("c"), CleanGateway: true}},
			named: true,
		},
		{title: "unnamed", value: `[{"ipv4":["a"]},{"ipv6":["b"]}]`, want: []Selection{{IPv4: list("a")}, {IPv6: list("b")}}},
		{title: "empty elements", value: `[{},null]`, want: []Selection{{}, {}}},
		{title: "an empty name is none", value: `[{"interface":"","ipv4":["a"]}]`, want: []Selection{{IPv4: list("a")}}},
		{title: "no element", value: ` []`, faults: list(`invalid [-1]. @1 "" has no element`)},
		{title: "null", value: `null`, faults: list(`invalid [-1]. @0 "" has no element`)},
		{title: "empty value", value: ``, faults: list(`invalid [-1]. @0 "" is empty`)},
		{title: "an object", value: `{"interface":"net1","ipv4":["a"]}`, faults: list(`invalid [-1]. @0 "" is an object and must be a list`)},
		{
			title: "element is no object", value: `["a",{"interface":"net1","ipv4":["b"]}]`, want: []Selection{{}, {Interface: "net1", IPv4: list("b")}}, named: true,
			faults: list(`invalid [0]. @1 "a" is not an object`),
		},
		{
			title: "wrong types", value: `[{"interface":5,"ipv4":"a","cleangateway":"yes"},{"interface":"net1"}]`, want: []Selection{{}, {Interface: "net1"}}, named: true,
			faults: list(
				`invalid [0].interface @14 "5" does not fit: "interface" must be a string`,
				`invalid [0].ipv4 @23 "a" does not fit: "ipv4" must be a list of strings`,
				`invalid [0].cleangateway @42 "yes" does not fit: "cleangateway" must be true or false`,
			),
		},
		{
			title: "a name behind unnamed ones", value: `[{"ipv4":["a"]},{"interface":"net1","ipv4":["b"]}]`, want: []Selection{{IPv4: list("a")}, {Interface: "net1", IPv4: list("b")}},
			faults: list(`invalid [1].interface @29 "net1" is named, and the elements before it name no interface`),
		},
		{
			title: "no name behind named ones", value: `[{"interface":"eth0","ipv4":["a"]},{"ipv4":["b"]}]`, named: true, want: []Selection{{Interface: "eth0", IPv4: list("a")}, {IPv4: list("b")}},
			faults: list(`invalid [1].interface @35 "" is missing, and the elements before it name their interfaces`),
		},
		{
			title: "repeated interface", value: `[{"interface":"net1"},{"interface":"eth0"},{"interface":"net1"}]`, named: true, want: []Selection{{Interface: "net1"}, {Interface: "eth0"}, {Interface: "net1"}},
			faults: list(`invalid [2].interface @56 "net1" is already the interface of element 1`),
		},
		{
			title: "unknown keys", value: `[{"nic":"net1","ipv4pools":["a"],"defaultRoute":true}]`, want: []Selection{{}},
			faults: list(
				`unknown-field [0]. @2 "nic" is not a field that Spiderpool knows`,
				`unknown-field [0]. @15 "ipv4pools" is not a field that Spiderpool knows`,
				`unknown-field [0]. @33 "defaultRoute" is not a field that Spiderpool knows`,
			),
		},
		{
			title: "all faults at once", value: `[{"interface":"net1","ipv4":["a","a"]},{"interface":"net1","ipv6":["b[]"],"x":1}]`, named: true,
			want: []Selection{{Interface: "net1", IPv4: list("a", "a")}, {Interface: "net1", IPv6: list("b[]")}},
			faults: list(
				`invalid [0].ipv4 @33 "a" is named twice for one interface`,
				`invalid [1].interface @52 "net1" is already the interface of element 1`,
				`invalid [1].ipv6 @67 "b[]" is a pattern that cannot be read`,
				`unknown-field [1]. @74 "x" is not a field that Spiderpool knows`,
			),
		},
	}
	for _, tt := range tests {
		t.Run(tt.title, func(t *testing.T) {
			got, faults := Parse(map[string]string{PoolsAnnotation: tt.value})
			if diff := cmp.Diff(tt.want, got.Pools, sameSelections); diff != "" {
				t.Errorf("%s: (-want +got):\n%s", tt.value, diff)
			}
			if !got.HasPools || !got.NamesPools || got.HasPool || got.Named != tt.named {
				t.Errorf("%s: keys and form of %+v", tt.value, got)
			}
			checkFaults(t, PoolsAnnotation, tt.value, faults, tt.faults)
		})
	}
}

func TestWantsOfUnknownFields(t *testing.T) {
	tests := []struct{ annotation, value, want string }{
		{PoolAnnotation, `{"ipv4pools":1}`, `"ipv4"`},
		{PoolAnnotation, `{"ipv6Pools":1}`, `"ipv6"`},
		{PoolAnnotation, `{"interface":1}`, "ipam.spidernet.io/ippools, which has this field for each interface"},
		{PoolAnnotation, `{"CleanGateway":1}`, "ipam.spidernet.io/ippools, which has this field for each interface"},
		{PoolAnnotation, `{"nic":1}`, `"ipv4", "ipv6"`},
		{PoolsAnnotation, `[{"nic":1}]`, `"interface"`},
		{PoolsAnnotation, `[{"subnet":1}]`, `"ipv4", "ipv6", "interface", "cleangateway"`},
		{SubnetAnnotation, `{"ipv4":["a"],"cleangateway":true}`, `"ipv4", "ipv6", "interface"`},
		{RoutesAnnotation, `[{"dst":"10.0.0.0/8","gw":"10.1.1.1","via":""}]`, `"gw"`},
	}
	for _, tt := range tests {
		_, faults := Parse(map[string]string{tt.annotation: tt.value})
		if len(faults) != 1 || faults[0].Problem != ProblemUnknownField || faults[0].Want != tt.want {
			t.Errorf("%s: %s: faults %+v, want one that wants %s", tt.annotation, tt.value, faults, tt.want)
		}
	}
}

func TestLocate(t *testing.T) {
	const pools = `[{"interface":"net1","ipv4":["a","b"]}, {"IPV6":["c"]}]`
	tests := []struct {
		annotation, value string
		element           int
		field             string
		index, want       int
	}{
		{PoolsAnnotation, pools, 0, "interface", -1, 14},
		{PoolsAnnotation, pools, 0, "ipv4", -1, 28},
		{PoolsAnnotation, pools, 0, "ipv4", 1, 33},
		{PoolsAnnotation, pools, 0, "ipv4", 9, 28},
		{PoolsAnnotation, pools, 0, "ipv6", 0, 1},
		{PoolsAnnotation, pools, 1, "ipv6", 0, 49},
		{PoolsAnnotation, pools, 1, "", 0, 40},
		{PoolsAnnotation, pools, 2, "ipv4", 0, 0},
		{PoolAnnotation, ` {"ipv4":["a","b"]}`, -1, "ipv4", 1, 14},
		{PoolAnnotation, ` {"ipv4":["a","b"]}`, -1, "ipv6", 1, 1},
		{PoolAnnotation, ` {"ipv4":`, -1, "ipv4", 0, 0},
		{IPNumberAnnotation, `[1]`, 0, "", 0, 0},
		{"other", pools, 0, "ipv4", 0, 0},
	}
	for _, tt := range tests {
		if got := Locate(tt.annotation, tt.value, tt.element, tt.field, tt.index); got != tt.want {
			t.Errorf("Locate(%s, %s, %d, %q, %d) = %d, want %d", tt.annotation, tt.value, tt.element, tt.field, tt.index, got, tt.want)
		}
	}
}
