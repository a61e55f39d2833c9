package inventory_test

import (
	"strings"
	"testing"

	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/inventory/files"
	"github.com/macvlan-webhook/macvlan-webhook/policy"
	"github.com/macvlan-webhook/macvlan-webhook/review"
)

func open(t testing.TB, yaml string) inventory.Inventory {
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

// subnet is a MacvlanSubnet, and fixed a Deployment that fixes an address of one.
func subnet(name, cidr string) string {
	return "{apiVersion: macvlan.cluster.cattle.io/v1, kind: MacvlanSubnet, metadata: {name: " + name + "}, spec: {master: eth1, cidr: " + cidr + "}}\n---\n"
}

func fixed(name, uid, subnet string) string {
	return "{apiVersion: apps/v1, kind: Deployment, metadata: {name: " + name + ", uid: " + uid + "}, spec: {template: {metadata: {annotations: {macvlan.pandaria.cattle.io/ip: 10.0.0.1, macvlan.pandaria.cattle.io/subnet: " + subnet +
		`, k8s.v1.cni.cncf.io/networks: '[{"name":"static-macvlan-cni-attach","interface":"eth1"}]'}}}}}` + "\n---\n"
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
