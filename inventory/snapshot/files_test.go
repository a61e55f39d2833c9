package snapshot_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/macvlan-webhook/macvlan-webhook/inventory/files"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/spiderpool"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
)

const (
	vlan100  = "{apiVersion: spiderpool.spidernet.io/v2beta1, kind: SpiderIPPool, metadata: {name: vlan100-v4}, spec: {subnet: 10.100.0.0/16, multusName: [vlan100]}, status: {totalIPCount: 3, allocatedIPCount: 1}}\n"
	disabled = "{apiVersion: spiderpool.spidernet.io/v2beta1, kind: SpiderIPPool, metadata: {name: vlan100-v4}, spec: {subnet: 10.100.0.0/16, disable: true}}\n"
	vlan200  = "{apiVersion: spiderpool.spidernet.io/v1, kind: SpiderIPPool, metadata: {name: vlan200-v6}, spec: {ipVersion: 6, subnet: 'fd00::/64', default: true}}\n"
	unnamed  = "{apiVersion: spiderpool.spidernet.io/v2beta1, kind: SpiderIPPool, metadata: {generateName: new-}, spec: {subnet: 10.9.0.0/16, default: true}}\n"
	foreign  = "{apiVersion: example.com/v1, kind: SpiderIPPool, metadata: {name: other}, spec: {ipVersion: four}}\n"
	teamA    = "{apiVersion: v1, kind: Namespace, metadata: {name: team-a, labels: {team: a}, annotations: {ipam.spidernet.io/default-ipv4-ippool: '[\"vlan100-v4\"]'}}}\n"
	teamB    = "{apiVersion: v1, kind: Namespace, metadata: {name: team-a, labels: {team: b}}}\n"
)

// layers reads each text as a file of its own, a.yaml, b.yaml and so on.
func layers(t *testing.T, texts ...string) [][]files.Object {
	t.Helper()
	var layers [][]files.Object
	t.Chdir(t.TempDir())
	for i, text := range texts {
		name := string(rune('a'+i)) + ".yaml"
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		objects, err := files.Read([]string{name}, strings.NewReader(""))
		if err != nil {
			t.Fatal(err)
		}
		layers = append(layers, objects)
	}
	return layers
}

func documents(texts ...string) string { return strings.Join(texts, "---\n") }

func TestPoolsAndNamespaces(t *testing.T) {
	inv, err := files.NewInventory("default", layers(t, documents(vlan100, vlan200, teamA, foreign, unnamed))...)
	if err != nil {
		t.Fatal(err)
	}
	if inv.Pools() != 2 || inv.Len() != 0 {
		t.Errorf("%d pools and %d networks, want 2 and none", inv.Pools(), inv.Len())
	}
	facts := inv.Facts(t.Context(), pod.Questions{Namespace: "team-a", Pools: []string{"vlan100-v4"}})
	pools := facts.Pools.Index
	if !facts.Pools.EveryFresh || facts.Pools.Err != nil || !slices.Equal(pools.Names(spiderpool.IPv4), []string{"vlan100-v4"}) || !slices.Equal(pools.Defaults(spiderpool.IPv6), []string{"vlan200-v6"}) {
		t.Errorf("pools: %+v with the names %q and the defaults %q", facts.Pools, pools.Names(spiderpool.IPv4), pools.Defaults(spiderpool.IPv6))
	}
	if p := pools.Pool("vlan100-v4"); p.Total != 3 || p.Allocated != 1 || !slices.Equal(p.MultusNames, []string{"vlan100"}) {
		t.Errorf("pool: %+v", p)
	}
	if n := facts.Namespace; !n.Fresh || n.Value.Labels["team"] != "a" || !slices.Equal(n.Value.Pools.IPv4, []string{"vlan100-v4"}) {
		t.Errorf("namespace: %+v", n)
	}
	if n := inv.Facts(t.Context(), pod.Questions{Namespace: "team-b"}).Namespace; n.Value != nil || n.Err != nil || !n.Fresh {
		t.Errorf("a namespace that is in no file: %+v", n)
	}
	if f := inv.Refresh(t.Context(), pod.Questions{EveryPool: true}, facts); f.Pools.Index != pools {
		t.Error("files were asked again")
	}
}

// Without any pool it is not known which ones there are.
func TestNoPools(t *testing.T) {
	inv, err := files.NewInventory("default", layers(t, documents(teamA, foreign))...)
	if err != nil {
		t.Fatal(err)
	}
	q := pod.Questions{Pools: []string{"vlan100-v4"}, EveryPool: true}
	if p := inv.Facts(t.Context(), q).Pools; p.Index != nil || p.Err != nil || !p.Confirmed(&q) || inv.Pools() != 0 {
		t.Errorf("pools: %+v", p)
	}
}

func TestLaterLayersOverride(t *testing.T) {
	inv, err := files.NewInventory("default", layers(t, documents(vlan100, teamA, vlan200), documents(disabled, teamB))...)
	if err != nil {
		t.Fatal(err)
	}
	facts := inv.Facts(t.Context(), pod.Questions{Namespace: "team-a"})
	if p := facts.Pools.Index.Pool("vlan100-v4"); !p.Disabled || inv.Pools() != 2 {
		t.Errorf("pool: %+v, of %d", p, inv.Pools())
	}
	if n := facts.Namespace.Value; n.Labels["team"] != "b" || n.Pools.IPv4 != nil {
		t.Errorf("namespace: %+v", n)
	}
}

func TestWrongObjects(t *testing.T) {
	network := "{apiVersion: k8s.cni.cncf.io/v1, kind: NetworkAttachmentDefinition, metadata: {name: vlan100}}\n"
	tests := []struct{ name, text, want string }{
		{"a pool twice", documents(vlan100, vlan200, disabled), `a.yaml:5:1: pool "vlan100-v4" is already at a.yaml:1:1: remove one of them`},
		{"a namespace twice", documents(teamA, teamB), `a.yaml:3:1: namespace "team-a" is already at a.yaml:1:1: remove one of them`},
		{"a network twice", documents(network, network), `a.yaml:3:1: network "default/vlan100" is already at a.yaml:1:1: remove one of them`},
		{"a pool of a wrong type", documents(teamA, strings.Replace(vlan200, "ipVersion: 6", "ipVersion: six", 1)), `a.yaml:3:110: decode SpiderIPPool: spec.ipVersion: the value is of the wrong type (a string); accepted: a whole number`},
		{"a namespace of a wrong type", strings.Replace(teamA, "labels: {team: a}", "labels: [team]", 1), `a.yaml:1:60: decode Namespace: metadata.labels: the value is of the wrong type (a list); accepted: a mapping`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inv, err := files.NewInventory("default", layers(t, tt.text)...)
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("inventory %v, error %q; want an error that begins with %q", inv, err, tt.want)
			}
		})
	}
}

// A pool, a namespace and a network may have the same name.
func TestSameNameOfDifferentKinds(t *testing.T) {
	text := "{apiVersion: spiderpool.spidernet.io/v2beta1, kind: SpiderIPPool, metadata: {name: a}}\n---\n{apiVersion: v1, kind: Namespace, metadata: {name: a}}\n---\n" +
		"{apiVersion: k8s.cni.cncf.io/v1, kind: NetworkAttachmentDefinition, metadata: {name: a, namespace: a}}\n"
	inv, err := files.NewInventory("default", layers(t, text)...)
	if err != nil || inv.Pools() != 1 || inv.Len() != 1 {
		t.Errorf("%+v, error %v", inv, err)
	}
}
