package multus

import (
	"slices"
	"strings"
	"testing"
)

// found is a fault without what is accepted, which only people read.
type found struct {
	problem Problem
	element int
	field   string
	offset  int
	value   string
	detail  string
}

func foundIn(faults []Fault) []found {
	var all []found
	for _, f := range faults {
		all = append(all, found{f.Problem, f.Element, f.Field, f.Offset, f.Value, f.Detail})
	}
	return all
}

// checkFaults compares faults, and demands of each that it says what to write.
func checkFaults(t *testing.T, value string, faults []Fault, want ...found) {
	t.Helper()
	if got := foundIn(faults); !slices.Equal(got, want) {
		t.Errorf("%q: faults\n%+v, want\n%+v", value, got, want)
	}
	for _, f := range faults {
		if f.Want == "" {
			t.Errorf("%q: fault %+v does not say what is accepted", value, f)
		}
	}
}

// spelled is an element as the comma form writes it, with its offset.
type spelled struct {
	namespace, name, iface string
	offset                 int
}

func TestParseNetworksComma(t *testing.T) {
	tests := []struct {
		value string
		want  []spelled
	}{
		{"a", []spelled{{"pod", "a", "", 0}}},
		{"null", []spelled{{"pod", "null", "", 0}}},
		{"0", []spelled{{"pod", "0", "", 0}}},
		{"a-1,b--c", []spelled{{"pod", "a-1", "", 0}, {"pod", "b--c", "", 4}}},
		{"kube-system/a@net9", []spelled{{"kube-system", "a", "net9", 0}}},
		{"a,\n b", []spelled{{"pod", "a", "", 0}, {"pod", "b", "", 4}}},
		{"/a", []spelled{{"pod", "a", "", 0}}},
		{" /a", []spelled{{"pod", "a", "", 1}}},
		{"ns/a@", []spelled{{"ns", "a", "", 0}}},
		{"ns/a@ ", []spelled{{"ns", "a", "", 0}}},
		{" ns / a @ if0 ", []spelled{{"ns", "a", "if0", 1}}},
		{"\u00a0a\u2003@\u3000x\u0085", []spelled{{"pod", "a", "x", 2}}},
		{"a@Net9", []spelled{{"pod", "a", "Net9", 0}}},
		{"a@eth0.100", []spelled{{"pod", "a", "eth0.100", 0}}},
		{"a@net_1", []spelled{{"pod", "a", "net_1", 0}}},
		{"a@x;y", []spelled{{"pod", "a", "x;y", 0}}},
		{"a@...", []spelled{{"pod", "a", "...", 0}}},
		{"a@lo", []spelled{{"pod", "a", "lo", 0}}},
		{"a@\x01\x7f", []spelled{{"pod", "a", "\x01\x7f", 0}}},
		{"a@exactly15chars_", []spelled{{"pod", "a", "exactly15chars_", 0}}},
		{strings.Repeat("n", 63) + "/" + strings.Repeat("a", 253), []spelled{{strings.Repeat("n", 63), strings.Repeat("a", 253), "", 0}}},
	}
	for _, tt := range tests {
		elements, faults := ParseNetworks(tt.value, "pod")
		checkFaults(t, tt.value, faults)
		var got []spelled
		for _, e := range elements {
			got = append(got, spelled{e.Namespace, e.Name, e.Interface, e.Offset})
			if given := e.Namespace != "pod"; e.NamespaceGiven != given {
				t.Errorf("%q: NamespaceGiven is %t, want %t", tt.value, e.NamespaceGiven, given)
			}
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%q: elements\n%+v, want\n%+v", tt.value, got, tt.want)
		}
	}
}

func TestParseNetworksOfNothing(t *testing.T) {
	elements, faults := ParseNetworks("", "pod")
	if elements != nil || faults != nil {
		t.Errorf("elements %+v and faults %+v, want none", elements, faults)
	}
}

func TestParseNetworksCommaFaults(t *testing.T) {
	const noName = "has no name"
	long := strings.Repeat("x", 254)
	tests := []struct {
		value string
		want  []found
	}{
		{" ", []found{{ProblemName, 0, "name", 0, "", noName}}},
		{"a,", []found{{ProblemName, 1, "name", 2, "", noName}}},
		{",", []found{{ProblemName, 0, "name", 0, "", noName}, {ProblemName, 1, "name", 1, "", noName}}},
		{"a,,b", []found{{ProblemName, 1, "name", 2, "", noName}}},
		{"ns/", []found{{ProblemName, 0, "name", 3, "", noName}}},
		{"@if", []found{{ProblemName, 0, "name", 0, "", noName}}},
		{"x/y/z", []found{{ProblemSyntax, 0, "", 0, "x/y/z", "has more than one /"}}},
		{"ok, x/y/z@a@b", []found{{ProblemSyntax, 1, "", 4, "x/y/z@a@b", "has more than one /"}}},
		{"a@a@b", []found{{ProblemSyntax, 0, "", 0, "a@a@b", "has more than one @"}}},
		{"a@x/y", []found{{ProblemName, 0, "namespace", 0, "a@x", "has an @ in it"}}},
		{"a b", []found{{ProblemName, 0, "name", 0, "a b", "has white space in it"}}},
		{"a\nb", []found{{ProblemName, 0, "name", 0, "a\nb", "has white space in it"}}},
		{"a\u00a0b", []found{{ProblemName, 0, "name", 0, "a\u00a0b", "has white space in it"}}},
		{"A", []found{{ProblemName, 0, "name", 0, "A", "has an upper case letter in it"}}},
		{"bond0.100", []found{{ProblemName, 0, "name", 0, "bond0.100", "has a dot in it"}}},
		{"a_b", []found{{ProblemName, 0, "name", 0, "a_b", "has a character in it that is not allowed in names"}}},
		{"é", []found{{ProblemName, 0, "name", 0, "é", "has a character in it that is not allowed in names"}}},
		{"a\x00", []found{{ProblemName, 0, "name", 0, "a\x00", "has a character in it that is not allowed in names"}}},
		{"-a", []found{{ProblemName, 0, "name", 0, "-a", "has a - where a letter or digit must be"}}},
		{"a-", []found{{ProblemName, 0, "name", 0, "a-", "has a - where a letter or digit must be"}}},
		{"n.s/a", []found{{ProblemName, 0, "namespace", 0, "n.s", "has a dot in it"}}},
		{long[:64] + "/a", []found{{ProblemName, 0, "namespace", 0, long[:64], "is longer than 63 bytes"}}},
		{"a/" + long, []found{{ProblemName, 0, "name", 2, long, "is longer than 253 bytes"}}},
		{"a@sixteencharsname", []found{{ProblemInterface, 0, "interface", 2, "sixteencharsname", "is longer than 15 bytes"}}},
		{"NS / B @ x:y , c", []found{
			{ProblemName, 0, "namespace", 0, "NS", "has an upper case letter in it"},
			{ProblemName, 0, "name", 5, "B", "has an upper case letter in it"},
			{ProblemInterface, 0, "interface", 9, "x:y", "has a : in it"},
		}},
		{"a@x y,@z%d", []found{
			{ProblemInterface, 0, "interface", 2, "x y", "has white space in it"},
			{ProblemName, 1, "name", 6, "", noName},
			{ProblemInterface, 1, "interface", 7, "z%d", "has a % in it, which the kernel takes for a template"},
		}},
	}
	for _, tt := range tests {
		elements, faults := ParseNetworks(tt.value, "pod")
		checkFaults(t, tt.value, faults, tt.want...)
		if n := strings.Count(tt.value, ",") + 1; len(elements) != n {
			t.Errorf("%q: %d elements, want %d", tt.value, len(elements), n)
		}
	}
}

// TestParseCommaAllocations holds the comma form to one allocation, whatever
// the number of networks: the list of elements itself.
func TestParseCommaAllocations(t *testing.T) {
	for _, n := range []int{1, 2, 1000} {
		value := strings.TrimSuffix(strings.Repeat("kube-system/macvlan-overlay-vlan0@net7,", n), ",")
		allocs := testing.AllocsPerRun(10, func() {
			if elements, faults := ParseNetworks(value, "pod"); len(elements) != n || faults != nil {
				t.Fatalf("%d elements and %d faults, want %d and none", len(elements), len(faults), n)
			}
		})
		if allocs > 1 {
			t.Errorf("%d networks: %v allocations, want 1", n, allocs)
		}
	}
}
