package inventory_test

import (
	"strings"
	"testing"

	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
	"github.com/macvlan-webhook/macvlan-webhook/review"
	"github.com/macvlan-webhook/macvlan-webhook/test/given"
)

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
	p := func(namespace, owner string) string {
		return "{apiVersion: v1, kind: Pod, metadata: {name: given, namespace: " + namespace + ", uid: u1" + owner + "}}\n---\n" +
			"{apiVersion: macvlan.cluster.cattle.io/v1, kind: MacvlanIP, metadata: {name: given, namespace: " + namespace + ", ownerReferences: [{apiVersion: v1, kind: Pod, name: given, uid: u1}]}, spec: {subnet: below, cidr: 10.0.0.1/24}}\n---\n"
	}
	const owner = ", ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: web-1, uid: u2, controller: true}]"
	const replicaSet = "{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: web-1, uid: u2, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: web, uid: u3, controller: true}]}}\n---\n"
	objects := given.Objects(t, fixed("web", "u3", "below"))
	subject, err := pod.Decode(objects[0].APIVersion, objects[0].Kind, "default", objects[0].JSON)
	if err != nil {
		t.Fatal(err)
	}
	subject.Scale = subject.Scale.With(0)
	for _, tt := range []struct {
		name, world string
		want        verdict.Action
	}{
		{"its own", p("default", owner) + replicaSet, verdict.Allow},
		{"perhaps its own", p("default", owner), verdict.Warn},
		{"nobody's", p("default", ""), verdict.Deny},
		{"of another namespace", p("other", owner), verdict.Deny},
	} {
		v := review.JudgePod(t.Context(), given.Inventory(t, strings.Replace(subnet("below", "10.0.0.0/24"), "cidr:", "gateway: 10.0.0.254, cidr:", 1)+tt.world), config.Default(), subject)
		if got := v.Decision(); got != tt.want {
			t.Errorf("%s: %s, want %s\n%s", tt.name, got, tt.want, v.Explanation(verdict.Warn))
		}
	}
}

// What files say of the pod of a record counts: one that has another UID holds nothing;
// one that is being deleted, or whose owner is, will not for long.
func TestRecordsInFiles(t *testing.T) {
	record := "{apiVersion: macvlan.cluster.cattle.io/v1, kind: MacvlanIP, metadata: {name: given, ownerReferences: [{apiVersion: v1, kind: Pod, name: given, uid: u1}]}, spec: {subnet: below, cidr: 10.0.0.1/24}}\n---\n"
	p := func(uid, rest string) string {
		return "{apiVersion: v1, kind: Pod, metadata: {name: given, uid: " + uid + "}" + rest + "}\n---\n"
	}
	job := func(status string) string {
		return strings.Replace(strings.Replace(fixed("web", "u4", "below"), "apps/v1, kind: Deployment", "batch/v1, kind: Job", 1), "spec: {template", "status: "+status+", spec: {template", 1)
	}
	fixing := func(status string) string {
		of := strings.TrimSuffix(strings.SplitAfterN(fixed("", "", "below"), "template: {metadata: {", 2)[1], "}}}}\n---\n")
		return "{apiVersion: v1, kind: Pod, metadata: {name: fixing, uid: u5, " + of + "}, status: " + status + "}\n---\n"
	}
	subject := `{"metadata":{"name":"new"},"spec":{"replicas":0,"template":{"metadata":{"annotations":{"k8s.v1.cni.cncf.io/networks":"static-macvlan-cni-attach","macvlan.pandaria.cattle.io/ip":"10.0.0.1","macvlan.pandaria.cattle.io/subnet":"below"}}}}}`
	s, err := pod.Decode("apps/v1", "Deployment", "default", []byte(subject))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, world string
		want        verdict.Action
	}{
		{"running", p("u1", "") + record, verdict.Deny},
		// Its record lives as long as the pod does.
		{"ended", p("u1", ", status: {phase: Succeeded}") + record, verdict.Deny},
		{"of a Deployment that is being deleted", p("u1, ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: web-1, uid: u2, controller: true}]", "") + record +
			"{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: web-1, uid: u2, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: web, uid: u3, controller: true}]}}\n---\n" +
			"{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, uid: u3, deletionTimestamp: '2024-01-01T00:00:00Z'}}\n---\n", verdict.Warn},
		{"being deleted", p("u1, deletionTimestamp: '2024-01-01T00:00:00Z'", "") + record, verdict.Warn},
		{"another pod of that name", p("u2", "") + record, verdict.Allow},
		{"a pod that the files lack", record, verdict.Warn},
		{"a Job", job("{}"), verdict.Deny},
		{"a Job that is complete", job("{conditions: [{type: Complete, status: 'True'}]}"), verdict.Allow},
		{"a Job that is not complete", job("{conditions: [{type: Complete, status: 'False'}]}"), verdict.Deny},
		{"a Job without conditions that has a phase", job("{phase: Succeeded}"), verdict.Deny},
		{"a pod that fixes it", fixing("{phase: Running}"), verdict.Deny},
		{"a pod that fixed it, and has ended", fixing("{phase: Succeeded}"), verdict.Allow},
		{"a pod that fixed it, and has failed", fixing("{phase: Failed}"), verdict.Allow},
		{"a pod that fixes it, of which somebody says that it is complete", fixing("{phase: Running, conditions: [{type: Complete, status: 'True'}]}"), verdict.Deny},
		{"a pod that fixes it, of which somebody says that it has failed", fixing("{phase: Running, conditions: [{type: Failed, status: 'True'}]}"), verdict.Deny},
		{"a Deployment that is being deleted", fixed("web", "u4, deletionTimestamp: '2024-01-01T00:00:00Z'", "below"), verdict.Warn},
	} {
		below := strings.Replace(subnet("below", "10.0.0.0/24"), "cidr:", "gateway: 10.0.0.254, cidr:", 1)
		v := review.JudgePod(t.Context(), given.Inventory(t, below+tt.world), config.Default(), s)
		if got := v.Decision(); got != tt.want {
			t.Errorf("%s: %s, want %s\n%s", tt.name, got, tt.want, v.Explanation(verdict.Warn))
		}
	}
}
