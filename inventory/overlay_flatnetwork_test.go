package inventory_test

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/inventory/files"
	"github.com/macvlan-webhook/macvlan-webhook/policy"
	"github.com/macvlan-webhook/macvlan-webhook/policy/flatnetwork"
	"github.com/macvlan-webhook/macvlan-webhook/review"
)

// subnet is a MacvlanSubnet, and fixed a Deployment that fixes an address of one.
func subnet(name, cidr string) string {
	return "{apiVersion: macvlan.cluster.cattle.io/v1, kind: MacvlanSubnet, metadata: {name: " + name + "}, spec: {master: eth1, cidr: " + cidr + "}}\n---\n"
}

func fixed(name, uid, subnet string) string {
	return "{apiVersion: apps/v1, kind: Deployment, metadata: {name: " + name + ", uid: " + uid + "}, spec: {template: {metadata: {annotations: {macvlan.pandaria.cattle.io/ip: 10.0.0.1, macvlan.pandaria.cattle.io/subnet: " + subnet +
		`, k8s.v1.cni.cncf.io/networks: '[{"name":"static-macvlan-cni-attach","interface":"eth1"}]'}}}}}` + "\n---\n"
}

// cachedHolders answers about subnets and holders as a cluster does, from memory first.
type cachedHolders struct {
	inventory.Inventory
	err error
}

func (c *cachedHolders) Facts(ctx context.Context, q policy.Questions) policy.Facts {
	facts := c.Inventory.Facts(ctx, q)
	for n := range facts.Subnets {
		facts.Subnets[n].Fresh = false
	}
	facts.Holders.Fresh = false
	if c.err != nil {
		facts.Holders = policy.HolderFacts{Err: c.err}
	}
	return facts
}

func (c *cachedHolders) Refresh(ctx context.Context, q policy.Questions, facts policy.Facts) policy.Facts {
	fresh := c.Inventory.Facts(ctx, q)
	for n := range facts.Subnets {
		if !facts.Subnets[n].Fresh {
			facts.Subnets[n] = fresh.Subnets[n]
		}
	}
	facts.Holders = fresh.Holders
	return facts
}

func subnetsNamed(names ...string) (q policy.Questions) {
	for _, name := range names {
		q.Subnets = append(q.Subnets, flatnetwork.SubnetReference{Generation: flatnetwork.V1, Name: name})
	}
	return q
}

func TestOverlayOfSubnets(t *testing.T) {
	below := &cachedHolders{Inventory: open(t, subnet("both", "10.0.0.0/24")+subnet("below", "10.0.1.0/24"))}
	tests := []struct {
		name string
		top  inventory.Layer
		base inventory.Inventory
		want []string // of both, below and neither
	}{
		{"both know some", open(t, subnet("both", "10.0.2.0/24")), below, []string{"10.0.2.0/24", "10.0.1.0/24 (stale)", "missing (stale)"}},
		{"the base alone", open(t, ""), below, []string{"10.0.0.0/24 (stale)", "10.0.1.0/24 (stale)", "missing (stale)"}},
		{"the top alone", open(t, subnet("both", "10.0.2.0/24")), open(t, ""), []string{"10.0.2.0/24", "missing", "missing"}},
		{"nobody", open(t, ""), open(t, ""), []string{"unknown", "unknown", "unknown"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inv := inventory.Overlay(tt.top, tt.base)
			q := subnetsNamed("both", "below", "neither")
			facts := inv.Facts(t.Context(), q)
			if diff := cmp.Diff(tt.want, subnetTexts(facts.Subnets)); diff != "" {
				t.Errorf("subnets (-want +got):\n%s", diff)
			}
			for n, f := range inv.Refresh(t.Context(), q, facts).Subnets {
				if before := facts.Subnets[n]; !f.Fresh || f.Value != before.Value || f.Unknown != before.Unknown {
					t.Errorf("refreshed: %+v, before %+v", f, before)
				}
			}
		})
	}
	var all []string
	for s := range inventory.Overlay(open(t, subnet("both", "10.0.2.0/24")), below).Subnets(t.Context()) {
		all = append(all, s.Reference.Name+" "+s.CIDR.String())
	}
	slices.Sort(all)
	if want := []string{"below 10.0.1.0/24", "both 10.0.2.0/24"}; !slices.Equal(all, want) {
		t.Errorf("subnets %q, want %q", all, want)
	}
	for range inventory.Overlay(open(t, ""), below).Subnets(t.Context()) {
		break
	}
}

// subnetTexts is what the facts say of subnets.
func subnetTexts(facts []policy.Answer[flatnetwork.Subnet]) (all []string) {
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

func TestOverlayOfHolders(t *testing.T) {
	top := open(t, fixed("both", "''", "below")+fixed("above", "''", "above")+subnet("above", "10.0.0.0/24"))
	below := &cachedHolders{Inventory: open(t, fixed("both", "u-both", "below")+fixed("below", "u-below", "above")+subnet("below", "10.0.0.0/24"))}
	inv := inventory.Overlay(top, below)
	q := policy.Questions{Addresses: policy.Addresses{IPs: []netip.Addr{netip.MustParseAddr("10.0.0.1")}}}
	check := func(f policy.HolderFacts, fresh bool) {
		t.Helper()
		var got []string
		for _, h := range f.Holders {
			got = append(got, h.Name+" "+h.UID)
		}
		slices.Sort(got)
		if want := []string{"above ", "below u-below", "both "}; !slices.Equal(got, want) || f.Err != nil || f.Fresh != fresh {
			t.Errorf("holders %q, want %q: %+v", got, want, f)
		}
		// The claims of each name a subnet that only the other has.
		if len(f.Subnets) != 2 {
			t.Errorf("subnets that the claims name: %v", f.Subnets)
		}
	}
	facts := inv.Facts(t.Context(), q)
	check(facts.Holders, false)
	fresh := inv.Refresh(t.Context(), q, facts)
	check(fresh.Holders, true)
	check(inv.Refresh(t.Context(), q, fresh).Holders, true)

	// A workload that has given its address up in the files holds it no more.
	moved := inventory.Overlay(open(t, strings.Replace(fixed("below", "''", "above"), "10.0.0.1", "10.0.0.9", 1)), below).Facts(t.Context(), q).Holders
	if len(moved.Holders) != 1 || moved.Holders[0].Name != "both" {
		t.Errorf("holders of an address that was moved: %+v", moved.Holders)
	}

	broken := &cachedHolders{Inventory: open(t, ""), err: errors.New("connection refused")}
	if f := inventory.Overlay(top, broken).Facts(t.Context(), q).Holders; !errors.Is(f.Err, broken.err) || f.Holders != nil {
		t.Errorf("where the base does not answer: %+v", f)
	}
	if f := inv.Facts(t.Context(), policy.Questions{}).Holders; f.Holders != nil {
		t.Errorf("holders where nothing is asked: %+v", f)
	}
}

// A dump of pods without their ReplicaSets does not tell whether a pod is one of a
// Deployment's own: that is a warning, and in another namespace there is no doubt.
func TestOwnersThatTheFilesLack(t *testing.T) {
	pod := func(namespace, owner string) string {
		return "{apiVersion: v1, kind: Pod, metadata: {name: given, namespace: " + namespace + ", uid: u1" + owner + "}}\n---\n" +
			"{apiVersion: macvlan.cluster.cattle.io/v1, kind: MacvlanIP, metadata: {name: given, namespace: " + namespace + ", ownerReferences: [{apiVersion: v1, kind: Pod, name: given, uid: u1}]}, spec: {subnet: below, cidr: 10.0.0.1/24}}\n---\n"
	}
	const owner = ", ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: web-1, uid: u2, controller: true}]"
	const replicaSet = "{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: web-1, uid: u2, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: web, uid: u3, controller: true}]}}\n---\n"
	objects, err := files.Read([]string{files.Stdin}, strings.NewReader(fixed("web", "u3", "below")))
	if err != nil {
		t.Fatal(err)
	}
	subject, err := policy.DecodeSubject(objects[0].APIVersion, objects[0].Kind, "default", objects[0].JSON)
	if err != nil {
		t.Fatal(err)
	}
	subject.Scale = subject.Scale.With(0)
	for _, tt := range []struct {
		name, world string
		want        policy.Action
	}{
		{"its own", pod("default", owner) + replicaSet, policy.Allow},
		{"perhaps its own", pod("default", owner), policy.Warn},
		{"nobody's", pod("default", ""), policy.Deny},
		{"of another namespace", pod("other", owner), policy.Deny},
	} {
		verdict := review.JudgePod(t.Context(), open(t, strings.Replace(subnet("below", "10.0.0.0/24"), "cidr:", "gateway: 10.0.0.254, cidr:", 1)+tt.world), policy.DefaultConfig(), subject)
		if got := verdict.Decision(); got != tt.want {
			t.Errorf("%s: %s, want %s\n%s", tt.name, got, tt.want, verdict.Explanation(policy.Warn))
		}
	}
}

// What files say of the pod of a record counts: one that has another UID holds nothing;
// one that is being deleted, or whose owner is, will not for long.
func TestRecordsInFiles(t *testing.T) {
	record := "{apiVersion: macvlan.cluster.cattle.io/v1, kind: MacvlanIP, metadata: {name: given, ownerReferences: [{apiVersion: v1, kind: Pod, name: given, uid: u1}]}, spec: {subnet: below, cidr: 10.0.0.1/24}}\n---\n"
	pod := func(uid, rest string) string {
		return "{apiVersion: v1, kind: Pod, metadata: {name: given, uid: " + uid + "}" + rest + "}\n---\n"
	}
	job := func(status string) string {
		return strings.Replace(strings.Replace(fixed("web", "u4", "below"), "apps/v1, kind: Deployment", "batch/v1, kind: Job", 1), "spec: {template", "status: "+status+", spec: {template", 1)
	}
	subject := `{"metadata":{"name":"new"},"spec":{"replicas":0,"template":{"metadata":{"annotations":{"k8s.v1.cni.cncf.io/networks":"static-macvlan-cni-attach","macvlan.pandaria.cattle.io/ip":"10.0.0.1","macvlan.pandaria.cattle.io/subnet":"below"}}}}}`
	s, err := policy.DecodeSubject("apps/v1", "Deployment", "default", []byte(subject))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, world string
		want        policy.Action
	}{
		{"running", pod("u1", "") + record, policy.Deny},
		// Its record lives as long as the pod does.
		{"ended", pod("u1", ", status: {phase: Succeeded}") + record, policy.Deny},
		{"of a Deployment that is being deleted", pod("u1, ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: web-1, uid: u2, controller: true}]", "") + record +
			"{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: web-1, uid: u2, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: web, uid: u3, controller: true}]}}\n---\n" +
			"{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, uid: u3, deletionTimestamp: '2024-01-01T00:00:00Z'}}\n---\n", policy.Warn},
		{"being deleted", pod("u1, deletionTimestamp: '2024-01-01T00:00:00Z'", "") + record, policy.Warn},
		{"another pod of that name", pod("u2", "") + record, policy.Allow},
		{"a pod that the files lack", record, policy.Warn},
		{"a Job", job("{}"), policy.Deny},
		{"a Job that is complete", job("{conditions: [{type: Complete, status: 'True'}]}"), policy.Allow},
		{"a Job that is not complete", job("{conditions: [{type: Complete, status: 'False'}]}"), policy.Deny},
		{"a Deployment that is being deleted", fixed("web", "u4, deletionTimestamp: '2024-01-01T00:00:00Z'", "below"), policy.Warn},
	} {
		below := strings.Replace(subnet("below", "10.0.0.0/24"), "cidr:", "gateway: 10.0.0.254, cidr:", 1)
		verdict := review.JudgePod(t.Context(), open(t, below+tt.world), policy.DefaultConfig(), s)
		if got := verdict.Decision(); got != tt.want {
			t.Errorf("%s: %s, want %s\n%s", tt.name, got, tt.want, verdict.Explanation(policy.Warn))
		}
	}
}
