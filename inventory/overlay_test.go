package inventory_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/inventory/files"
	"github.com/macvlan-webhook/macvlan-webhook/policy"
	"github.com/macvlan-webhook/macvlan-webhook/policy/spiderpool"
)

const base = `
{apiVersion: k8s.cni.cncf.io/v1, kind: NetworkAttachmentDefinition, metadata: {name: both, namespace: default, labels: {from: base}}}
---
{apiVersion: k8s.cni.cncf.io/v1, kind: NetworkAttachmentDefinition, metadata: {name: below, namespace: default}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: both, labels: {from: base}}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: below, labels: {from: base}}}
---
{apiVersion: spiderpool.spidernet.io/v2beta1, kind: SpiderIPPool, metadata: {name: both}, spec: {subnet: 10.6.0.0/16, default: true}}
---
{apiVersion: spiderpool.spidernet.io/v2beta1, kind: SpiderIPPool, metadata: {name: below}, spec: {subnet: 10.7.0.0/16}}
---
{apiVersion: spiderpool.spidernet.io/v2beta1, kind: SpiderCoordinator, metadata: {name: default}, spec: {mode: overlay}}
`

const top = `
{apiVersion: k8s.cni.cncf.io/v1, kind: NetworkAttachmentDefinition, metadata: {name: both, namespace: default, labels: {from: top}}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: both, labels: {from: top}}}
---
{apiVersion: spiderpool.spidernet.io/v2beta1, kind: SpiderIPPool, metadata: {name: both}, spec: {subnet: "fd00::/64"}}
---
{apiVersion: spiderpool.spidernet.io/v2beta1, kind: SpiderIPPool, metadata: {name: above}, spec: {subnet: 10.8.0.0/16}}
`

func open(t testing.TB, yaml string) *files.Inventory {
	t.Helper()
	objects, err := files.Read([]string{files.Stdin}, strings.NewReader(yaml))
	if err != nil {
		t.Fatal(err)
	}
	inv, err := files.NewInventory("default", objects)
	if err != nil {
		t.Fatal(err)
	}
	return inv
}

// witness answers as another inventory does, as if from a cache, and keeps what it
// was asked.
type witness struct {
	inventory.Inventory
	asked, refreshed policy.Questions
	err              error
}

func (w *witness) Facts(ctx context.Context, q policy.Questions) policy.Facts {
	w.asked = q
	facts := w.Inventory.Facts(ctx, q)
	for n := range facts.Networks {
		facts.Networks[n].Fresh = false
	}
	facts.Namespace.Fresh, facts.Pools.EveryFresh = false, false
	if w.err != nil {
		facts.Pools = policy.PoolFacts{Err: w.err}
	}
	return facts
}

// Refresh answers with all that it has, as a cluster does that was asked for all
// pools.
func (w *witness) Refresh(ctx context.Context, q policy.Questions, facts policy.Facts) policy.Facts {
	w.refreshed = q
	facts.Pools = w.Inventory.Facts(ctx, q).Pools
	return facts
}

func names(refs ...string) []policy.Reference {
	var out []policy.Reference
	for _, name := range refs {
		out = append(out, policy.Reference{Namespace: "default", Name: name})
	}
	return out
}

func TestOverlay(t *testing.T) {
	below := &witness{Inventory: open(t, base)}
	inv := inventory.Overlay(open(t, top), below)
	q := policy.Questions{Networks: names("below", "both", "nowhere"), Namespace: "both", Pools: []string{"above", "both", "below", "nowhere"}}
	facts := inv.Facts(t.Context(), q)

	if n := facts.Networks; n[0].Value == nil || n[0].Fresh || n[1].Value == nil || !n[1].Fresh || n[2].Value != nil || facts.NamesOnly {
		t.Errorf("networks: %+v", n)
	}
	if facts.CoordinatorMode != "overlay" {
		t.Errorf("the mode of coordinators is %q", facts.CoordinatorMode)
	}
	if n := facts.Namespace; n.Value == nil || n.Value.Labels["from"] != "top" || !n.Fresh {
		t.Errorf("namespace: %+v", n)
	}
	checkPools := func(pools policy.PoolFacts) {
		t.Helper()
		got := [][]string{pools.Index.Names(spiderpool.IPv4), pools.Index.Names(spiderpool.IPv6), pools.Index.Defaults(spiderpool.IPv4)}
		if diff := cmp.Diff([][]string{{"above", "below"}, {"both"}, nil}, got); diff != "" {
			t.Errorf("IPv4, IPv6 and default pools (-want +got):\n%s", diff)
		}
		if !pools.Fresh["above"] || !pools.Fresh["both"] {
			t.Errorf("fresh pools: %v", pools.Fresh)
		}
	}
	checkPools(facts.Pools)
	if facts.Pools.Fresh["below"] || facts.Pools.EveryFresh {
		t.Errorf("the base's pools are fresh: %+v", facts.Pools)
	}
	if want := (policy.Questions{Networks: names("below", "nowhere"), Pools: []string{"below", "nowhere"}}); !cmp.Equal(below.asked, want) {
		t.Errorf("the base was asked %+v, want %+v", below.asked, want)
	}

	fresh := inv.Refresh(t.Context(), q, facts)
	checkPools(fresh.Pools)
	if !fresh.Pools.EveryFresh {
		t.Errorf("after the base was asked again: %+v", fresh.Pools)
	}
	if want := []string{"below", "nowhere"}; !slices.Equal(below.refreshed.Pools, want) {
		t.Errorf("the base was asked again for %q, want %q", below.refreshed.Pools, want)
	}
	// The base keeps its own.
	if own := below.Inventory.Facts(t.Context(), q).Pools.Index; own.Pool("above") != nil || own.Pool("both").Version != spiderpool.IPv4 {
		t.Error("the base's index has changed")
	}
}

func TestOverlayWhereOneHasNothing(t *testing.T) {
	q := policy.Questions{Networks: names("below"), Namespace: "below", Pools: []string{"below"}}
	full := &witness{Inventory: open(t, base)}
	facts := inventory.Overlay(open(t, ""), full).Facts(t.Context(), q)
	if n := facts.Networks[0].Value; n == nil || n.NameOnly || facts.NamesOnly {
		t.Errorf("networks of the base alone: %+v", facts)
	}
	if n := facts.Namespace.Value; n == nil || n.Labels["from"] != "base" || facts.Namespace.Fresh {
		t.Errorf("namespace of the base alone: %+v", facts.Namespace)
	}
	if p := facts.Pools; p.Index.Pool("below") == nil || p.EveryFresh {
		t.Errorf("pools of the base alone: %+v", p)
	}

	facts = inventory.Overlay(open(t, top), open(t, "")).Facts(t.Context(), q)
	if n := facts.Networks[0]; n.Value == nil || !n.Value.NameOnly {
		t.Errorf("a network that only its name tells of: %+v", n)
	}
	if p := facts.Pools; p.Index.Pool("above") == nil || !p.Confirmed(&q) {
		t.Errorf("pools of the top alone: %+v", p)
	}

	broken := &witness{Inventory: open(t, base), err: errors.New("connection refused")}
	if p := inventory.Overlay(open(t, top), broken).Facts(t.Context(), q).Pools; p.Index != nil || !errors.Is(p.Err, broken.err) {
		t.Errorf("pools of a base that does not answer: %+v", p)
	}
	if p := inventory.Overlay(open(t, ""), open(t, "")).Facts(t.Context(), q).Pools; p.Index != nil || p.Err != nil {
		t.Errorf("pools of nobody: %+v", p)
	}
}
