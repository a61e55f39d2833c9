package snapshot_test

import (
	"slices"
	"testing"

	"github.com/macvlan-webhook/macvlan-webhook/inventory/snapshot"
	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
)

const workloads = `
{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: kube-system, annotations: {k8s.v1.cni.cncf.io/networks: default/both}}}
---
{apiVersion: v1, kind: Pod, metadata: {name: hosted, annotations: {k8s.v1.cni.cncf.io/networks: both}}, spec: {hostNetwork: true}}
---
{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: team-a}, spec: {template: {metadata: {annotations: {k8s.v1.cni.cncf.io/networks: default/both}}}}}
---
{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: web-1, namespace: team-a, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: web, controller: true}]}, spec: {template: {metadata: {annotations: {k8s.v1.cni.cncf.io/networks: default/both}}}}}
---
{apiVersion: batch/v1, kind: CronJob, metadata: {name: nightly, namespace: team-a}, spec: {jobTemplate: {spec: {template: {metadata: {annotations: {k8s.v1.cni.cncf.io/networks: both}}}}}}}
`

func TestUsersInFiles(t *testing.T) {
	both := object.Reference{Namespace: "default", Name: "both"}
	layer := ofFiles(t, workloads)
	users := snapshot.New(layer).Users(t.Context(), both, config.Default())
	if want := []string{"kube-system/a", "Deployment team-a/web"}; users.Pods != 1 || users.Workloads != 1 || !slices.Equal(users.Names, want) {
		t.Errorf("users %+v, want %q", users, want)
	}

	// The same object in two layers is one.
	if again := snapshot.New(layer, layer).Users(t.Context(), both, config.Default()); again.Pods != 1 || again.Workloads != 1 {
		t.Errorf("users in two layers %+v", again)
	}
}

// What a cluster has beside the files counts as well, and what is in both once.
func TestUsersOfFilesOverACluster(t *testing.T) {
	both := object.Reference{Namespace: "default", Name: "both"}
	pods := "{apiVersion: v1, kind: Pod, metadata: {name: b, annotations: {k8s.v1.cni.cncf.io/networks: both}}}\n---\n" +
		"{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: kube-system, annotations: {k8s.v1.cni.cncf.io/networks: default/both}}}\n"
	cluster := newCluster(t, pods)
	inv := snapshot.New(cluster.layer(), ofFiles(t, workloads))
	for range 2 {
		if u := inv.Users(t.Context(), both, config.Default()); u.Pods != 2 || u.Workloads != 1 || u.Incomplete || u.Err != nil {
			t.Errorf("users %+v", u)
		}
	}
	if n := cluster.lists["pods"]; n != 1 {
		t.Errorf("%d lists of pods", n)
	}
	alone := snapshot.New(newCluster(t, pods).layer(), ofFiles(t, ""))
	if u := alone.Users(t.Context(), both, config.Default()); u.Pods != 2 || u.Incomplete {
		t.Errorf("users of the cluster alone %+v", u)
	}

	// Where the pods cannot be seen, there may be more than in the files.
	cluster = newCluster(t, pods)
	cluster.broken["pods"] = errBroken
	if u := snapshot.New(cluster.layer(), ofFiles(t, workloads)).Users(t.Context(), both, config.Default()); u.Pods != 1 || !u.Incomplete || u.Err != nil {
		t.Errorf("users of the files alone %+v", u)
	}
	if u := snapshot.New(cluster.layer()).Users(t.Context(), both, config.Default()); u.Err == nil || u.Incomplete {
		t.Errorf("users of nobody %+v", u)
	}
}

// Of the pods of a cluster that name no network none is kept, unless they use one all the
// same.
func TestUsersThatNameNoNetwork(t *testing.T) {
	both := object.Reference{Namespace: "default", Name: "both"}
	cluster := newCluster(t, "{apiVersion: v1, kind: Pod, metadata: {name: plain}}\n---\n"+
		"{apiVersion: v1, kind: Pod, metadata: {name: named, annotations: {k8s.v1.cni.cncf.io/networks: both}}}\n")
	layer := cluster.layer()
	named, own := config.Default(), config.Default()
	own.Multus.ClusterNetwork = new("default/both")
	for _, tt := range []struct {
		config     *config.Config
		used, kept int
	}{{named, 1, 1}, {named, 1, 1}, {own, 2, 2}, {named, 1, 2}} {
		if u := snapshot.New(layer).Users(t.Context(), both, tt.config); u.Pods != tt.used || u.Err != nil {
			t.Errorf("cluster's own network %q: users %+v, want %d", tt.config.ClusterNetwork().String(), u, tt.used)
		}
		if n := snapshot.UsersKept(layer); n != tt.kept {
			t.Errorf("cluster's own network %q: %d pods are kept, want %d", tt.config.ClusterNetwork().String(), n, tt.kept)
		}
	}
	if n := cluster.lists["pods"]; n != 2 {
		t.Errorf("%d lists of pods, want 2", n)
	}
}
