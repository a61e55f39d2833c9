package spiderpool

import (
	"encoding/json"
	"path"
	"slices"
	"strings"
	"testing"
)

var seeds = []string{
	``, ` `, `null`, `{}`, `[]`, `[{}]`, `[null]`, `"a"`, `5`, `-1e999`, `true`, `a`, `+1`, `x+1`, `1+1`, `-3`, `f`,
	`{"ipv4":["a"],"ipv6":["b"]}`, `{"ipv4":"a","interface":5,"ipv6pools":[]}`, `{"ipv4":["a","a",""],"ipv4":[null]}`,
	`[{"interface":"net1","ipv4":["a*","[b"]},{"interface":"net1","cleangateway":"x"},{"ipv6":["[]"]}]`,
	`[{"IPV4":["a"]},{"interface":"x"},5,"y"]`, `[{"dst":"10.0.0.0/8","gw":"fd00::1"},{"dst":"","gw":5}]`,
	"[{\"interface\":\"a\xff\ufeff\"", "[\"\\", "[{'a':1}]", "[[[[[[", `[{"ipv4":["a"]},]`, `{"ipv4":[{"a":[1,{}]}]}`, `["a","b"]`, `{}{}`, `[1e999]`,
	`{"x":1e999,"\u0069pv4":["a"],"ipv4 ":1}`,
}

// spiderpoolTypes are the types that Spiderpool decodes the values into.
var spiderpoolTypes = map[string]func() any{
	PoolAnnotation: func() any { return &struct{ IPv4, IPv6 []string }{} },
	PoolsAnnotation: func() any {
		return &[]struct {
			Interface    string
			IPv4, IPv6   []string
			CleanGateway bool
		}{}
	},
	SubnetAnnotation: func() any {
		return new(*struct {
			Interface  string
			IPv4, IPv6 []string
		})
	},
	SubnetsAnnotation: func() any {
		return &[]struct {
			Interface  string
			IPv4, IPv6 []string
		}{}
	},
	RoutesAnnotation:        func() any { return &[]struct{ Dst, Gw string }{} },
	NamespaceIPv4Annotation: func() any { return &[]string{} },
}

func FuzzParse(f *testing.F) {
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		for key, target := range spiderpoolTypes {
			var faults []Fault
			if key == NamespaceIPv4Annotation {
				var pools NamespacePools
				pools, faults = ParseNamespacePools(map[string]string{key: value})
				if refused := json.Unmarshal([]byte(value), target()) != nil; pools.Unreadable != refused {
					t.Errorf("%q: unreadable is %v, and encoding/json refuses it: %v", value, pools.Unreadable, refused)
				}
			} else {
				var a *Annotations
				a, faults = Parse(map[string]string{key: value})
				checkPlaces(t, key, value, a)
			}
			checkSound(t, key, value, faults)
			if err := json.Unmarshal([]byte(value), target()); err != nil && invalid(faults) == 0 {
				t.Errorf("%s %q: no fault, although decoding says %v", key, value, err)
			} else if err == nil && slices.ContainsFunc(faults, typeFault) {
				t.Errorf("%s %q: faults %q, although it decodes", key, value, briefs(faults))
			}
		}
		for _, key := range []string{IPNumberAnnotation, ReclaimAnnotation, DefaultRouteNICAnnotation} {
			_, faults := Parse(map[string]string{key: value})
			checkSound(t, key, value, faults)
		}
		if _, err := path.Match(value, "any-other-name"); (err != nil) != badPattern(value) {
			t.Errorf("%q: whether a pattern is bad depends on the name", value)
		}
	})
}

// typeFault tells the faults of decoding from those of what was decoded.
func typeFault(f Fault) bool {
	return strings.HasPrefix(f.Detail, "does not fit") || strings.Contains(f.Detail, "and must be") ||
		strings.HasPrefix(f.Detail, "is not valid JSON") || f.Detail == "is not an object"
}

// checkSound checks what holds for any value.
func checkSound(t *testing.T, key, value string, faults []Fault) {
	t.Helper()
	if !slices.IsSortedFunc(faults, func(a, b Fault) int { return a.Offset - b.Offset }) {
		t.Errorf("%s %q: faults are not in order of their offsets: %q", key, value, briefs(faults))
	}
	for _, f := range faults {
		if f.Offset < 0 || f.Offset > len(value) {
			t.Errorf("%s %q: offset of %s is outside", key, value, brief(f))
		}
		if f.Annotation != key || f.Detail == "" || f.Want == "" || f.Problem != ProblemInvalid && f.Problem != ProblemUnknownField {
			t.Errorf("%s %q: fault %+v is incomplete", key, value, f)
		}
	}
}

// checkPlaces checks that everything is located within the value, and that no
// choice panics.
func checkPlaces(t *testing.T, key, value string, a *Annotations) {
	t.Helper()
	for i := -1; i < len(a.Pools)+1; i++ {
		for _, field := range []string{"", ifaceField, ipv4Field} {
			if at := Locate(key, value, i, field, 0); at < 0 || at > len(value) {
				t.Errorf("%s %q: field %q of element %d is located at %d", key, value, field, i, at)
			}
		}
	}
	world := &World{Pools: cluster(), SubnetsEnabled: true}
	for _, c := range Choose(a, []Interface{{Name: "eth0"}, {Name: "net1", Position: 1}}, world) {
		if c.Source == "" || c.Element >= len(a.Pools) {
			t.Errorf("%s %q: choice %+v", key, value, c)
		}
	}
}

// TestLongValues reads values of 64 KiB, of the kinds that would take minutes if
// any step were quadratic.
func TestLongValues(t *testing.T) {
	const length = 64 << 10
	filled := func(opening, piece, closing string) string {
		return opening + strings.TrimSuffix(strings.Repeat(piece, length/len(piece)), ",") + closing
	}
	many := func(piece string, n int) string { return "[" + strings.TrimSuffix(strings.Repeat(piece, n), ",") + "]" }
	tests := []struct {
		title, key, value string
		faults            int
	}{
		{"empty names", PoolAnnotation, filled(`{"ipv4":[`, `"",`, `]}`), length / 3},
		{"equal names", PoolAnnotation, filled(`{"ipv6":[`, `"a",`, `]}`), length/4 - 1},
		{"names of a wrong type", PoolAnnotation, filled(`{"ipv4":[`, `5,`, `]}`), length / 2},
		{"unknown keys", PoolAnnotation, filled(`{`, `"x":5,`, `}`), length / 6},
		{"equal keys and empty names", PoolAnnotation, `{` + strings.Repeat(`"ipv4":[],`, length/20) + `"ipv4":[` + strings.Repeat(`"",`, length/6) + `""]}`, length/6 + 1},
		{"nulls", PoolsAnnotation, many(`null,`, maxElements), 0},
		{"equal interfaces", PoolsAnnotation, many(`{"interface":"a"},`, maxElements), maxElements - 1},
		{"no objects", PoolsAnnotation, many(`5,`, maxElements), maxElements},
		{"subnets of nothing", SubnetsAnnotation, many(`null,`, maxElements), 2 * maxElements},
		{"routes of nothing", RoutesAnnotation, many(`null,`, maxElements), 2 * maxElements},
		{"too many pools", PoolsAnnotation, many(`{"ipv4":["a"]},`, maxElements+1), 1},
		{"too many subnets", SubnetsAnnotation, filled(`[`, `{},`, `]`), 1},
		{"too many routes", RoutesAnnotation, filled(`[`, `{},`, `]`), 1},
		{"depth", PoolAnnotation, strings.Repeat(`[`, length), 1},
		{"depth within", PoolAnnotation, `{"ipv4":` + strings.Repeat(`[`, 9000) + strings.Repeat(`]`, 9000) + `}`, 1},
		{"stars", PoolAnnotation, `{"ipv4":["` + strings.Repeat(`*a`, length/2) + `"]}`, 0},
		{"pluses", IPNumberAnnotation, strings.Repeat(`+`, length), 1},
	}
	for _, tt := range tests {
		_, faults := Parse(map[string]string{tt.key: tt.value})
		n := len(faults)
		for _, f := range faults {
			n += f.More
		}
		if n != tt.faults {
			t.Errorf("%s: %d faults, want %d", tt.title, n, tt.faults)
		}
	}
}
