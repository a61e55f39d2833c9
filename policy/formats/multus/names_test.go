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
		added     int
		networks  []Element
		names     []string
		conflicts []Conflict
	}{
		{"no annotation", nil, 0, nil, []string{"eth0"}, nil},
		{"first without a request", &Element{Name: "a"}, 0, nil, []string{"eth0"}, nil},
		{"first renamed", &Element{Interface: "x"}, 0, asking("eth0"), []string{"x", "eth0"}, nil},
		{"positions", nil, 0, asking("", "", ""), []string{"eth0", "net1", "net2", "net3"}, nil},
		{"a request does not shift positions", nil, 0, asking("x", ""), []string{"eth0", "x", "net2"}, nil},
		{"a@net2,b", nil, 0, asking("net2", ""), []string{"eth0", "net2", "net2"}, []Conflict{{2, 1, "net2"}}},
		{"a,b@net1", nil, 0, asking("", "net1"), []string{"eth0", "net1", "net1"}, []Conflict{{2, 1, "net1"}}},
		{"eth0 is taken", nil, 0, asking("eth0"), []string{"eth0", "eth0"}, []Conflict{{1, 0, "eth0"}}},
		{"first takes net1", &Element{Interface: "net1"}, 0, asking(""), []string{"net1", "net1"}, []Conflict{{1, 0, "net1"}}},
		{"lo is taken", &Element{Interface: "lo"}, 0, asking("lo"), []string{"lo", "lo"}, []Conflict{{0, -1, "lo"}, {1, -1, "lo"}}},
		{"the earliest holder counts", nil, 0, asking("x", "x", "x"), []string{"eth0", "x", "x", "x"}, []Conflict{{2, 1, "x"}, {3, 1, "x"}}},
		{"networks of every pod come first", nil, 2, asking("", ""), []string{"eth0", "net1", "net2", "net3", "net4"}, nil},
		{"beside a default-network too", &Element{Name: "a"}, 1, asking("x", ""), []string{"eth0", "net1", "x", "net3"}, nil},
		{"one of every pod has the name", nil, 1, asking("net1"), []string{"eth0", "net1", "net1"}, []Conflict{{2, 1, "net1"}}},
		{"the first takes it from one of every pod", &Element{Interface: "net1"}, 1, nil, []string{"net1", "net1"}, []Conflict{{1, 0, "net1"}}},
		{"case matters", nil, 0, asking("x", "X", "LO"), []string{"eth0", "x", "X", "LO"}, nil},
	}
	for _, tt := range tests {
		names, conflicts := InterfaceNames(tt.first, tt.added, tt.networks)
		if !slices.Equal(names, tt.names) || !slices.Equal(conflicts, tt.conflicts) {
			t.Errorf("%s: names %q, conflicts %+v; want %q, %+v", tt.title, names, conflicts, tt.names, tt.conflicts)
		}
	}
}

func TestByPosition(t *testing.T) {
	networks := []Element{{Name: "a"}, {Name: "b", Interface: "net3"}, {Name: "c"}}
	for name, want := range map[string]int{"net1": 0, "net2": -1, "net3": 1, "net4": -1, "eth0": -1} {
		if got := ByPosition(networks, name); got != want {
			t.Errorf("%s is taken for network %d, want %d", name, got, want)
		}
	}
}
