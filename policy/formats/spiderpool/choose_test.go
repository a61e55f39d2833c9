package spiderpool

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// cluster has pools of both families, some of them default ones.
func cluster() *Index {
	return NewIndex(
		&Pool{Name: "v4-a", Version: IPv4}, &Pool{Name: "v4-b", Version: IPv4}, &Pool{Name: "v4-c", Version: IPv4, Default: true, Disabled: true},
		&Pool{Name: "v6-a", Version: IPv6}, &Pool{Name: "v6-c", Version: IPv6, Default: true},
		&Pool{Name: "x", Version: 0, Default: true},
	)
}

// TestChoose goes through the levels of priority, for one interface.
func TestChoose(t *testing.T) {
	list := func(s ...string) []string { return s }
	config := Interface{Name: "net1", Position: 1, IPv4Pools: list("conf4"), IPv6Pools: list("conf6")}
	ours := Interface{Name: "net1", Position: 1, IPv4Pools: list("conf4"), ConfigIPv6: list("ours6")}
	plain := Interface{Name: "net1", Position: 1}
	namespace := NamespacePools{IPv4: list("ns4")}
	tests := []struct {
		title       string
		annotations map[string]string
		iface       Interface
		world       World
		want        Choice
	}{
		{
			title:       "subnets, before all others",
			annotations: map[string]string{SubnetsAnnotation: `[{"interface":"net1","ipv4":["s"]}]`, PoolsAnnotation: `[{"interface":"net1","ipv4":["a"]}]`},
			iface:       config, world: World{Namespace: namespace, SubnetsEnabled: true},
			want: Choice{Source: SourcePod, Element: -1, Unknown: true},
		},
		{
			title: "subnet, before all others", annotations: map[string]string{SubnetAnnotation: ``, PoolAnnotation: `{"ipv4":["a"]}`},
			iface: config, world: World{SubnetsEnabled: true}, want: Choice{Source: SourcePod, Element: -1, Unknown: true},
		},
		{
			title: "subnets while they are off", annotations: map[string]string{SubnetsAnnotation: `[{"interface":"net1","ipv4":["s"]}]`},
			iface: config, world: World{Namespace: namespace},
			want: Choice{Source: SourceNamespace, Element: -1, IPv4: list("ns4"), WrittenIPv4: list("ns4")},
		},
		{
			title: "ippools before ippool", annotations: map[string]string{PoolsAnnotation: `[{"interface":"eth0"},{"interface":"net1","ipv4":["a"]}]`, PoolAnnotation: `{"ipv6":["b"]}`},
			iface: config, world: World{Namespace: namespace},
			want: Choice{Source: SourcePod, Element: 1, IPv4: list("a"), WrittenIPv4: list("a")},
		},
		{
			title: "ippools by position", annotations: map[string]string{PoolsAnnotation: `[{"ipv4":["a"]},{"ipv6":["b"]}]`}, iface: plain,
			want: Choice{Source: SourcePod, Element: 1, IPv6: list("b"), WrittenIPv6: list("b")},
		},
		{
			title: "ippools by position, too short", annotations: map[string]string{PoolsAnnotation: `[{"ipv4":["a"]}]`}, iface: config,
			want: Choice{Source: SourcePod, Element: -1},
		},
		{
			title: "ippools without the interface", annotations: map[string]string{PoolsAnnotation: `[{"interface":"eth0","ipv4":["a"]}]`}, iface: config,
			want: Choice{Source: SourcePod, Element: -1},
		},
		{title: "ippools that cannot be read", annotations: map[string]string{PoolsAnnotation: ``}, iface: config, want: Choice{Source: SourcePod, Element: -1, Unknown: true}},
		{
			title: "ippools with an element that cannot be read", annotations: map[string]string{PoolsAnnotation: `[{"interface":"net1","ipv4":"a","ipv6":["b"]}]`}, iface: config,
			want: Choice{Source: SourcePod, Element: 0, IPv6: list("b"), WrittenIPv6: list("b"), Unknown: true},
		},
		{
			title: "ippools with another element that cannot be read", annotations: map[string]string{PoolsAnnotation: `[{"interface":["net1"]},{"interface":"eth0"}]`}, iface: config,
			want: Choice{Source: SourcePod, Element: -1, Unknown: true},
		},
		{
			title: "ippools half named", annotations: map[string]string{PoolsAnnotation: `[{"interface":"eth0"},{"ipv4":["a"]}]`}, iface: config,
			want: Choice{Source: SourcePod, Element: -1, Unknown: true},
		},
		{
			title: "ippool", annotations: map[string]string{PoolAnnotation: `{"ipv4":["a"]}`}, iface: ours, world: World{Namespace: namespace},
			want: Choice{Source: SourcePod, Element: -1, IPv4: list("a"), WrittenIPv4: list("a")},
		},
		{title: "empty ippool", annotations: map[string]string{PoolAnnotation: `{}`}, iface: config, want: Choice{Source: SourcePod, Element: -1}},
		{title: "ippool that is no JSON", annotations: map[string]string{PoolAnnotation: ``}, iface: config, want: Choice{Source: SourcePod, Element: -1, Unknown: true}},
		{
			title: "ippool half read", annotations: map[string]string{PoolAnnotation: `{"ipv4":"a","ipv6":["b"]}`}, iface: config,
			want: Choice{Source: SourcePod, Element: -1, IPv6: list("b"), WrittenIPv6: list("b"), Unknown: true},
		},
		{
			title: "our own default", iface: ours, world: World{Namespace: namespace},
			want: Choice{Source: SourceConfig, Element: -1, IPv6: list("ours6"), WrittenIPv6: list("ours6")},
		},
		{
			title: "namespace", iface: config, world: World{Namespace: namespace},
			want: Choice{Source: SourceNamespace, Element: -1, IPv4: list("ns4"), WrittenIPv4: list("ns4")},
		},
		{
			title: "namespace that cannot be read", iface: config, world: World{Namespace: NamespacePools{Unreadable: true}},
			want: Choice{Source: SourceNamespace, Element: -1, Unknown: true},
		},
		{
			title: "network", iface: config, want: Choice{
				Source: SourceNetwork, Element: -1, IPv4: list("conf4"), IPv6: list("conf6"), WrittenIPv4: list("conf4"), WrittenIPv6: list("conf6"),
			},
		},
		{title: "default pools, disabled ones too", iface: plain, want: Choice{Source: SourceDefault, Element: -1, IPv4: list("v4-c"), IPv6: list("v6-c")}},
		{title: "nothing", iface: plain, world: World{Pools: NewIndex(&Pool{Name: "a", Version: IPv4})}, want: Choice{Source: SourceNone, Element: -1}},
	}
	for _, tt := range tests {
		pod, _ := Parse(tt.annotations)
		if tt.world.Pools == nil {
			tt.world.Pools = cluster()
		}
		got := Choose(pod, []Interface{tt.iface}, &tt.world)
		if diff := cmp.Diff([]Choice{tt.want}, got); diff != "" {
			t.Errorf("%s: (-want +got):\n%s", tt.title, diff)
		}
		if c := &got[0]; c.Empty() != (!c.Unknown && len(c.IPv4)+len(c.IPv6) == 0) {
			t.Errorf("%s: Empty() = %v of %+v", tt.title, c.Empty(), c)
		}
	}
}

func TestChooseWithoutPools(t *testing.T) {
	pod, _ := Parse(map[string]string{PoolAnnotation: `{"ipv4":["a","b*"]}`})
	got := Choose(pod, []Interface{{Name: "net1", Position: 1}}, &World{})
	want := []Choice{{Source: SourcePod, Element: -1, IPv4: []string{"a"}, WrittenIPv4: []string{"a", "b*"}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestChooseForEveryInterface: ippool and the namespace hold for all
// interfaces, ippools for each its own.
func TestChooseForEveryInterface(t *testing.T) {
	interfaces := []Interface{{Name: "eth0"}, {Name: "net1", Position: 1}, {Name: "other", Position: 2}}
	tests := []struct {
		key, value string
		want       []string
	}{
		{PoolAnnotation, `{"ipv4":["a"]}`, []string{"a", "a", "a"}},
		{PoolsAnnotation, `[{"ipv4":["a"]},{"ipv4":["b"]},{"ipv4":["c"]}]`, []string{"a", "b", "c"}},
		{PoolsAnnotation, `[{"interface":"other","ipv4":["a"]},{"interface":"eth0","ipv4":["b"]}]`, []string{"b", "", "a"}},
		{"other", ``, []string{"ns", "ns", "ns"}},
	}
	for _, tt := range tests {
		pod, _ := Parse(map[string]string{tt.key: tt.value})
		var got []string
		for _, c := range Choose(pod, interfaces, &World{Namespace: NamespacePools{IPv4: []string{"ns"}}}) {
			got = append(got, slices.Concat(c.IPv4, []string{""})[0])
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.value, diff)
		}
	}
}

func TestPatterns(t *testing.T) {
	names := []string{"a*b", "p", "vlan1", "vlan10-a", "vlan10-b", "vlan2-a", "z"}
	pools := []*Pool{{Name: "vlan10-six", Version: IPv6}}
	for _, n := range names {
		pools = append(pools, &Pool{Name: n, Version: IPv4})
	}
	world := &World{Pools: NewIndex(pools...)}
	tests := []struct {
		written, want []string
		repeated      string
		// from is where the last pool was written: by its name, if it stands there.
		from int
	}{
		{written: []string{"vlan10*"}, want: []string{"vlan10-a", "vlan10-b"}},
		{written: []string{"*"}, want: names},
		{written: []string{"vlan?"}, want: []string{"vlan1"}},
		{written: []string{"vlan[0-9]*-a"}, want: []string{"vlan10-a", "vlan2-a"}},
		{written: []string{`a\*b`}, want: []string{"a*b"}},
		{written: []string{"none*"}, want: []string{}, from: -1},
		{written: []string{"z", "none*", "p"}, want: []string{"z", "p"}, from: 2},
		{written: []string{"z*", "missing"}, want: []string{"z", "missing"}, from: 1},
		{written: []string{"vlan10-a", "vlan10-*"}, want: []string{"vlan10-a", "vlan10-a"}, repeated: "vlan10-a"},
		{written: []string{"[a-"}, want: []string{"[a-"}},
		{written: []string{"[]"}, want: []string{}, from: -1},
	}
	for _, tt := range tests {
		c := Choose(&none, []Interface{{Name: "net1", Position: 1, IPv4Pools: tt.written}}, world)[0]
		if diff := cmp.Diff(tt.want, c.Pools(IPv4)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", tt.written, diff)
		}
		if got := c.Repeated(IPv4); got != tt.repeated {
			t.Errorf("%q: %q is repeated, want %q", tt.written, got, tt.repeated)
		}
		last := "no such pool"
		if len(tt.want) > 0 {
			last = tt.want[len(tt.want)-1]
		}
		if got := c.WrittenAs(IPv4, last); got != tt.from {
			t.Errorf("%q: %q was written at %d, want %d", tt.written, last, got, tt.from)
		}
		if c.Pools(IPv6) != nil || c.Repeated(IPv6) != "" || c.WrittenAs(IPv6, last) != -1 {
			t.Errorf("%q: pools of the other family in %+v", tt.written, c)
		}
	}
}

// More patterns than are looked at leave open which pools an interface gets, and
// those after it.
func TestTooManyPatterns(t *testing.T) {
	names := make([]*Pool, 1000)
	for i := range names {
		names[i] = &Pool{Name: fmt.Sprintf("p%d", i), Version: IPv4}
	}
	patterns := func(n int) []string {
		list := make([]string, n)
		for i := range list {
			list[i] = fmt.Sprintf("*x%d", i)
		}
		return list
	}
	most := maxMatches / len(names)
	for _, tt := range []struct {
		title    string
		patterns []string
		unknown  bool
	}{
		{"as many as are looked at", append([]string{"gone"}, patterns(most-1)...), false},
		{"one more", patterns(most + 1), true},
		{"long ones count more", []string{strings.Repeat("*", maxMatches/len(names)*longPattern)}, true},
		{"with a prefix that no pool has", append(patterns(most-1), "q*", "r*"), false},
	} {
		choices := Choose(&none, []Interface{
			{Name: "net1", Position: 1, IPv4Pools: tt.patterns},
			{Name: "net2", Position: 2, IPv4Pools: []string{"p1", "p2"}},
			{Name: "net3", Position: 3, IPv4Pools: []string{"*", "*9"}},
		}, &World{Pools: NewIndex(names...)})
		if choices[0].Unknown != tt.unknown || choices[1].Unknown {
			t.Errorf("%s: unknown %t, want %t; beside it %t", tt.title, choices[0].Unknown, tt.unknown, choices[1].Unknown)
		}
		if tt.unknown && !choices[2].Unknown {
			t.Errorf("%s: a pattern after it is looked at", tt.title)
		}
	}
}
