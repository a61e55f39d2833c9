package snapshot_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/inventory/snapshot"
	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/flatnetwork"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/spiderpool"
	"github.com/macvlan-webhook/macvlan-webhook/policy/nad"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
	"github.com/macvlan-webhook/macvlan-webhook/review"
	"github.com/macvlan-webhook/macvlan-webhook/test/given"
)

const below = `
{apiVersion: k8s.cni.cncf.io/v1, kind: NetworkAttachmentDefinition, metadata: {name: both, namespace: default}, spec: {config: '{"plugins":[{"type":"macvlan","ipam":{"type":"spiderpool"}}]}'}}
---
{apiVersion: k8s.cni.cncf.io/v1, kind: NetworkAttachmentDefinition, metadata: {name: below, namespace: default}, spec: {config: '{"plugins":[{"type":"macvlan","ipam":{"type":"spiderpool"}}]}'}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: both, labels: {from: below}}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: below, labels: {from: below}}}
---
{apiVersion: spiderpool.spidernet.io/v2beta1, kind: SpiderIPPool, metadata: {name: both}, spec: {subnet: 10.6.0.0/16, default: true}}
---
{apiVersion: spiderpool.spidernet.io/v2beta1, kind: SpiderIPPool, metadata: {name: below}, spec: {subnet: 10.7.0.0/16}}
---
{apiVersion: spiderpool.spidernet.io/v2beta1, kind: SpiderCoordinator, metadata: {name: default}, spec: {mode: overlay}}
`

const above = `
{apiVersion: k8s.cni.cncf.io/v1, kind: NetworkAttachmentDefinition, metadata: {name: both, namespace: default}, spec: {config: '{"plugins":[{"type":"ipvlan"}]}'}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: both, labels: {from: above}}}
---
{apiVersion: spiderpool.spidernet.io/v2beta1, kind: SpiderIPPool, metadata: {name: both}, spec: {subnet: "fd00::/64"}}
---
{apiVersion: spiderpool.spidernet.io/v2beta1, kind: SpiderIPPool, metadata: {name: above}, spec: {subnet: 10.8.0.0/16}}
`

func references(names ...string) []object.Reference {
	var out []object.Reference
	for _, name := range names {
		out = append(out, object.Reference{Namespace: "default", Name: name})
	}
	return out
}

// main is the main plugin of each network.
func mains(facts []pod.Answer[cniconf.Network]) []string {
	var all []string
	for _, f := range facts {
		text := "none"
		switch {
		case f.Err != nil:
			text = "error"
		case f.Value != nil && f.Value.NameOnly:
			text = "name"
		case f.Value != nil:
			text = f.Value.Main()
		case f.Unknown:
			text = "unknown"
		}
		if f.Fresh == (f.Err != nil) {
			text += " (stale)"
		}
		all = append(all, text)
	}
	return all
}

// Files lie over a cluster, and over other files, in the same way.
func TestLayers(t *testing.T) {
	for name, lower := range map[string]*snapshot.Layer{"files": ofFiles(t, below), "a cluster": newCluster(t, below).layer()} {
		t.Run(name, func(t *testing.T) {
			inv := snapshot.New(lower, ofFiles(t, above))
			q := pod.Questions{Networks: references("below", "both", "nowhere"), Namespace: "both", Pools: []string{"above", "both", "below", "nowhere"}, EveryPool: true, Coordinator: true}
			facts := inv.Facts(t.Context(), q)
			if got, want := mains(facts.Networks), []string{"macvlan", "ipvlan", "none"}; !slices.Equal(got, want) || facts.NamesOnly {
				t.Errorf("networks %q, want %q", got, want)
			}
			if c := facts.Coordinator; facts.CoordinatorMode() != "overlay" || c.Value == nil || c.Err != nil || !c.Fresh {
				t.Errorf("the mode of coordinators is %q: %+v", facts.CoordinatorMode(), c)
			}
			if n := facts.Namespace; n.Value == nil || n.Value.Labels["from"] != "above" || !n.Fresh {
				t.Errorf("namespace: %+v", n)
			}
			pools := facts.Pools.Index
			got := [][]string{pools.Names(spiderpool.IPv4), pools.Names(spiderpool.IPv6), pools.Defaults(spiderpool.IPv4)}
			if diff := cmp.Diff([][]string{{"above", "below"}, {"both"}, nil}, got); diff != "" {
				t.Errorf("IPv4, IPv6 and default pools (-want +got):\n%s", diff)
			}
			if !facts.Pools.Confirmed(&q) {
				t.Errorf("pools are not fresh: %+v", facts.Pools)
			}
			if again := inv.Refresh(t.Context(), q, facts); again.Pools.Index != pools {
				t.Error("asked again")
			}
			if n := inv.Facts(t.Context(), pod.Questions{Namespace: "below"}).Namespace.Value; n == nil || n.Labels["from"] != "below" {
				t.Errorf("a namespace of the lower layer: %+v", n)
			}
			from := map[string]int{}
			for n := range inv.Networks(t.Context()) {
				from[n.Name+" "+n.Main()]++
			}
			if want := map[string]int{"both ipvlan": 1, "below macvlan": 1}; !maps.Equal(from, want) {
				t.Errorf("networks %v, want %v", from, want)
			}
			for range inv.Networks(t.Context()) {
				break // whoever asks may stop early
			}
			// The lower layer keeps its own.
			if own := snapshot.New(lower).Facts(t.Context(), q).Pools.Index; own.Pool("above") != nil || own.Pool("both").Version != spiderpool.IPv4 {
				t.Error("the pools of the lower layer have changed")
			}
			if err := inv.Err(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestLayersWhereOneHasNothing(t *testing.T) {
	q := pod.Questions{Networks: references("below"), Namespace: "below", Pools: []string{"below"}}
	facts := snapshot.New(newCluster(t, below).layer(), ofFiles(t, "")).Facts(t.Context(), q)
	if n := facts.Networks[0].Value; n == nil || n.NameOnly || facts.NamesOnly {
		t.Errorf("networks of the cluster alone: %+v", facts)
	}
	if n := facts.Namespace.Value; n == nil || n.Labels["from"] != "below" {
		t.Errorf("namespace of the cluster alone: %+v", facts.Namespace)
	}
	if p := facts.Pools; p.Index.Pool("below") == nil {
		t.Errorf("pools of the cluster alone: %+v", p)
	}

	facts = snapshot.New(ofFiles(t, ""), ofFiles(t, above)).Facts(t.Context(), q)
	if p := facts.Pools; p.Index.Pool("above") == nil || !p.Confirmed(&q) {
		t.Errorf("pools of the files alone: %+v", p)
	}
	facts = snapshot.New(ofFiles(t, ""), ofFiles(t, "")).Facts(t.Context(), q)
	if n := facts.Networks[0]; n.Value == nil || !n.Value.NameOnly || !facts.NamesOnly {
		t.Errorf("a network that only its name tells of: %+v", n)
	}
	if p := facts.Pools; p.Index != nil || p.Err != nil {
		t.Errorf("pools of nobody: %+v", p)
	}
	// A cluster without any network is known to have none.
	facts = snapshot.New(newCluster(t, "").layer(), ofFiles(t, "")).Facts(t.Context(), q)
	if n := facts.Networks[0]; n.Value != nil || n.Err != nil || facts.NamesOnly {
		t.Errorf("a network in an empty cluster: %+v", n)
	}
	if p := facts.Pools; p.Index == nil || p.Err != nil {
		t.Errorf("pools of an empty cluster: %+v", p)
	}
}

// Each kind is listed once, when the first question about it comes up, however many
// objects are judged. Nothing is read one by one, but for Spiderpool's settings, of which there
// is one.
func TestACheckListsEachKindOnce(t *testing.T) {
	cluster := newCluster(t, below)
	inv := snapshot.New(cluster.layer(), ofFiles(t, ""))
	config := config.Default()
	for n := range 50 {
		s := &pod.Subject{APIVersion: "v1", Kind: "Pod", Namespace: "both", Name: fmt.Sprint("pod-", n), Annotations: map[string]string{
			"k8s.v1.cni.cncf.io/networks": "default/below,default/both", spiderpool.PoolAnnotation: `{"ipv4":["below"]}`,
		}}
		s = review.CompletePod(t.Context(), inv, config, s)
		if verdict := review.JudgePod(t.Context(), inv, config, s); verdict.Undecided != nil {
			t.Fatalf("%+v", verdict)
		}
	}
	// No network inherits the mode of coordinators.
	want := map[string]int{"network-attachment-definitions": 1, "namespaces": 1, "spiderippools": 1, "daemonsets": 1}
	if diff := cmp.Diff(want, cluster.lists); diff != "" || !maps.Equal(cluster.reads, map[string]int{"configmaps": 1}) {
		t.Errorf("lists (-want +got):\n%s\nreads: %v", diff, cluster.reads)
	}
}

// What nothing depends on is not asked for.
func TestOnlyWhatIsAskedIsListed(t *testing.T) {
	plain := "{apiVersion: k8s.cni.cncf.io/v1, kind: NetworkAttachmentDefinition, metadata: {name: plain, namespace: default}, spec: {config: '{\"plugins\":[{\"type\":\"macvlan\"}]}'}}\n"
	cluster := newCluster(t, plain)
	inv := snapshot.New(cluster.layer())
	inv.Facts(t.Context(), pod.Questions{})
	if len(cluster.lists)+len(cluster.reads) > 0 {
		t.Errorf("lists %v and reads %v for no question", cluster.lists, cluster.reads)
	}
	for range 2 {
		inv.Facts(t.Context(), pod.Questions{Coordinator: true})
	}
	if want := map[string]int{"spidercoordinators": 1}; !maps.Equal(cluster.reads, want) || len(cluster.lists) > 0 {
		t.Errorf("lists %v and reads %v for the mode of coordinators, want reads %v", cluster.lists, cluster.reads, want)
	}
	if f := inv.Facts(t.Context(), pod.Questions{Networks: references("plain")}).Pools; f.Index != nil || f.Err != nil || cluster.lists["spiderippools"] != 0 {
		t.Errorf("pools of a network that takes none: %+v, %d lists", f, cluster.lists["spiderippools"])
	}
	inv.Networks(t.Context())
	inv.Nodes(t.Context())
	inv.Subnets(t.Context())
	if n := cluster.lists["nodes"] + cluster.lists["macvlansubnets"]; n != 0 {
		t.Errorf("%d lists of what nobody goes through", n)
	}
}

// What fails is not remembered: neither a failure nor a context that has ended.
func TestFailuresAreNotRemembered(t *testing.T) {
	q := pod.Questions{
		Networks: references("below"), Namespace: "below", Pools: []string{"below"}, Coordinator: true,
		Subnets:   []flatnetwork.SubnetReference{{Generation: flatnetwork.V1, Name: "below"}},
		Addresses: pod.Addresses{IPs: []netip.Addr{netip.MustParseAddr("10.0.0.1")}},
	}
	resources := []string{"network-attachment-definitions", "namespaces", "spiderippools", "spidercoordinators", "macvlansubnets", "macvlanips"}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, ask := range map[string]func(*fakeCluster, *snapshot.Inventory) pod.Facts{
		"a context that has ended": func(_ *fakeCluster, inv *snapshot.Inventory) pod.Facts { return inv.Facts(ended, q) },
		"a failure": func(c *fakeCluster, inv *snapshot.Inventory) pod.Facts {
			for _, resource := range resources {
				c.broken[resource] = errBroken
			}
			defer clear(c.broken)
			return inv.Facts(t.Context(), q)
		},
	} {
		t.Run(name, func(t *testing.T) {
			cluster := newCluster(t, below+"---\n"+subnet("below", "10.0.0.0/24"))
			inv := snapshot.New(cluster.layer())
			f := ask(cluster, inv)
			for what, err := range map[string]error{
				"network": f.Networks[0].Err, "namespace": f.Namespace.Err, "pools": f.Pools.Err, "coordinator": f.Coordinator.Err, "subnet": f.Subnets[0].Err, "holders": f.Holders.Err,
			} {
				if !errors.Is(err, errBroken) && !errors.Is(err, context.Canceled) {
					t.Errorf("%s: error %v", what, err)
				}
			}
			if f.Networks[0].Fresh || f.Namespace.Fresh || f.Pools.EveryFresh || f.Coordinator.Fresh || f.Subnets[0].Fresh || f.Holders.Fresh {
				t.Errorf("a failure is taken for an answer: %+v", f)
			}
			f = inv.Facts(t.Context(), q)
			if f.Networks[0].Value == nil || f.Namespace.Value == nil || f.Pools.Index.Pool("below") == nil || f.CoordinatorMode() != "overlay" || f.Subnets[0].Value == nil || f.Holders.Err != nil {
				t.Errorf("asked again: %+v", f)
			}
		})
	}
}

// Where an answer has no room for a failure, the inventory tells of it if a verdict needs
// what failed. What only gives advice is said once, and keeps nothing from being judged.
func TestFailuresThatNoAnswerTellsOf(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, tt := range []struct {
		resource string
		ask      func(context.Context, *snapshot.Inventory)
		said     string // empty where a verdict needs it
	}{
		{"network-attachment-definitions", func(ctx context.Context, inv *snapshot.Inventory) {
			for range inv.Networks(ctx) {
				t.Error("a network")
			}
		}, "networks cannot be listed"},
		{"nodes", func(ctx context.Context, inv *snapshot.Inventory) {
			for range inv.Nodes(ctx) {
				t.Error("a node")
			}
		}, "nodes cannot be listed"},
		{"flatnetworksubnets", func(ctx context.Context, inv *snapshot.Inventory) {
			for range inv.Subnets(ctx) {
				t.Error("a subnet")
			}
		}, ""},
	} {
		cluster := newCluster(t, "")
		cluster.broken[tt.resource] = errBroken
		inv := snapshot.New(cluster.layer(), ofFiles(t, ""))
		if err := inv.Err(); err != nil {
			t.Errorf("%s: before it was asked for: %v", tt.resource, err)
		}
		tt.ask(t.Context(), inv)
		tt.ask(t.Context(), inv)
		err := inv.Err()
		if tt.said == "" {
			if !errors.Is(err, errBroken) || !strings.Contains(err.Error(), "list "+tt.resource) {
				t.Errorf("%s: error %v", tt.resource, err)
			}
			continue
		}
		if n := cluster.said(tt.said); err != nil || n != 1 || cluster.said(errBroken.Error()) != 1 || cluster.lists[tt.resource] != 1 {
			t.Errorf("%s: error %v, lists %v, said %d times:\n%s", tt.resource, err, cluster.lists, n, &cluster.log)
		}
		// Whoever ends a check gets no verdict for it.
		inv = snapshot.New(newCluster(t, "").layer())
		if tt.ask(ended, inv); !errors.Is(inv.Err(), context.Canceled) {
			t.Errorf("%s: error %v when the check has ended", tt.resource, inv.Err())
		}
	}
}

// A mode of coordinators that cannot be read leaves open what rests on it, and nothing else.
func TestAModeThatCannotBeRead(t *testing.T) {
	nad := func(name, plugin string) string {
		return "{apiVersion: k8s.cni.cncf.io/v1, kind: NetworkAttachmentDefinition, metadata: {name: " + name + ", namespace: default}, spec: {config: '" +
			`{"cniVersion":"0.3.1","plugins":[{"type":"macvlan","master":"eth1","ipam":{"type":"dhcp"}},` + plugin + "]}'}}\n---\n"
	}
	inherits := nad("inherits", `{"type":"coordinator"}`)
	cluster := newCluster(t, "{apiVersion: v1, kind: Namespace, metadata: {name: default}}\n---\n"+nad("plain", `{"type":"router"}`)+inherits)
	cluster.broken["spidercoordinators"] = errBroken
	inv := snapshot.New(cluster.layer(), ofFiles(t, ""))
	judge := func(network string) error {
		s := &pod.Subject{APIVersion: "v1", Kind: "Pod", Namespace: "default", Name: "a", Annotations: map[string]string{"k8s.v1.cni.cncf.io/networks": network}}
		return review.JudgePod(t.Context(), inv, config.Default(), s).Undecided
	}
	if err := judge("plain"); err != nil || cluster.reads["spidercoordinators"] > 0 {
		t.Errorf("of a pod that does not depend on it: %v after %v reads", err, cluster.reads)
	}
	for range 2 {
		if err := judge("inherits"); !errors.Is(err, errBroken) {
			t.Errorf("of a pod that depends on it: %v", err)
		}
	}
	// The configured one stands in for a network that is written.
	change := review.Change{APIVersion: inventory.NetworkAPIVersion, Kind: inventory.NetworkKind, Operation: review.Create, New: given.Objects(t, inherits)[0].JSON}
	if outcome, err := review.Judge(t.Context(), inv, config.Default(), change); err != nil || outcome.Verdict.Undecided != nil {
		t.Errorf("of a network: %+v, error %v", outcome.Verdict, err)
	}
	if n := cluster.said("failed to read SpiderCoordinator default"); n != 1 || inv.Err() != nil {
		t.Errorf("error %v, said %d times:\n%s", inv.Err(), n, &cluster.log)
	}
}

// A list whose state the API server has dropped meanwhile is begun anew, once.
func TestAListThatExpires(t *testing.T) {
	cluster := newCluster(t, below)
	for _, tt := range []struct {
		expiries int
		want     string
	}{{1, "macvlan"}, {2, "error"}} {
		cluster.expiries = tt.expiries
		inv := snapshot.New(cluster.layer())
		if f := inv.Facts(t.Context(), pod.Questions{Networks: references("below")}); mains(f.Networks)[0] != tt.want {
			t.Errorf("after %d expiries: %+v", tt.expiries, f.Networks)
		}
	}
}

// A network that whoever asks may not read is none of which its name tells: a pod that uses
// it is not refused, and a network that replaces it is judged as a new one.
func TestANetworkThatMayNotBeRead(t *testing.T) {
	cluster := newCluster(t, "{apiVersion: v1, kind: Namespace, metadata: {name: team-a}}\n")
	cluster.broken["network-attachment-definitions"] = forbidden(inventory.Networks)
	inv := snapshot.New(cluster.layer(), ofFiles(t, ""))
	const name = "kube-system/macvlan-overlay-vlan100"
	s := &pod.Subject{APIVersion: "v1", Kind: "Pod", Namespace: "team-a", Name: "a", Annotations: map[string]string{
		"v1.multus-cni.io/default-network": name, "k8s.v1.cni.cncf.io/networks": name + "," + "kube-system/macvlan-standalone-vlan0",
	}}
	for range 2 {
		v := review.JudgePod(t.Context(), inv, config.Default(), s)
		if v.Undecided != nil || len(v.Findings) > 0 {
			t.Errorf("undecided %v, findings:\n%s", v.Undecided, v.Explanation(verdict.Warn))
		}
	}
	if n := cluster.said("some networks cannot be read: nothing is known of them"); n != 1 {
		t.Errorf("said %d times:\n%s", n, &cluster.log)
	}
	config := `{"cniVersion":"0.3.1","plugins":[{"type":"macvlan","master":"eth1","ipam":{"type":"dhcp"}},{"type":"veth"}]}`
	change := review.Change{
		APIVersion: inventory.NetworkAPIVersion, Kind: inventory.NetworkKind, Operation: review.Create, Stored: inv,
		New: fmt.Appendf(nil, `{"metadata":{"name":"macvlan-overlay-vlan100","namespace":"kube-system"},"spec":{"config":%q}}`, config),
	}
	outcome, err := judgeChange(t, inv, change)
	if err != nil || outcome.Verdict.Undecided != nil || len(outcome.Verdict.Findings) > 0 {
		t.Errorf("%+v, error %v", outcome.Verdict, err)
	}

	// Where it is not known because the API server fails, there is no verdict.
	cluster.broken["network-attachment-definitions"] = errBroken
	change.Stored = snapshot.New(cluster.layer())
	if outcome, err := judgeChange(t, inv, change); err != nil || !errors.Is(outcome.Verdict.Undecided, errBroken) {
		t.Errorf("%+v, error %v", outcome.Verdict, err)
	}
}

func judgeChange(t *testing.T, inv inventory.Inventory, c review.Change) (review.Outcome, error) {
	t.Helper()
	return review.Judge(t.Context(), inv, config.Default(), c)
}

// What whoever asks may not see is not known, which is said once.
func TestHiddenKinds(t *testing.T) {
	cluster := newCluster(t, below+"---\n"+subnet("below", "10.0.0.0/24")+fixed("below", "u-below", "below"))
	for _, kind := range slices.Concat([]inventory.Kind{
		inventory.Networks, inventory.Namespaces, inventory.Pools, inventory.Coordinators, inventory.Nodes, inventory.Subnets(flatnetwork.V1), inventory.Subnets(flatnetwork.V2),
		inventory.Records(flatnetwork.V1), inventory.Records(flatnetwork.V2),
	}, inventory.Workloads) {
		cluster.broken[kind.Resource] = forbidden(kind)
	}
	inv := snapshot.New(cluster.layer(), ofFiles(t, above+"---\n"+subnet("above", "10.0.1.0/24")))
	q := pod.Questions{
		Networks: references("below", "both"), Namespace: "below", EveryPool: true, Coordinator: true,
		Subnets:   []flatnetwork.SubnetReference{{Generation: flatnetwork.V1, Name: "below"}, {Generation: flatnetwork.V1, Name: "above"}},
		Addresses: pod.Addresses{IPs: []netip.Addr{netip.MustParseAddr("10.0.0.1")}},
	}
	for range 2 {
		f := inv.Facts(t.Context(), q)
		if got, want := mains(f.Networks), []string{"unknown", "ipvlan"}; !slices.Equal(got, want) {
			t.Errorf("networks %q, want %q", got, want)
		}
		if f.Namespace.Value != nil || f.Namespace.Err != nil || f.Coordinator.Err != nil || f.Coordinator.Value != nil {
			t.Errorf("namespace %+v, coordinator %+v", f.Namespace, f.Coordinator)
		}
		// Any other pool may be there as well.
		if f.Pools.Index != nil || f.Pools.Err != nil {
			t.Errorf("pools %+v", f.Pools)
		}
		if s := f.Subnets; s[0].Value != nil || !s[0].Unknown || s[0].Err != nil || s[1].Value == nil || s[1].Unknown {
			t.Errorf("subnets %+v", s)
		}
		if f.Holders.Err != nil || len(f.Holders.Holders) != 0 {
			t.Errorf("holders %+v", f.Holders)
		}
		for n := range inv.Networks(t.Context()) {
			if n.Name != "both" {
				t.Errorf("network %+v", n)
			}
		}
		for range inv.Nodes(t.Context()) {
			t.Error("a node")
		}
		for s := range inv.Subnets(t.Context()) {
			if s.Reference.Name != "above" {
				t.Errorf("subnet %+v", s)
			}
		}
	}
	for _, text := range []string{
		"some networks cannot be read: nothing is known of them", "networks cannot be listed", "namespaces cannot be read",
		"IP pools cannot be listed", "cannot read SpiderCoordinator default", "masters are not looked for",
		"subnets cannot be listed", "some subnets cannot be read: nothing is known of them", "some objects that may hold addresses cannot be listed",
	} {
		if n := cluster.said(text); n != 1 {
			t.Errorf("%q is said %d times:\n%s", text, n, &cluster.log)
		}
	}
	if cluster.said("resources=macvlanips,flatnetworkips,deployments") != 1 {
		t.Errorf("it is not said what may hold addresses:\n%s", &cluster.log)
	}
	for resource, n := range cluster.lists {
		if n != 1 {
			t.Errorf("%d lists of %s", n, resource)
		}
	}
	if err := inv.Err(); err != nil {
		t.Error(err)
	}
}

// Who may not list networks, namespaces and subnets may be allowed to read those that a pod
// names, and each is read once.
func TestSingleReads(t *testing.T) {
	cluster := newCluster(t, below+"---\n"+subnet("below", "10.0.0.0/24"))
	for _, kind := range []inventory.Kind{inventory.Networks, inventory.Namespaces, inventory.Coordinators, inventory.Subnets(flatnetwork.V1), inventory.Subnets(flatnetwork.V2)} {
		cluster.unlisted[kind.Resource] = forbidden(kind)
	}
	// The cluster has only one generation of the flat network.
	cluster.unread["flatnetworksubnets"] = missing(inventory.Subnets(flatnetwork.V2))
	inv := snapshot.New(cluster.layer())
	for range 3 {
		q := subnetsNamed("below", "nowhere")
		q.Subnets = append(q.Subnets, flatnetwork.SubnetReference{Generation: flatnetwork.V2, Name: "nowhere"})
		q.Networks, q.Namespace, q.Coordinator = references("below", "nowhere"), "below", true
		f := inv.Facts(t.Context(), q)
		if got, want := subnetTexts(f.Subnets), []string{"10.0.0.0/24", "missing", "unknown"}; !slices.Equal(got, want) {
			t.Errorf("subnets %q, want %q", got, want)
		}
		if f.CoordinatorMode() != "overlay" {
			t.Errorf("the mode of coordinators is %q: %+v", f.CoordinatorMode(), f.Coordinator)
		}
		if got, want := mains(f.Networks), []string{"macvlan", "none"}; !slices.Equal(got, want) {
			t.Errorf("networks %q, want %q", got, want)
		}
		if n := f.Namespace.Value; n == nil || n.Labels["from"] != "below" {
			t.Errorf("namespace %+v", n)
		}
	}
	if want := map[string]int{"network-attachment-definitions": 2, "namespaces": 1, "spidercoordinators": 1, "macvlansubnets": 2, "flatnetworksubnets": 1}; !maps.Equal(cluster.reads, want) {
		t.Errorf("reads %v, want %v", cluster.reads, want)
	}
	if cluster.log.Len() > 0 {
		t.Errorf("nothing is hidden:\n%s", &cluster.log)
	}
	cluster.broken["network-attachment-definitions"] = errBroken
	if f := inv.Facts(t.Context(), pod.Questions{Networks: references("below", "other")}); !slices.Equal(mains(f.Networks), []string{"macvlan", "error"}) {
		t.Errorf("where one cannot be read: %+v", f.Networks)
	}
}

// In a cluster without a kind none of its objects is missing, but for networks: without
// Multus there are none.
func TestAbsentKinds(t *testing.T) {
	cluster := newCluster(t, "")
	for _, kind := range []inventory.Kind{inventory.Networks, inventory.Pools, inventory.Coordinators, inventory.Subnets(flatnetwork.V1), inventory.Records(flatnetwork.V1)} {
		cluster.broken[kind.Resource] = missing(kind)
	}
	inv := snapshot.New(cluster.layer())
	f := inv.Facts(t.Context(), pod.Questions{
		Networks: references("below"), EveryPool: true, Subnets: []flatnetwork.SubnetReference{{Generation: flatnetwork.V1, Name: "below"}, {Generation: flatnetwork.V2, Name: "below"}},
		Addresses: pod.Addresses{IPs: []netip.Addr{netip.MustParseAddr("10.0.0.1")}},
	})
	if got := mains(f.Networks); got[0] != "none" || f.Pools.Index != nil || f.Pools.Err != nil || !f.Subnets[0].Unknown || f.Subnets[1].Unknown || f.Holders.Err != nil || f.Coordinator.Err != nil {
		t.Errorf("facts %+v", f)
	}
	// Pools that are still to be applied are known all the same.
	over := snapshot.New(cluster.layer(), ofFiles(t, above)).Facts(t.Context(), pod.Questions{EveryPool: true})
	if p := over.Pools; p.Index.Pool("above") == nil {
		t.Errorf("pools of files over a cluster without any: %+v", p)
	}
	if cluster.log.Len() > 0 || inv.Err() != nil {
		t.Errorf("%v\n%s", inv.Err(), &cluster.log)
	}
}

// Whether Spiderpool is there is told by anything of it, and asked of a cluster only where a
// network may lack it.
func TestSpiderpool(t *testing.T) {
	network := func(plugins string) string {
		return "{apiVersion: k8s.cni.cncf.io/v1, kind: NetworkAttachmentDefinition, metadata: {name: below, namespace: default}, spec: {config: '{\"plugins\":[{\"type\":\"macvlan\"}" + plugins + "]}'}}\n---\n"
	}
	const other = "{apiVersion: k8s.cni.cncf.io/v1, kind: NetworkAttachmentDefinition, metadata: {name: other, namespace: default}, spec: {config: '{\"plugins\":[{\"type\":\"macvlan\",\"ipam\":{\"type\":\"X\"}},{\"type\":\"Y\"}]}'}}\n---\n"
	q := pod.Questions{Networks: references("below")}
	for _, tt := range []struct {
		name, objects string
		want          bool
	}{
		{"nothing of it", network("") + strings.NewReplacer("X", "whereabouts", "Y", "tuning").Replace(other), false},
		{"a pool", network("") + "{apiVersion: spiderpool.spidernet.io/v2beta1, kind: SpiderIPPool, metadata: {name: p}, spec: {subnet: 10.6.0.0/16}}", true},
		{"a subnet", network("") + "{apiVersion: spiderpool.spidernet.io/v2beta1, kind: SpiderSubnet, metadata: {name: s}}", true},
		{"its addresses in another network", network("") + strings.NewReplacer("X", "spiderpool", "Y", "tuning").Replace(other), true},
		{"router in another network", network("") + strings.NewReplacer("X", "whereabouts", "Y", "router").Replace(other), true},
	} {
		if got := snapshot.New(ofFiles(t, tt.objects)).Facts(t.Context(), q).Spiderpool; got != tt.want {
			t.Errorf("files with %s: %t", tt.name, got)
		}
		bare := newCluster(t, "")
		bare.broken[inventory.Coordinators.Resource] = missing(inventory.Coordinators)
		if got := snapshot.New(bare.layer(), ofFiles(t, tt.objects)).Facts(t.Context(), q).Spiderpool; got != tt.want {
			t.Errorf("files with %s over a cluster without Spiderpool: %t", tt.name, got)
		}
	}
	for _, tt := range []struct {
		name, plugins string
		coordinators  error
		want          bool
		reads         int
	}{
		{"its kinds", "", nil, true, 1},
		{"no such kind", "", missing(inventory.Coordinators), false, 1},
		{"what may not be read", "", forbidden(inventory.Coordinators), false, 1},
		{"no network that could lack it", `,{\"type\":\"router\"}`, nil, false, 0},
	} {
		cluster := newCluster(t, network(tt.plugins))
		cluster.broken[inventory.Coordinators.Resource] = tt.coordinators
		inv := snapshot.New(cluster.layer())
		if got := inv.Facts(t.Context(), q).Spiderpool; got != tt.want || cluster.reads[inventory.Coordinators.Resource] != tt.reads {
			t.Errorf("a cluster with %s: %t, %d reads", tt.name, got, cluster.reads[inventory.Coordinators.Resource])
		}
		if cluster.log.Len() > 0 || inv.Err() != nil {
			t.Errorf("a cluster with %s: %v, %s", tt.name, inv.Err(), &cluster.log)
		}
	}
}

// subnet is a MacvlanSubnet, and fixed a Deployment that fixes an address of one.
func subnet(name, cidr string) string {
	return "{apiVersion: macvlan.cluster.cattle.io/v1, kind: MacvlanSubnet, metadata: {name: " + name + ", namespace: kube-system}, spec: {master: eth1, cidr: " + cidr + "}}\n---\n"
}

func fixed(name, uid, subnet string) string {
	return "{apiVersion: apps/v1, kind: Deployment, metadata: {name: " + name + ", uid: " + uid + "}, spec: {template: {metadata: {annotations: {macvlan.pandaria.cattle.io/ip: 10.0.0.1, macvlan.pandaria.cattle.io/subnet: " + subnet +
		`, k8s.v1.cni.cncf.io/networks: '[{"name":"static-macvlan-cni-attach","interface":"eth1"}]'}}}}}` + "\n---\n"
}

func subnetsNamed(names ...string) (q pod.Questions) {
	for _, name := range names {
		q.Subnets = append(q.Subnets, flatnetwork.SubnetReference{Generation: flatnetwork.V1, Name: name})
	}
	return q
}

func TestLayersOfSubnets(t *testing.T) {
	lower := func() *snapshot.Layer {
		return newCluster(t, subnet("both", "10.0.0.0/24")+subnet("below", "10.0.1.0/24")).layer()
	}
	upper := ofFiles(t, subnet("both", "10.0.2.0/24"))
	none := ofFiles(t, "")
	tests := []struct {
		name   string
		layers []*snapshot.Layer
		want   []string // of both, below and neither
	}{
		{"both know some", []*snapshot.Layer{lower(), upper}, []string{"10.0.2.0/24", "10.0.1.0/24", "missing"}},
		{"the cluster alone", []*snapshot.Layer{lower(), none}, []string{"10.0.0.0/24", "10.0.1.0/24", "missing"}},
		{"the files alone", []*snapshot.Layer{none, upper}, []string{"10.0.2.0/24", "missing", "missing"}},
		{"nobody", []*snapshot.Layer{none, none}, []string{"unknown", "unknown", "unknown"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			facts := snapshot.New(tt.layers...).Facts(t.Context(), subnetsNamed("both", "below", "neither"))
			if diff := cmp.Diff(tt.want, subnetTexts(facts.Subnets)); diff != "" {
				t.Errorf("subnets (-want +got):\n%s", diff)
			}
		})
	}
	var all []string
	for s := range snapshot.New(lower(), upper).Subnets(t.Context()) {
		all = append(all, s.Reference.Name+" "+s.CIDR.String())
	}
	slices.Sort(all)
	if want := []string{"below 10.0.1.0/24", "both 10.0.2.0/24"}; !slices.Equal(all, want) {
		t.Errorf("subnets %q, want %q", all, want)
	}
	for range snapshot.New(lower(), upper).Subnets(t.Context()) {
		break
	}
}

// subnetTexts is what the facts say of subnets.
func subnetTexts(facts []pod.Answer[flatnetwork.Subnet]) (all []string) {
	for _, f := range facts {
		text := "missing"
		switch {
		case f.Unknown:
			text = "unknown"
		case f.Value != nil:
			text = f.Value.CIDR.String()
		}
		if !f.Fresh {
			text += " (stale)"
		}
		all = append(all, text)
	}
	return all
}

func TestLayersOfNodes(t *testing.T) {
	node := func(name, link string) string {
		return `{apiVersion: v1, kind: Node, metadata: {name: ` + name + `, annotations: {macvlan-webhook.io/links: '{"links":[{"name":"` + link + `","kind":"physical","mtu":1500,"up":true}]}'}}}` + "\n---\n"
	}
	cluster := newCluster(t, node("both", "eth0")+node("below", "eth0"))
	inv := snapshot.New(cluster.layer(), ofFiles(t, node("both", "eth1")))
	network, err := nad.Decode("default", []byte(`{"metadata":{"name":"a"},"spec":{"config":"{\"cniVersion\":\"0.3.1\",\"type\":\"macvlan\",\"master\":\"eth1\"}"}}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	said := ""
	verdict := review.JudgeNetwork(t.Context(), inv, config.Default(), network)
	for _, f := range verdict.Findings {
		if f.Rule == "master-missing-on-nodes" {
			said = f.Message
		}
	}
	if want := `1 of 2 has no link "eth1": "below"; pods fail there`; !strings.HasSuffix(said, want) {
		t.Errorf("%q, want %q", said, want)
	}
	for range inv.Nodes(t.Context()) {
		break
	}
	if n := cluster.lists["nodes"]; n != 1 {
		t.Errorf("%d lists of nodes", n)
	}
}

func TestLayersOfHolders(t *testing.T) {
	cluster := newCluster(t, fixed("both", "u-both", "below")+fixed("below", "u-below", "above")+subnet("below", "10.0.0.0/24"))
	q := pod.Questions{Addresses: pod.Addresses{IPs: []netip.Addr{netip.MustParseAddr("10.0.0.1")}}}
	inv := snapshot.New(cluster.layer(), ofFiles(t, fixed("both", "''", "below")+fixed("above", "''", "above")+subnet("above", "10.0.0.0/24")))
	for range 2 {
		f := inv.Facts(t.Context(), q).Holders
		var got []string
		for _, h := range f.Holders {
			got = append(got, h.Name+" "+h.UID)
		}
		slices.Sort(got)
		if want := []string{"above ", "below u-below", "both "}; !slices.Equal(got, want) || f.Err != nil || !f.Fresh {
			t.Errorf("holders %q, want %q: %+v", got, want, f)
		}
		// The claims of each name a subnet that only the other has.
		if len(f.Subnets) != 2 {
			t.Errorf("subnets that the claims name: %v", f.Subnets)
		}
	}
	if n := cluster.lists["deployments"]; n != 1 {
		t.Errorf("%d lists of deployments", n)
	}

	// A workload that has given its address up in the files holds it no more.
	moved := snapshot.New(cluster.layer(), ofFiles(t, strings.Replace(fixed("below", "''", "above"), "10.0.0.1", "10.0.0.9", 1))).Facts(t.Context(), q).Holders
	if len(moved.Holders) != 1 || moved.Holders[0].Name != "both" {
		t.Errorf("holders of an address that was moved: %+v", moved.Holders)
	}

	cluster.broken["cronjobs"] = errBroken
	if f := snapshot.New(cluster.layer(), ofFiles(t, fixed("both", "''", "below"))).Facts(t.Context(), q).Holders; !errors.Is(f.Err, errBroken) || f.Holders != nil {
		t.Errorf("where the cluster does not answer: %+v", f)
	}
	if f := inv.Facts(t.Context(), pod.Questions{}).Holders; f.Holders != nil {
		t.Errorf("holders where nothing is asked: %+v", f)
	}
}

// Owners are followed from the files into the cluster, and each is read once.
func TestOwnersInACluster(t *testing.T) {
	const (
		p      = "{apiVersion: v1, kind: Pod, metadata: {name: web-1-a, uid: u-pod, ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: web-1, uid: u-set, controller: true}]}}\n---\n"
		set    = "{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: web-1, uid: u-set, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: web, uid: u-web, controller: true}]}}\n---\n"
		web    = "{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, uid: u-web}}\n---\n"
		record = "{apiVersion: macvlan.cluster.cattle.io/v1, kind: MacvlanIP, metadata: {name: web-1-a, ownerReferences: [{apiVersion: v1, kind: Pod, name: web-1-a, uid: u-pod}]}, spec: {subnet: below, cidr: 10.0.0.1/24}}\n---\n"
		ofSet  = "{apiVersion: macvlan.cluster.cattle.io/v1, kind: MacvlanIP, metadata: {name: db-0, ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: db, uid: u-db}]}, spec: {subnet: below, podId: u-old, cidr: 10.0.0.1/24}}\n---\n"
		db     = "{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: db, uid: u-db}}\n---\n"
	)
	ending := func(object, more string) string {
		return strings.Replace(object, "uid: ", "deletionTimestamp: '2024-01-01T00:00:00Z'"+more+", uid: ", 1)
	}
	for _, tt := range []struct{ name, cluster, files, want string }{
		{"a chain", record + p + set + web, "", "web-1-a < web-1 < web"},
		{"a pod that is gone", record + set + web, "", ""},
		{"another pod of that name", record + strings.Replace(p, "u-pod", "u-new", 1), "", ""},
		{"an owner that is gone", record + p + set, "", "web-1-a < web-1 < web (ending)"},
		{"another owner of that name", record + p + set + strings.Replace(web, "u-web", "u-new", 1), "", "web-1-a < web-1 < web (ending)"},
		{"an owner that is being deleted", record + p + set + ending(web, ""), "", "web-1-a < web-1 < web (ending)"},
		{"an owner that leaves what it owns", record + p + set + ending(web, ", finalizers: [orphan]"), "", "web-1-a < web-1 < web"},
		{"an owner in the files", record + p + set, web, "web-1-a < web-1 < web"},
		{"a pod in the files", record + set + web, p, "web-1-a < web-1 < web"},
		{"the next pod of a StatefulSet", ofSet + db, "", "db-0 < db"},
		{"a StatefulSet that is gone", ofSet, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cluster := newCluster(t, tt.cluster)
			inv := snapshot.New(cluster.layer(), ofFiles(t, tt.files))
			q := pod.Questions{Addresses: pod.Addresses{IPs: []netip.Addr{netip.MustParseAddr("10.0.0.1")}}}
			q.Owner = object.Identity{Controller: object.Controller{APIVersion: "apps/v1", Kind: "ReplicaSet"}, Namespace: "default", Name: "web-1", UID: "u-set"}
			for range 2 {
				f := inv.Facts(t.Context(), q).Holders
				got := ""
				for _, h := range f.Holders {
					got += h.Name
					for _, o := range h.Owners {
						got += " < " + o.Name
					}
					if h.Ending {
						got += " (ending)"
					}
					if h.Partial {
						got += " (partial)"
					}
				}
				if got != tt.want || f.Err != nil || !f.Fresh {
					t.Errorf("holders %q, want %q: %+v", got, tt.want, f)
				}
			}
			for resource, n := range cluster.reads {
				if n > 1 {
					t.Errorf("%d reads of the one object of %s", n, resource)
				}
			}
		})
	}

	// Who may see records, and nothing else, does not know the owners.
	cluster := newCluster(t, record+p+set+web)
	for _, kind := range append([]inventory.Kind{inventory.Pods}, inventory.Workloads...) {
		cluster.broken[kind.Resource] = forbidden(kind)
	}
	inv := snapshot.New(cluster.layer())
	q := pod.Questions{Addresses: pod.Addresses{IPs: []netip.Addr{netip.MustParseAddr("10.0.0.1")}}}
	q.Owner = object.Identity{Controller: object.Controller{APIVersion: "apps/v1", Kind: "Deployment"}, Namespace: "default", Name: "web"}
	for range 2 {
		if f := inv.Facts(t.Context(), q).Holders; f.Err != nil || !f.Fresh || !f.Partial || len(f.Owners) != 1 || len(f.Holders) != 1 || !f.Holders[0].Partial {
			t.Errorf("holders %+v", f)
		}
	}
	if n := cluster.said("some objects that may hold addresses cannot be read"); n != 1 {
		t.Errorf("said %d times:\n%s", n, &cluster.log)
	}
}

// A subnet that cannot be read is there all the same; a record that cannot be read keeps
// nothing; any other object makes a list that cannot be used.
func TestUnreadableObjectsOfACluster(t *testing.T) {
	cluster := newCluster(t, strings.Replace(subnet("odd", "[1]"), "master: eth1", "master: [eth1]", 1)+
		"{apiVersion: macvlan.cluster.cattle.io/v1, kind: MacvlanIP, metadata: {name: odd}, spec: {subnet: [a], cidr: 10.0.0.1/24}}\n---\n"+
		"{apiVersion: spiderpool.spidernet.io/v2beta1, kind: SpiderIPPool, metadata: {name: odd}, spec: {ipVersion: six}}\n")
	inv := snapshot.New(cluster.layer())
	q := subnetsNamed("odd")
	q.EveryPool, q.Addresses = true, pod.Addresses{IPs: []netip.Addr{netip.MustParseAddr("10.0.0.1")}}
	f := inv.Facts(t.Context(), q)
	if s := f.Subnets[0]; s.Value == nil || s.Unknown || s.Err != nil {
		t.Errorf("subnet %+v", s)
	}
	if f.Holders.Err != nil || len(f.Holders.Holders) != 0 {
		t.Errorf("holders %+v", f.Holders)
	}
	if err := f.Pools.Err; err == nil || !strings.Contains(err.Error(), `SpiderIPPool "odd": decode SpiderIPPool: `) {
		t.Errorf("pools %+v", f.Pools)
	}
}
