package cluster_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/client-go/rest"

	"github.com/macvlan-webhook/macvlan-webhook/inventory/cluster"
	"github.com/macvlan-webhook/macvlan-webhook/policy/address/mac"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/flatnetwork"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/test/controlplane"
	"github.com/macvlan-webhook/macvlan-webhook/test/wait"
)

// fixing is the metadata of pods that fix an IP address.
func fixing(ip string) string {
	return "{labels: {app: a}, annotations: {macvlan.pandaria.cattle.io/ip: '" + ip + "', macvlan.pandaria.cattle.io/subnet: vlan9, " +
		`k8s.v1.cni.cncf.io/networks: '[{"name":"static-macvlan-cni-attach","interface":"eth1"}]'}}`
}

const containers = "{containers: [{name: app, image: app:1}], restartPolicy: %s}"

// workload writes a workload whose pods fix an IP address. The metadata is added to its
// own.
func workload(kind, name, ip, metadata string) string {
	version, restart, more := "apps/v1", "Always", "selector: {matchLabels: {app: a}}, "
	switch kind {
	case "Job", "CronJob":
		version, restart, more = "batch/v1", "Never", ""
	case "ReplicationController":
		version, more = "v1", "selector: {app: a}, "
	}
	spec := "{" + more + "template: {metadata: " + fixing(ip) + ", spec: " + fmt.Sprintf(containers, restart) + "}}"
	if kind == "CronJob" {
		spec = "{schedule: '0 0 1 1 *', jobTemplate: {spec: " + spec + "}}"
	}
	if kind == "StatefulSet" {
		spec = strings.Replace(spec, "{", "{serviceName: a, ", 1)
	}
	return fmt.Sprintf("apiVersion: %s\nkind: %s\nmetadata: {name: %s, namespace: default%s}\nspec: %s\n---\n", version, kind, name, metadata, spec)
}

func barePod(name, metadata string) string {
	return fmt.Sprintf("apiVersion: v1\nkind: Pod\nmetadata: {name: %s, namespace: default%s}\nspec: "+containers+"\n---\n", name, metadata, "Always")
}

// record writes the record of a pod that was given an address.
func record(name, ip, podID, metadata string) string {
	return fmt.Sprintf("apiVersion: macvlan.cluster.cattle.io/v1\nkind: MacvlanIP\nmetadata: {name: %s, namespace: default%s}\n"+
		"spec: {subnet: vlan9, podId: %q, cidr: %s/24, mac: '02:00:00:00:09:01'}\n---\n", name, metadata, podID, ip)
}

// ownedBy is the metadata of what an object owns, and controls.
func ownedBy(version, kind, name, uid string) string {
	return fmt.Sprintf(", ownerReferences: [{apiVersion: %s, kind: %s, name: %s, uid: %s, controller: true}]", version, kind, name, uid)
}

func uid(t *testing.T, kind, name string) string {
	t.Helper()
	return kubectl(t, "", "get", kind, name, "-n", "default", "-o", "jsonpath={.metadata.uid}")
}

func whoHolds(ip string) pod.Questions {
	return pod.Questions{Addresses: pod.Addresses{IPs: []netip.Addr{netip.MustParseAddr(ip)}}}
}

// refreshed has all holders confirmed that memory has.
func refreshed(ctx context.Context, inv *cluster.Inventory, q pod.Questions, facts pod.Facts) pod.Facts {
	for _, h := range facts.Holders.Holders {
		q.Contested = append(q.Contested, h.Holder)
	}
	return inv.Refresh(ctx, q, facts)
}

// names are the holders and their owners, upwards.
func holderNames(t *testing.T, f pod.HolderFacts) []string {
	t.Helper()
	if f.Err != nil {
		t.Fatal(f.Err)
	}
	var names []string
	for _, h := range f.Holders {
		text := h.Kind + " " + h.Name
		for _, o := range h.Owners {
			text += " < " + o.Kind + " " + o.Name
		}
		if h.Ending {
			text += " (ending)"
		}
		names = append(names, text)
	}
	slices.Sort(names)
	return names
}

// held waits until memory has some holders, and returns what the API server says.
func held(t *testing.T, inv *cluster.Inventory, q pod.Questions, inMemory int) []string {
	t.Helper()
	var facts pod.Facts
	wait.Until(t, fmt.Sprint(inMemory, " holders in memory"), func() bool {
		facts = inv.Facts(t.Context(), q)
		return facts.Holders.Err == nil && len(facts.Holders.Holders) == inMemory
	})
	if inMemory > 0 && facts.Holders.Fresh {
		t.Error("memory is taken to be fresh")
	}
	fresh := refreshed(t.Context(), inv, q, facts).Holders
	if !fresh.Fresh {
		t.Errorf("not fresh: %+v", fresh)
	}
	return holderNames(t, fresh)
}

func expect(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: holders %q, want %q", what, got, want)
	}
}

// running is an inventory whose caches are filled.
func running(t *testing.T) *cluster.Inventory {
	t.Helper()
	inv, _ := open(t, true)
	wait.Until(t, "ready", func() bool { return inv.Ready() == nil })
	return inv
}

// Workloads of each kind keep the addresses of their templates; what they make for
// themselves keeps nothing besides.
func TestWorkloadsHoldAddresses(t *testing.T) {
	const ip = "10.90.0.1"
	kinds := []string{"CronJob", "DaemonSet", "Deployment", "Job", "ReplicaSet", "ReplicationController", "StatefulSet"}
	var text strings.Builder
	var want []string
	for _, kind := range kinds {
		text.WriteString(workload(kind, "holding", ip, ""))
		want = append(want, kind+" holding")
	}
	applied(t, text.String())
	applied(t, workload("Job", "of-cronjob", ip, ownedBy("batch/v1", "CronJob", "holding", uid(t, "cronjob", "holding")))+
		workload("ReplicaSet", "of-deployment", ip, ownedBy("apps/v1", "Deployment", "holding", uid(t, "deployment", "holding")))+
		workload("ReplicaSet", "of-deployment-too", ip, ", labels: {pod-template-hash: abc}"+ownedBy("apps/v1", "Deployment", "holding", uid(t, "deployment", "holding")))+
		workload("Deployment", "other", "10.90.0.2", "")+
		strings.Replace(workload("Deployment", "on-host", ip, ""), "{containers:", "{hostNetwork: true, containers:", 1))
	inv, registry := open(t, true)
	wait.Until(t, "ready", func() bool { return inv.Ready() == nil })
	expect(t, "all kinds", held(t, inv, whoHolds(ip), len(kinds)), want...)
	if n := gauge(t, registry, "macvlan_webhook_address_holders"); int(n) != len(kinds)+1 {
		t.Errorf("%v holders in the cache, want %d", n, len(kinds)+1)
	}
	expect(t, "an address that nobody has", held(t, inv, whoHolds("10.90.0.9"), 0))
	if f := inv.Facts(t.Context(), pod.Questions{}).Holders; f.Holders != nil || f.Fresh || f.Networks != nil {
		t.Errorf("holders where nothing is asked: %+v", f)
	}
}

// A refusal rests on who has the address now, not on who had it.
func TestAddressIsTakenByAnother(t *testing.T) {
	const ip = "10.90.1.1"
	inv := running(t)
	applied(t, workload("Deployment", "before", ip, ""))
	q := whoHolds(ip)
	expect(t, "before", held(t, inv, q, 1), "Deployment before")
	stale := inv.Facts(t.Context(), q)

	kubectl(t, "", "delete", "deployment", "before")
	applied(t, workload("StatefulSet", "after", ip, ""))
	expect(t, "after", held(t, inv, q, 1), "StatefulSet after")
	if f := refreshed(t.Context(), inv, q, stale).Holders; len(f.Holders) != 1 || f.Holders[0].Name != "after" {
		t.Errorf("of an old answer: %q", holderNames(t, f))
	}
	// It is there, with another address.
	kubectl(t, workload("StatefulSet", "after", "10.90.1.2", ""), "apply", "-f", "-")
	expect(t, "given up", holderNames(t, refreshed(t.Context(), inv, q, stale).Holders))

	applied(t, workload("Deployment", "ending", ip, ", finalizers: [example.com/keep]"))
	expect(t, "another", held(t, inv, q, 1), "Deployment ending")
	kubectl(t, "", "delete", "deployment", "ending", "--wait=false")
	expect(t, "ending", held(t, inv, q, 1), "Deployment ending (ending)")
	kubectl(t, "", "patch", "deployment", "ending", "--type=merge", "--patch", `{"metadata":{"finalizers":null}}`)
	expect(t, "gone", held(t, inv, q, 0))
}

// The record of a pod that is gone keeps nothing, unless a StatefulSet will make the
// pod again.
func TestRecordsOfPods(t *testing.T) {
	const ip = "10.90.2.1"
	inv := running(t)
	applied(t, barePod("recorded", "")+workload("StatefulSet", "set", "10.90.2.9", ""))
	applied(t, record("recorded", ip, uid(t, "pod", "recorded"), ownedBy("v1", "Pod", "recorded", uid(t, "pod", "recorded"))))
	q := whoHolds(ip)
	expect(t, "a pod", held(t, inv, q, 1), "Pod recorded")
	facts := inv.Facts(t.Context(), q)
	h := facts.Holders.Holders[0]
	if want := (object.Identity{Controller: object.Controller{APIVersion: "macvlan.cluster.cattle.io/v1", Kind: "MacvlanIP"}, Namespace: "default", Name: "recorded", UID: uid(t, "macvlanip", "recorded")}); h.Record != want {
		t.Errorf("record %+v, want %+v", h.Record, want)
	}
	if h.UID != uid(t, "pod", "recorded") {
		t.Errorf("the holder is %+v", h.Identity)
	}
	address, _ := mac.Parse("02:00:00:00:09:01")
	if f := inv.Facts(t.Context(), pod.Questions{Addresses: pod.Addresses{MACs: []mac.Address{address}}}).Holders; len(f.Holders) != 1 {
		t.Errorf("holders of its MAC address: %+v", f)
	}

	kubectl(t, "", "delete", "pod", "recorded", "--now")
	expect(t, "a pod that is gone", held(t, inv, q, 1))
	applied(t, barePod("recorded", ""))
	expect(t, "another pod of that name", held(t, inv, q, 1))

	const ofSet = "10.90.2.2"
	applied(t, record("set-0", ofSet, "00000000-0000-0000-0000-000000000000", ownedBy("apps/v1", "StatefulSet", "set", uid(t, "statefulset", "set"))))
	expect(t, "the next pod of a StatefulSet", held(t, inv, whoHolds(ofSet), 1), "Pod set-0 < StatefulSet set")
	kubectl(t, "", "delete", "statefulset", "set")
	expect(t, "a pod of a StatefulSet that is gone", held(t, inv, whoHolds(ofSet), 1))
}

// Owners are followed upwards, for holders and for whoever asks.
func TestOwnersOfHolders(t *testing.T) {
	const ip = "10.90.3.1"
	inv := running(t)
	applied(t, workload("Deployment", "top", "10.90.3.9", "")+subnetOf(flatnetwork.V1, "kube-system", "vlan9", "10.90.3.0/24"))
	applied(t, workload("ReplicaSet", "middle", "10.90.3.9", ", labels: {pod-template-hash: abc}"+ownedBy("apps/v1", "Deployment", "top", uid(t, "deployment", "top"))))
	applied(t, barePod("bottom", ownedBy("apps/v1", "ReplicaSet", "middle", uid(t, "replicaset", "middle")))+
		barePod("foreign", ownedBy("example.com/v1", "Rollout", "unknown", "00000000-0000-0000-0000-000000000001")))
	applied(t, record("bottom", ip, uid(t, "pod", "bottom"), "")+record("foreign", ip, uid(t, "pod", "foreign"), ""))

	q := whoHolds(ip)
	q.Owner = object.Identity{Controller: object.Controller{APIVersion: "apps/v1", Kind: "ReplicaSet"}, Namespace: "default", Name: "middle", UID: uid(t, "replicaset", "middle")}
	expect(t, "the chain", held(t, inv, q, 2), "Pod bottom < ReplicaSet middle < Deployment top", "Pod foreign < Rollout unknown")
	facts := inv.Facts(t.Context(), q)
	if o := facts.Holders.Owners; len(o) != 1 || o[0] != q.Owner {
		t.Errorf("owners of whoever asks, from memory: %+v", o)
	}
	if s := facts.Holders.Subnets[flatnetwork.SubnetReference{Generation: flatnetwork.V1, Name: "vlan9"}]; s == nil || s.CIDR.String() != "10.90.3.0/24" {
		t.Errorf("the subnet that the claims name: %+v", s)
	}
	fresh := refreshed(t.Context(), inv, q, facts).Holders
	if o := fresh.Owners; len(o) != 2 || o[1].Name != "top" || o[1].UID != uid(t, "deployment", "top") {
		t.Errorf("owners of whoever asks: %+v", o)
	}
	// Without a garbage collector what is owned stays.
	kubectl(t, "", "delete", "deployment", "top")
	expect(t, "an owner is gone", held(t, inv, q, 2), "Pod bottom < ReplicaSet middle < Deployment top (ending)", "Pod foreign < Rollout unknown")
	// One that was created again is another one.
	applied(t, workload("Deployment", "top", "10.90.3.9", ""))
	expect(t, "an owner is another one", held(t, inv, q, 2), "Pod bottom < ReplicaSet middle < Deployment top (ending)", "Pod foreign < Rollout unknown")

	// Who cannot be asked about is not known.
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if f := refreshed(gone, inv, q, facts).Holders; f.Err == nil || f.Holders != nil || f.Fresh {
		t.Errorf("cancelled: %+v", f)
	}
}

// While its caches are not filled a server does not know who holds an address.
func TestHoldersBeforeTheCachesAreFilled(t *testing.T) {
	inv, err := cluster.New(cluster.Options{Config: &rest.Config{Host: "https://127.0.0.1:1"}, Logger: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- inv.Run(ctx) }()
	wait.Until(t, "no answer", func() bool {
		f := inv.Facts(t.Context(), whoHolds("10.90.6.1")).Holders
		return f.Err != nil && f.Holders == nil && !f.Fresh && strings.Contains(f.Err.Error(), "not filled yet")
	})
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// A cluster without the flat network has workloads that hold addresses; its records are
// heeded as soon as it is installed.
func TestRecordsInstalledLater(t *testing.T) {
	const ip = "10.90.7.1"
	definition := uninstalled(t, "macvlanips.macvlan.cluster.cattle.io")
	applied(t, workload("Deployment", "earlier", ip, "")+barePod("later", ""))
	inv := running(t)
	expect(t, "without records", held(t, inv, whoHolds(ip), 1), "Deployment earlier")
	expect(t, "without records, listed", holderNames(t, listed(t, plane.Config()).Facts(t.Context(), whoHolds(ip)).Holders), "Deployment earlier")
	kubectl(t, definition, "create", "-f", "-")
	applied(t, record("later", ip, uid(t, "pod", "later"), ""))
	expect(t, "with records", held(t, inv, whoHolds(ip), 2), "Deployment earlier", "Pod later")
}

// An API server that does not stream the objects to a watch is asked for them page by
// page.
func TestWorkloadsOfAnOlderAPIServer(t *testing.T) {
	older, err := controlplane.Start(t.Context(), controlplane.Options{APIServerArgs: map[string][]string{"feature-gates": {"WatchList=false"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := older.Stop(); err != nil {
			t.Error(err)
		}
	}()
	const ip, count = "10.90.8.1", 250 // more than two pages
	var text strings.Builder
	for n := range count {
		text.WriteString(workload("Deployment", fmt.Sprint("many-", n), fmt.Sprint("10.90.8.", 1+n%2), ""))
	}
	if result, err := older.Kubectl(t.Context(), text.String(), "create", "-f", "-"); err != nil || result.ExitCode != 0 {
		t.Fatal(err, result.Stderr)
	}
	config, lists := rest.CopyConfig(older.Config()), &atomic.Int64{}
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			if r.URL.Path == "/apis/apps/v1/deployments" && !r.URL.Query().Has("watch") {
				lists.Add(1)
			}
			return next.RoundTrip(r)
		})
	})
	inv, err := cluster.New(cluster.Options{Config: config, Logger: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- inv.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	wait.Until(t, "ready", func() bool { return inv.Ready() == nil })
	inMemory := func() int { return len(inv.Facts(t.Context(), whoHolds(ip)).Holders.Holders) }
	if n := inMemory(); n != 125 || lists.Load() != 3 {
		t.Errorf("%d holders after %d lists, want 125 after 3", n, lists.Load())
	}
	if result, err := older.Kubectl(t.Context(), "", "delete", "--raw", "/apis/apps/v1/namespaces/default/deployments"); err != nil || result.ExitCode != 0 {
		t.Fatal(err, result.Stderr)
	}
	wait.Until(t, "none in memory", func() bool { return inMemory() == 0 })
}
