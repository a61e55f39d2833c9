package nad

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/policy/links"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// nodeWith is a node that says it has some links.
func nodeWith(name string, published ...links.Link) *Node {
	for i := range published {
		published[i].Kind = links.Physical
	}
	return CompileNode(name, map[string]string{links.Annotation: links.Render(published)})
}

func TestMasterMissingOnNodes(t *testing.T) {
	eth0, eth1 := links.Link{Name: "eth0"}, links.Link{Name: "eth1"}
	eth1ByAltName := links.Link{Name: "enp1s0", AltNames: []string{"eth1"}}
	silent := func(name string) *Node { return CompileNode(name, nil) }
	broken := func(name string) *Node {
		return CompileNode(name, map[string]string{links.Annotation: `{"links":"eth1"}`})
	}
	cut := func(name, link string) *Node {
		return CompileNode(name, map[string]string{links.Annotation: `{"links":[{"name":"` + link + `","kind":"physical","mtu":1500,"up":true}],"omitted":3}`})
	}
	many := []*Node{nodeWith("with", eth1)}
	for _, i := range []int{7, 3, 9, 1, 5} {
		many = append(many, nodeWith(fmt.Sprintf("without-%d", i), eth0))
	}
	plain := `{"cniVersion":"0.3.1","type":"macvlan","master":"eth1"}`
	tests := []struct {
		name, config string
		nodes        []*Node
		want         []string
	}{
		{"no nodes", plain, nil, nil},
		{"none says", plain, []*Node{silent("a"), broken("b")}, nil},
		{"on all", plain, []*Node{nodeWith("a", eth0, eth1), nodeWith("b", eth1)}, nil},
		{"by a further name", plain, []*Node{nodeWith("a", eth1ByAltName), nodeWith("b", eth1)}, nil},
		{"on all that say", plain, []*Node{nodeWith("a", eth1), silent("b")}, nil},
		{"a list that is cut", plain, []*Node{nodeWith("a", eth1), cut("b", "eth0")}, nil},
		{"no list but cut ones", plain, []*Node{cut("b", "eth0")}, nil},
		{"nowhere", plain, []*Node{nodeWith("b", eth0), nodeWith("a")}, []string{`none of 2 has a link "eth1": "a", "b"; pods fail there`}},
		{"nowhere, as far as is known", plain, []*Node{nodeWith("a", eth0), silent("b"), cut("c", "eth0")}, []string{`none of 1 has a link "eth1": "a" (2 more do not report); pods fail there`}},
		{"on some", plain, []*Node{nodeWith("b", eth1), nodeWith("a", eth0), cut("c", "eth1"), broken("d")},
			[]string{`1 of 3 has no link "eth1": "a" (1 more does not report); pods fail there`}},
		{"missing on many", plain, many, []string{`5 of 6 have no link "eth1": "without-1", "without-3", "without-5" and 2 more; pods fail there`}},
		{"wireless", plain, []*Node{nodeWith("b", links.Link{Name: "eth1", Wireless: true}), nodeWith("a", eth1)},
			[]string{`"eth1" is wireless on 1 of 2: "b"; macvlan does not work there`}},
		{"a port", plain, []*Node{nodeWith("b", links.Link{Name: "eth1", MemberOf: "bond0"}), nodeWith("a", links.Link{Name: "enp1s0", AltNames: []string{"eth1"}, MemberOf: "br0"})},
			[]string{`"eth1" is a port on 2 of 2: "a" (of "br0"), "b" (of "bond0"); pods fail there`}},
		{"all at once", plain, []*Node{nodeWith("a", eth0), nodeWith("b", links.Link{Name: "eth1", MemberOf: "bond0"}), nodeWith("c", links.Link{Name: "eth1", Wireless: true})},
			[]string{`1 of 3 has no link`, `"eth1" is a port`, `"eth1" is wireless`}},
		{"no master", `{"cniVersion":"0.3.1","type":"macvlan"}`, []*Node{nodeWith("a", eth0)}, nil},
		{"in the pod", `{"cniVersion":"0.3.1","type":"macvlan","master":"eth1","linkInContainer":true}`, []*Node{nodeWith("a", eth0)}, nil},
		{"made by ifacer", `{"cniVersion":"0.3.1","plugins":[{"type":"ifacer","interfaces":["eth0"],"vlanID":7},{"type":"macvlan","master":"eth0.7"}]}`, []*Node{nodeWith("a", eth0)}, nil},
		{"another plugin", `{"cniVersion":"0.3.1","type":"ipvlan","master":"eth1"}`, []*Node{nodeWith("a", eth0)}, nil},
		{"fails anyway", `{"cniVersion":"0.3.1","type":"macvlan","master":"eth1","mode":"l2"}`, []*Node{nodeWith("a", eth0)}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := decodeNAD(t, nad("a", tt.config), nil).Judge(Facts{Nodes: slices.Values(tt.nodes)}, config.Default())
			var got []verdict.Finding
			for _, f := range v.Findings {
				if f.Rule == "master-missing-on-nodes" {
					got = append(got, f)
				}
			}
			if len(got) != len(tt.want) {
				t.Fatalf("findings %+v, want %q", got, tt.want)
			}
			for i, f := range got {
				if !strings.HasPrefix(f.Message, "the nodes report that "+tt.want[i]) || f.Action != verdict.Warn || !strings.HasPrefix(tt.config[f.Place.Offset:], `"eth1"`) {
					t.Errorf("%s at %s: %s\nwant %s", f.Action, tt.config[f.Place.Offset:], f.Message, tt.want[i])
				}
			}
		})
	}
}

// On a single node nobody else hands out the addresses.
func TestHostLocalOnOneNode(t *testing.T) {
	const hostLocal = `{"cniVersion":"0.3.1","type":"macvlan","ipam":{"type":"host-local","subnet":"10.0.0.0/24"}}`
	a, b := CompileNode("a", nil), CompileNode("b", nil)
	for _, tt := range []struct {
		nodes []*Node
		want  string
	}{
		{nil, "warn nad-host-local-on-shared-link"},
		{[]*Node{a}, ""},
		{[]*Node{a, b}, "warn nad-host-local-on-shared-link"},
	} {
		v := decodeNAD(t, nad("a", hostLocal), nil).Judge(Facts{Nodes: slices.Values(tt.nodes)}, config.Default())
		if got := rulesOf(&v); got != tt.want {
			t.Errorf("%d nodes: %q, want %q", len(tt.nodes), got, tt.want)
		}
	}
}

// Nodes are gone through only where a network names a master, as a list of them has
// its price.
func TestNodesAreNotAskedInVain(t *testing.T) {
	asked := false
	nodes := func(func(*Node) bool) { asked = true }
	for c, want := range map[string]bool{`{"type":"macvlan"}`: false, `{"type":"bridge"}`: false, `{"type":"macvlan","master":"eth1"}`: true} {
		asked = false
		decodeNAD(t, nad("a", c), nil).Judge(Facts{Nodes: nodes}, config.Default())
		if asked != want {
			t.Errorf("%s: nodes asked for: %t", c, asked)
		}
	}
}
