package multus

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	subdomain = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`)
	label     = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`)
)

var seeds = []string{
	"", " ", "a", "a,b", "ns/a@net1, b@eth0.100", "a,,b", "x/y/z", "a@a@b", "/a", "@", "a\u00a0@\u2003x",
	`[]`, `[null]`, `{"name":"a"}`, `"a"`, `a[b`, `[{"name":"a"}]`, `[{}]`, `["a"]`, `[{"name":"a"},]`,
	`[{"name":"a","namespace":"ns","interface":"x","mac":"02:00:00:00:00:01","ips":["10.1.2.3/24","fd00::3"],"default-route":["10.1.2.1"]}]`,
	`[{"name":"a","ips":["x",5,null]},{"NAME":5,"interfaceRequest":"a b","default-route":["y"],"infiniband-guid":"z"}]`,
	`[{"name":"a","n\u0061me":"b","cni-args":{"x":[1,{"y":2}]},"portMappings":[{"hostPort":"80"}],"bandwidth":1}]`,
	"[{\"name\":\"a\xff\ufeff\"", "[\"\\", "[{'a':1}]", "[[[[[[", `[{"ips":["1.1.1.1"],"ips":[null]}]`,
}

func FuzzParse(f *testing.F) {
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		elements, faults := ParseNetworks(value, "pod")
		checkSound(t, value, elements, faults)
		if defaults, defaultFaults := ParseDefaultNetwork(value, "pod"); len(defaultFaults) == 0 && len(defaults) != 1 {
			t.Errorf("%q: %d default networks without a fault", value, len(defaults))
		} else {
			checkSound(t, value, defaults, defaultFaults)
		}

		var list []*selection
		if IsJSON(value) {
			if err := json.Unmarshal([]byte(value), &list); err != nil && len(faults) == 0 {
				t.Errorf("%q: no fault, although decoding says %v", value, err)
			}
		} else if n := strings.Count(value, ",") + 1; value != "" && len(elements) != n {
			t.Errorf("%q: %d elements, want %d", value, len(elements), n)
		}

		names, conflicts := InterfaceNames(nil, 0, elements)
		if len(names) != len(elements)+1 || len(conflicts) > len(names) {
			t.Errorf("%q: %d names and %d conflicts for %d elements", value, len(names), len(conflicts), len(elements))
		}
	})
}

// checkSound checks what holds for any value.
func checkSound(t *testing.T, value string, elements []Element, faults []Fault) {
	t.Helper()
	if !slices.IsSortedFunc(faults, func(a, b Fault) int { return a.Offset - b.Offset }) {
		t.Errorf("%q: faults are not in order of their offsets: %+v", value, faults)
	}
	for _, fault := range faults {
		if fault.Offset < 0 || fault.Offset > len(value) {
			t.Errorf("%q: offset of fault %+v is outside", value, fault)
		}
		if fault.Element < -1 || fault.Element >= len(elements) && fault.Element != -1 {
			t.Errorf("%q: fault %+v is of none of the %d elements", value, fault, len(elements))
		}
		if fault.Problem == "" || fault.Detail == "" || fault.Want == "" {
			t.Errorf("%q: fault %+v is incomplete", value, fault)
		}
	}
	places := PlacesIn(value)
	if n, _ := Count(value); n > 0 && n != len(elements) {
		t.Errorf("%q: %d networks are counted, and %d read", value, n, len(elements))
	}
	for i, e := range elements {
		if e.Offset < -1 || e.Offset > len(value) || IsJSON(value) != (e.Offset == -1) {
			t.Errorf("%q: offset of element %+v is wrong", value, e)
		}
		for _, field := range []string{"", "name", "namespace", "interface", "mac", "ips"} {
			if at := places.Locate(i, field, 0); at < 0 || at > len(value) {
				t.Errorf("%q: field %q of element %d is located at %d", value, field, i, at)
			}
		}
		if len(faults) > 0 {
			continue
		}
		if !subdomain.MatchString(e.Name) || len(e.Name) > 253 {
			t.Errorf("%q: no fault with name %q", value, e.Name)
		}
		if !label.MatchString(e.Namespace) || len(e.Namespace) > 63 {
			t.Errorf("%q: no fault with namespace %q", value, e.Namespace)
		}
		if len(e.Interface) > 15 || strings.ContainsAny(e.Interface, "/:% \t\n\v\f\r\x00") {
			t.Errorf("%q: no fault with interface %q", value, e.Interface)
		}
	}
}

// TestLongValues reads values as long as annotations can be, 256 KiB, of the
// kinds that would take hours if any step were quadratic.
func TestLongValues(t *testing.T) {
	const length = 256 << 10
	filled := func(opening, piece, closing string) string {
		return opening + strings.TrimSuffix(strings.Repeat(piece, length/len(piece)), ",") + closing
	}
	tests := []struct {
		title, value string
		faults       int
	}{
		{"commas", strings.Repeat(",", length-1), length},
		{"slashes", strings.Repeat("/", length), 1},
		{"ats", strings.Repeat("@", length), 1},
		{"spaces", filled("", "a  ,", ""), 0},
		{"one name", strings.Repeat("a", length), 1},
		{"nulls", filled("[", "null,", "]"), length / 5},
		{"empty objects", filled("[", "{},", "]"), length / 3},
		{"bad addresses", filled(`[{"name":"a","ips":[`, `"x",`, `]}]`), length / 4},
		{"addresses of a wrong type", filled(`[{"name":"a","ips":[`, `5,`, `]}]`), length / 2},
		{"equal keys", filled(`[{"name":"A",`, `"mac":5,`, `}]`), length/8 + 1},
		{"depth", strings.Repeat("[", length), 1},
		{"open objects", strings.Repeat(`[{"name":`, length/9), 1},
	}
	for _, tt := range tests {
		_, faults := ParseNetworks(tt.value, "pod")
		n := len(faults)
		for _, f := range faults {
			n += f.More
		}
		if n != tt.faults {
			t.Errorf("%s: %d faults, want %d", tt.title, n, tt.faults)
		}
	}
}
