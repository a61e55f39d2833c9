package multus

import (
	"slices"
	"testing"
)

func TestInterfaceNames(t *testing.T) {
	asking := func(names ...string) []Element {
		elements := make([]Element, len(names))
		for i, name := range names {
			elements[i].Interface = name
		}
		return elements
	}
	tests := []struct {
		title     string
		first     *Element
		networks  []Element
		names     []string
		conflicts []Conflict
	}{
		{"no annotation", nil, nil, []string{"eth0"}, nil},
		{"first without a request", &Element{Name: "a"}, nil, []string{"eth0"}, nil},
		{"first renamed", &Element{Interface: "x"}, asking("eth0"), []string{"x", "eth0"}, nil},
		{"positions", nil, asking("", "", ""), []string{"eth0", "net1", "net2", "net3"}, nil},
		{"a request does not shift positions", nil, asking("x", ""), []string{"eth0", "x", "net2"}, nil},
		{"a@net2,b", nil, asking("net2", ""), []string{"eth0", "net2", "net2"}, []Conflict{{2, 1, "net2"}}},
		{"a,b@net1", nil, asking("", "net1"), []string{"eth0", "net1", "net1"}, []Conflict{{2, 1, "net1"}}},
		{"eth0 is taken", nil, asking("eth0"), []string{"eth0", "eth0"}, []Conflict{{1, 0, "eth0"}}},
		{"first takes net1", &Element{Interface: "net1"}, asking(""), []string{"net1", "net1"}, []Conflict{{1, 0, "net1"}}},
		{"lo is taken", &Element{Interface: "lo"}, asking("lo"), []string{"lo", "lo"}, []Conflict{{0, -1, "lo"}, {1, -1, "lo"}}},
		{"the earliest holder counts", nil, asking("x", "x", "x"), []string{"eth0", "x", "x", "x"}, []Conflict{{2, 1, "x"}, {3, 1, "x"}}},
		{"case matters", nil, asking("x", "X", "LO"), []string{"eth0", "x", "X", "LO"}, nil},
	}
	for _, tt := range tests {
		names, conflicts := InterfaceNames(tt.first, tt.networks)
		if !slices.Equal(names, tt.names) || !slices.Equal(conflicts, tt.conflicts) {
			t.Errorf("%s: names %q, conflicts %+v; want %q, %+v", tt.title, names, conflicts, tt.names, tt.conflicts)
		}
	}
}
