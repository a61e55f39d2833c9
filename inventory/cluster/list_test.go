package cluster_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/inventory/cluster"
	"github.com/macvlan-webhook/macvlan-webhook/inventory/snapshot"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/flatnetwork"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/spiderpool"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
)

// listed is the inventory of a check from the command line.
func listed(t *testing.T, config *rest.Config) *snapshot.Inventory {
	t.Helper()
	inv, _ := listedWithLog(t, config)
	return inv
}

// listedWithLog also returns what tells what was logged so far.
func listedWithLog(t *testing.T, config *rest.Config) (*snapshot.Inventory, func() string) {
	t.Helper()
	source, err := cluster.NewObjects(config, 0)
	if err != nil {
		t.Fatal(err)
	}
	log := &testWriter{t: t}
	return snapshot.New(snapshot.Cluster(source, slog.New(slog.NewTextHandler(log, nil)))), log.String
}

// listedAs is the inventory of a check by a user.
func listedAs(t *testing.T, user string) (*snapshot.Inventory, func() string) {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", mustKubeconfig(t, plane, user))
	if err != nil {
		t.Fatal(err)
	}
	return listedWithLog(t, config)
}

// countingLists counts the requests for a path.
func countingLists(config *rest.Config, path string) (*rest.Config, *atomic.Int64) {
	requests := &atomic.Int64{}
	config = rest.CopyConfig(config)
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			if r.URL.Path == path {
				requests.Add(1)
			}
			return next.RoundTrip(r)
		})
	})
	return config, requests
}

// One list serves all questions. It comes in pages.
func TestPoolsWithoutACache(t *testing.T) {
	const count = 510 // more than two pages
	for n := range count {
		createPool(t, fmt.Sprintf("listed-%03d", n), map[string]any{"default": n%2 == 0})
	}
	config, requests := countingLists(plane.Config(), "/apis/spiderpool.spidernet.io/v2beta1/spiderippools")
	inv := listed(t, config)
	for range 3 {
		facts := inv.Facts(t.Context(), pod.Questions{Pools: []string{"listed-000"}}).Pools
		if facts.Err != nil || !facts.EveryFresh {
			t.Fatalf("facts: %+v", facts)
		}
		if n, defaults := len(facts.Index.Names(spiderpool.IPv4)), len(facts.Index.Defaults(spiderpool.IPv4)); n != count || defaults != count/2 {
			t.Errorf("%d pools, %d of them default ones; want %d and %d", n, defaults, count, count/2)
		}
	}
	if n := requests.Load(); n != 3 {
		t.Errorf("%d pages, want 3", n)
	}
}

// A check from the command line asks once, and only when a network names a master.
func TestNodesOfALiveCheck(t *testing.T) {
	makeNode(t, "node-live", "eth0")
	config, asked := counting(plane.Config())
	inv := listed(t, config)
	saidOf(t, inv, "")
	if n := asked.all.Load(); n != 0 {
		t.Errorf("%d requests about nodes where no master is named", n)
	}
	for range 3 {
		if got := saidOf(t, inv, "eth1"); !strings.HasSuffix(got, `: "node-live"; pods fail there`) {
			t.Errorf("said of the nodes: %q", got)
		}
	}
	if n := asked.all.Load(); n != 1 {
		t.Errorf("%d requests about nodes, want one", n)
	}
}

// All that may hold addresses is asked for once, and so is each pod and each owner.
func TestHoldersOfALiveCheck(t *testing.T) {
	const ip = "10.90.4.1"
	applied(t, workload("Deployment", "live", ip, "")+barePod("live", "")+subnetOf(flatnetwork.V1, "kube-system", "vlan9", "10.90.4.0/24"))
	applied(t, record("live", ip, uid(t, "pod", "live"), ""))
	inv := listed(t, plane.Config())
	for range 2 {
		facts := inv.Facts(t.Context(), whoHolds(ip))
		if s := facts.Holders.Subnets[flatnetwork.SubnetReference{Generation: flatnetwork.V1, Name: "vlan9"}]; s == nil {
			t.Error("the subnet is not known")
		}
		if !facts.Holders.Fresh {
			t.Errorf("not fresh: %+v", facts.Holders)
		}
		expect(t, "listed", holderNames(t, facts.Holders), "Deployment live", "Pod live")
		// What was there when the check began counts.
		applied(t, workload("StatefulSet", "later", ip, ""))
	}
	kubectl(t, "", "delete", "pod", "live", "--now")
	expect(t, "a pod is gone", holderNames(t, listed(t, plane.Config()).Facts(t.Context(), whoHolds(ip)).Holders), "Deployment live", "StatefulSet later")
	if f := inv.Facts(t.Context(), whoHolds("10.90.4.9")).Holders; f.Holders != nil || !f.Fresh {
		t.Errorf("an address that nobody has: %+v", f)
	}
}

// Owners are followed upwards, beyond what is listed.
func TestOwnersOfALiveCheck(t *testing.T) {
	const ip = "10.90.6.1"
	applied(t, workload("Deployment", "over", "10.90.6.9", ""))
	applied(t, workload("ReplicaSet", "between", "10.90.6.9", ", labels: {pod-template-hash: abc}"+ownedBy("apps/v1", "Deployment", "over", uid(t, "deployment", "over"))))
	applied(t, barePod("under", ownedBy("apps/v1", "ReplicaSet", "between", uid(t, "replicaset", "between"))))
	applied(t, record("under", ip, uid(t, "pod", "under"), ""))
	q := whoHolds(ip)
	q.Owner = object.Identity{Controller: object.Controller{APIVersion: "apps/v1", Kind: "ReplicaSet"}, Namespace: "default", Name: "between", UID: uid(t, "replicaset", "between")}
	f := listed(t, plane.Config()).Facts(t.Context(), q).Holders
	expect(t, "the chain", holderNames(t, f), "Pod under < ReplicaSet between < Deployment over")
	if o := f.Owners; len(o) != 2 || o[1].Name != "over" || o[1].UID != uid(t, "deployment", "over") {
		t.Errorf("owners of whoever asks: %+v", o)
	}
}

// Who may write a pod may not be allowed to see who else holds its addresses.
func TestHoldersForbidden(t *testing.T) {
	const ip = "10.90.5.1"
	applied(t, workload("Deployment", "hidden", ip, "")+barePod("seen", ""))
	applied(t, record("seen", ip, uid(t, "pod", "seen"), ""))
	q := whoHolds(ip)
	q.Owner = object.Identity{Controller: object.Controller{APIVersion: "apps/v1", Kind: "Deployment"}, Namespace: "default", Name: "hidden"}
	inv, log := listedAs(t, "nobody")
	for range 2 {
		if f := inv.Facts(t.Context(), q).Holders; f.Err != nil || f.Holders != nil || !f.Fresh {
			t.Errorf("of one who may see nothing: %+v", f)
		}
	}
	if n := strings.Count(log(), "some objects that may hold addresses cannot be listed"); n != 1 {
		t.Errorf("said %d times:\n%s", n, log())
	}

	kubectl(t, "", "create", "clusterrole", "records-alone", "--verb=list,get", "--resource=macvlanips.macvlan.cluster.cattle.io")
	kubectl(t, "", "create", "clusterrolebinding", "records-alone", "--clusterrole=records-alone", "--user=clerk")
	t.Cleanup(func() { kubectlAfter(t, "delete", "clusterrole,clusterrolebinding", "records-alone") })
	inv, log = listedAs(t, "clerk")
	for range 2 {
		facts := inv.Facts(t.Context(), q).Holders
		expect(t, "of one who may see records", holderNames(t, facts), "Pod seen")
		if len(facts.Owners) != 1 || !facts.Fresh || !facts.Partial {
			t.Errorf("of one who may see records: %+v", facts)
		}
	}
	if n := strings.Count(log(), "some objects that may hold addresses cannot be read"); n != 1 {
		t.Errorf("said %d times:\n%s", n, log())
	}
}

// Who has a namespace, and nothing else, sees what is in it; the rest is not known.
func TestALiveCheckInOneNamespace(t *testing.T) {
	kubectl(t, "", "create", "namespace", "tenant")
	t.Cleanup(func() { kubectlAfter(t, "delete", "namespace", "tenant", "--wait=false") })
	applied(t, strings.Replace(network("own", "router"), "namespace: default", "namespace: tenant", 1)+"---\n"+network("foreign", "router"))
	kubectl(t, "", "create", "role", "tenant", "--namespace=tenant", "--verb=get,list", "--resource=network-attachment-definitions.k8s.cni.cncf.io,namespaces")
	kubectl(t, "", "create", "rolebinding", "tenant", "--namespace=tenant", "--role=tenant", "--user=tenant")
	inv, log := listedAs(t, "tenant")
	q := pod.Questions{Namespace: "tenant", EveryPool: true, Coordinator: true, Networks: []object.Reference{
		{Namespace: "tenant", Name: "own"}, {Namespace: "tenant", Name: "nowhere"}, {Namespace: "default", Name: "foreign"}, {Namespace: "tenant", Name: "no/name"},
	}}
	for range 2 {
		f := inv.Facts(t.Context(), q)
		var got []string
		for _, fact := range f.Networks {
			switch {
			case fact.Err != nil:
				t.Errorf("error %v", fact.Err)
			case fact.Unknown:
				got = append(got, "unknown")
			case fact.Value == nil:
				got = append(got, "none")
			default:
				got = append(got, string(role(fact)))
			}
		}
		if want := []string{"overlay", "none", "unknown", "none"}; !slices.Equal(got, want) {
			t.Errorf("networks %q, want %q", got, want)
		}
		if n := f.Namespace; n.Value == nil || n.Value.Labels["kubernetes.io/metadata.name"] != "tenant" || n.Err != nil {
			t.Errorf("namespace %+v", n)
		}
		if f.Pools.Index != nil || f.Pools.Err != nil {
			t.Errorf("pools %+v", f.Pools)
		}
	}
	for _, text := range []string{"some networks cannot be read: nothing is known of them", "IP pools cannot be listed", "cannot read SpiderCoordinator default"} {
		if n := strings.Count(log(), text); n != 1 {
			t.Errorf("%q is said %d times:\n%s", text, n, log())
		}
	}
	// The API server's own words say what is missing.
	for _, text := range []string{`cannot list resource \"spiderippools\" in API group`, `cannot get resource \"spidercoordinators\" in API group`} {
		if !strings.Contains(log(), text) {
			t.Errorf("%s is not said:\n%s", text, log())
		}
	}
	if err := inv.Err(); err != nil {
		t.Error(err)
	}
}

// A cluster that does not have a kind says so, whether it lacks the group, the version or the
// resource; one that has it says of an object that there is none.
func TestKindsThatTheClusterDoesNotHave(t *testing.T) {
	source, err := cluster.NewObjects(plane.Config(), 0)
	if err != nil {
		t.Fatal(err)
	}
	kind := func(group, version, resource string) inventory.Kind {
		return inventory.Kind{GroupVersionResource: schema.GroupVersionResource{Group: group, Version: version, Resource: resource}, Name: "Absent"}
	}
	ref := object.Reference{Name: "absent"}
	for _, k := range []inventory.Kind{
		kind("absent.example.com", "v1", "absents"), kind(inventory.SpiderpoolVersion.Group, "v9", "spiderippools"),
		kind(inventory.SpiderpoolVersion.Group, inventory.SpiderpoolVersion.Version, "absents"),
	} {
		if err := source.List(t.Context(), k, func(*snapshot.Object) error { return nil }); !apierrors.IsNotFound(err) {
			t.Errorf("%v: error %v", k, err)
		}
		if o, err := source.Get(t.Context(), k, ref); o != nil || !apierrors.IsNotFound(err) {
			t.Errorf("%v: %+v, error %v", k, o, err)
		}
	}
	if o, err := source.Get(t.Context(), inventory.Pools, ref); o != nil || err != nil {
		t.Errorf("a pool that is not there: %+v, error %v", o, err)
	}
}
