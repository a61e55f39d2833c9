package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/spiderpool"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/test/controlplane"
	"github.com/macvlan-webhook/macvlan-webhook/test/wait"
)

const poolCRD = "spiderippools.spiderpool.spidernet.io"

// poolClient changes pools faster than a kubectl starts.
func poolClient(tb testing.TB) dynamic.ResourceInterface {
	tb.Helper()
	config := plane.Config()
	config.QPS = -1
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		tb.Fatal(err)
	}
	return client.Resource(inventory.Pools.GroupVersionResource)
}

func pool(name string, spec map[string]any) *unstructured.Unstructured {
	whole := map[string]any{"subnet": "10.6.0.0/16"}
	maps.Copy(whole, spec)
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": inventory.SpiderpoolVersion.String(), "kind": inventory.Pools.Name,
		"metadata": map[string]any{"name": name}, "spec": whole,
	}}
}

// createPool creates a pool for as long as the test runs. It waits out the moment
// after its type was created in which there is nobody yet to ask.
func createPool(t *testing.T, name string, spec map[string]any) {
	t.Helper()
	client := poolClient(t)
	wait.Until(t, "pool "+name, func() bool {
		_, err := client.Create(t.Context(), pool(name, spec), metav1.CreateOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			t.Fatal(err)
		}
		return err == nil
	})
	t.Cleanup(func() {
		if err := client.Delete(context.Background(), name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
			t.Error(err)
		}
	})
}

func patchPool(t *testing.T, name, patch string, subresource ...string) {
	t.Helper()
	if _, err := poolClient(t).Patch(t.Context(), name, types.MergePatchType, []byte(patch), metav1.PatchOptions{}, subresource...); err != nil {
		t.Fatal(err)
	}
}

func TestPoolsFollowTheCluster(t *testing.T) {
	inv, registry := open(t, true)
	wait.Until(t, "ready", func() bool { return inv.Ready() == nil })
	cached := func(name string) *spiderpool.Pool {
		facts := inv.Facts(t.Context(), pod.Questions{}).Pools
		if facts.Index == nil || facts.Err != nil || facts.EveryFresh {
			t.Fatalf("pools: %+v", facts)
		}
		return facts.Index.Pool(name)
	}
	createPool(t, "followed", map[string]any{"default": true, "multusName": []any{"kube-system/vlan100"}})
	wait.Until(t, "in the cache", func() bool { return cached("followed") != nil })
	if p := cached("followed"); p.Version != spiderpool.IPv4 || !p.Default || !slices.Equal(p.MultusNames, []string{"kube-system/vlan100"}) || p.Total != -1 {
		t.Errorf("the cache has %+v", p)
	}
	patchPool(t, "followed", `{"status":{"totalIPCount":3,"allocatedIPCount":3,"allocatedIPs":"{\"10.6.0.1\":{}}"}}`, "status")
	wait.Until(t, "exhausted in the cache", func() bool { return cached("followed").Exhausted() })
	if p := cached("followed"); p.Total != 3 || p.Allocated != 3 || !p.Default {
		t.Errorf("after a change of its status the cache has %+v", p)
	}
	patchPool(t, "followed", `{"spec":{"default":false}}`)
	wait.Until(t, "changed in the cache", func() bool { return !cached("followed").Default })
	if n := testutil.CollectAndCount(registry, "macvlan_webhook_pools", "macvlan_webhook_namespaces"); n != 2 {
		t.Errorf("%d metrics of pools and namespaces, want 2", n)
	}
	if n := gauge(t, registry, "macvlan_webhook_pools"); n != 1 {
		t.Errorf("%v pools in the cache, want 1", n)
	}
	// default, kube-system, kube-public and kube-node-lease are always there.
	if n := gauge(t, registry, "macvlan_webhook_namespaces"); n < 4 {
		t.Errorf("%v namespaces in the cache, want 4 or more", n)
	}
	if err := poolClient(t).Delete(t.Context(), "followed", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	wait.Until(t, "gone from the cache", func() bool { return cached("followed") == nil })
}

// gauge is the value of a metric without labels.
func gauge(t *testing.T, registry *prometheus.Registry, name string) float64 {
	t.Helper()
	return sum(t, registry, name, "")
}

// sum adds up what a metric counts for a resource.
func sum(t *testing.T, registry *prometheus.Registry, name, resource string) float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	total := 0.0
	for _, family := range families {
		for _, m := range family.GetMetric() {
			counts := resource == ""
			for _, label := range m.GetLabel() {
				counts = counts || label.GetName() == "resource" && label.GetValue() == resource
			}
			if family.GetName() == name && counts {
				total += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return total
}

// A pool that was made, changed or deleted a moment ago is judged as it is, however
// far the watch has come.
func TestPoolOfAMomentAgo(t *testing.T) {
	inv, _ := open(t, true)
	wait.Until(t, "ready", func() bool { return inv.Ready() == nil })
	client := poolClient(t)
	refreshed := func(round int) *spiderpool.Pool {
		q := pod.Questions{Pools: []string{"moment"}}
		if round%5 == 4 { // seldom, for lists have a rate
			q.EveryPool = true
		}
		facts := inv.Refresh(t.Context(), q, inv.Facts(t.Context(), q)).Pools
		if facts.Err != nil || !facts.Confirmed(&q) {
			t.Fatalf("round %d: %+v", round, facts)
		}
		return facts.Index.Pool("moment")
	}
	for round := range 20 {
		createPool(t, "moment", nil)
		if p := refreshed(round); p == nil || p.Disabled {
			t.Fatalf("round %d: after it was made: %+v", round, p)
		}
		patchPool(t, "moment", `{"spec":{"disable":true}}`)
		if p := refreshed(round); p == nil || !p.Disabled {
			t.Fatalf("round %d: after it was disabled: %+v", round, p)
		}
		if err := client.Delete(t.Context(), "moment", metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		if p := refreshed(round); p != nil {
			t.Fatalf("round %d: after it was deleted: %+v", round, p)
		}
	}
}

// What was asked again replaces what the facts say, and nothing else does: neither
// the other pools nor the index that everybody shares.
func TestRefreshOfNamedPools(t *testing.T) {
	createPool(t, "named-a", nil)
	createPool(t, "named-b", map[string]any{"disable": true})
	inv, registry := open(t, false)
	old := spiderpool.NewIndex(
		&spiderpool.Pool{Name: "named-b", Version: spiderpool.IPv4}, &spiderpool.Pool{Name: "deleted", Version: spiderpool.IPv4},
		&spiderpool.Pool{Name: "other", Version: spiderpool.IPv4}, &spiderpool.Pool{Name: "known", Version: spiderpool.IPv6},
	)
	facts := pod.Facts{Pools: pod.PoolFacts{Index: old, Fresh: map[string]bool{"known": true}}}
	q := pod.Questions{Pools: []string{"named-a", "named-b", "deleted", "known", "no/name", ""}}
	fresh := inv.Refresh(t.Context(), q, facts).Pools
	if fresh.Err != nil || !fresh.Confirmed(&q) || fresh.EveryFresh || fresh.Fresh["other"] {
		t.Fatalf("fresh: %+v", fresh)
	}
	if got, want := fresh.Index.Names(spiderpool.IPv4), []string{"named-a", "named-b", "other"}; !slices.Equal(got, want) || !fresh.Index.Pool("named-b").Disabled {
		t.Errorf("IPv4 pools %q, want %q, the second one disabled", got, want)
	}
	if fresh.Index.Pool("known") == nil {
		t.Error("a pool that was fresh before is lost")
	}
	if got, want := old.Names(spiderpool.IPv4), []string{"deleted", "named-b", "other"}; !slices.Equal(got, want) || old.Pool("named-b").Disabled {
		t.Errorf("the index of all has become %q, want %q", got, want)
	}
	if n := sum(t, registry, "macvlan_webhook_live_lists_total", inventory.Pools.Resource); n != 0 {
		t.Errorf("%v lists for few names", n)
	}
	before := sum(t, registry, "macvlan_webhook_live_reads_total", inventory.Pools.Resource)
	if again := inv.Refresh(t.Context(), q, pod.Facts{Pools: fresh}).Pools; again.Index != fresh.Index {
		t.Error("what is fresh was asked again")
	}
	if n := sum(t, registry, "macvlan_webhook_live_reads_total", inventory.Pools.Resource) - before; n != 0 {
		t.Errorf("%v reads of what is fresh", n)
	}

	// Many names are asked for at once.
	for n := range 17 {
		q.Pools = append(q.Pools, fmt.Sprint("many-", n))
	}
	all := inv.Refresh(t.Context(), q, facts).Pools
	if all.Err != nil || !all.EveryFresh || all.Index.Pool("named-a") == nil || all.Index.Pool("other") != nil {
		t.Errorf("many names: %+v", all)
	}
	if n := sum(t, registry, "macvlan_webhook_live_lists_total", inventory.Pools.Resource); n != 1 {
		t.Errorf("%v lists for many names, want 1", n)
	}

	// What cannot be asked again is not known: the old answer may be wrong.
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for _, q := range []pod.Questions{{Pools: []string{"named-a"}}, {EveryPool: true}} {
		if f := inv.Refresh(gone, q, facts).Pools; !errors.Is(f.Err, context.Canceled) || f.Index != nil {
			t.Errorf("cancelled: %+v", f)
		}
	}
	// Where pools are not known at all, none is missing, and none is asked for.
	if f := inv.Refresh(t.Context(), q, pod.Facts{}).Pools; f.Index != nil || f.Err != nil {
		t.Errorf("without pools: %+v", f)
	}
	// Where they could not be found out, all are asked for.
	unknown := pod.Facts{Pools: pod.PoolFacts{Err: errors.New("connection refused")}}
	if f := inv.Refresh(t.Context(), pod.Questions{Pools: []string{"named-a"}}, unknown).Pools; f.Err != nil || f.Index.Pool("named-b") == nil {
		t.Errorf("after a failure: %+v", f)
	}
}

func TestListsAreShared(t *testing.T) {
	createPool(t, "shared", nil)
	inv, registry := open(t, false)
	facts := pod.Facts{Pools: pod.PoolFacts{Index: spiderpool.NewIndex()}}
	const count = 50
	var askers sync.WaitGroup
	for range count {
		askers.Go(func() {
			if f := inv.Refresh(t.Context(), pod.Questions{EveryPool: true}, facts).Pools; f.Err != nil || !f.EveryFresh || f.Index.Pool("shared") == nil {
				t.Errorf("got %+v", f)
			}
		})
	}
	askers.Wait()
	// Two if all come at once; a slow machine lets some come later.
	if n := sum(t, registry, "macvlan_webhook_live_lists_total", inventory.Pools.Resource); n < 1 || n > count/5 {
		t.Errorf("%v lists for %d askers", n, count)
	}
}

// A cluster without Spiderpool: ready, and no pool is missing. As soon as it is
// installed its pools are followed, and when it is uninstalled and installed again
// as well. Nobody becomes unready meanwhile.
func TestPoolsInstalledLater(t *testing.T) {
	definition := kubectl(t, "", "get", "crd", poolCRD, "-o", "yaml")
	kubectl(t, "", "delete", "crd", poolCRD)
	t.Cleanup(func() {
		// The other tests need it, however this one ends.
		if result, err := plane.Kubectl(context.Background(), definition, "apply", "-f", "-"); err != nil || result.ExitCode != 0 {
			t.Errorf("install the CRD again: %v %s", err, result.Stderr)
		}
	})
	inv, _, log := openWithLog(t, true)
	q := pod.Questions{Pools: []string{"later"}, EveryPool: true}
	pools := func() pod.PoolFacts { return inv.Facts(t.Context(), q).Pools }

	wait.Until(t, "ready without the resource", func() bool { return inv.Ready() == nil })
	var unready atomic.Pointer[error]
	watching, stop := context.WithCancel(t.Context())
	var watcher sync.WaitGroup
	watcher.Go(func() {
		look := time.NewTicker(time.Millisecond)
		defer look.Stop()
		for watching.Err() == nil {
			<-look.C
			if err := inv.Ready(); err != nil {
				unready.Store(&err)
			}
		}
	})
	defer watcher.Wait()
	defer stop()
	if f := inv.Refresh(t.Context(), q, inv.Facts(t.Context(), q)).Pools; f.Index != nil || f.Err != nil {
		t.Errorf("without the resource: %+v", f)
	}
	if f := listed(t, plane.Config()).Facts(t.Context(), q).Pools; f.Index != nil || f.Err != nil || !f.EveryFresh {
		t.Errorf("without the resource and without a cache: %+v", f)
	}

	for range 2 {
		kubectl(t, definition, "create", "-f", "-")
		wait.Until(t, "an index without pools", func() bool { return pools().Index != nil })
		if f := pools(); f.Index.Pool("later") != nil || f.Err != nil {
			t.Errorf("before there is a pool: %+v", f)
		}
		createPool(t, "later", nil)
		wait.Until(t, "the pool", func() bool { return pools().Index.Pool("later") != nil })
		kubectl(t, "", "delete", "crd", poolCRD)
		wait.Until(t, "no index", func() bool { f := pools(); return f.Index == nil && f.Err == nil })
	}
	stop()
	watcher.Wait()
	if err := unready.Load(); err != nil {
		t.Errorf("it was unready: %v", *err)
	}
	for line, want := range map[string]int{"resources=[spiderippools.spiderpool.spidernet.io]": 1, "the resource exists now": 2, "the resource no longer exists": 2, "watch failed": 0} {
		if got := strings.Count(log(), line); got != want {
			t.Errorf("%d lines of %q in the log, want %d", got, line, want)
		}
	}
}

// Who may not ask does not take that for an answer.
func TestPoolsAndNamespacesForbidden(t *testing.T) {
	inv, _ := openAs(t, "nobody")
	facts := inv.Facts(t.Context(), pod.Questions{Namespace: "default"})
	if !apierrors.IsForbidden(facts.Namespace.Err) || facts.Namespace.Value != nil || facts.Namespace.Fresh {
		t.Errorf("namespace: %+v", facts.Namespace)
	}
	// Memory has none yet.
	if facts.Pools.Err == nil || facts.Pools.Index != nil || facts.Pools.EveryFresh {
		t.Errorf("pools: %+v", facts.Pools)
	}
	if f := inv.Refresh(t.Context(), pod.Questions{EveryPool: true}, facts).Pools; !apierrors.IsForbidden(f.Err) || f.Index != nil || f.EveryFresh {
		t.Errorf("pools, asked again: %+v", f)
	}
}

func mustKubeconfig(t *testing.T, c *controlplane.ControlPlane, user string) string {
	t.Helper()
	path, err := c.KubeconfigFor(user)
	if err != nil {
		t.Fatal(err)
	}
	return path
}
