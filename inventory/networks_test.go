package inventory_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/inventory/files"
	"github.com/macvlan-webhook/macvlan-webhook/policy"
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
	both := policy.Reference{Namespace: "default", Name: "both"}
	users := open(t, workloads).Users(t.Context(), both, policy.DefaultConfig())
	if want := []string{"kube-system/a", "Deployment team-a/web"}; users.Pods != 1 || users.Workloads != 1 || !slices.Equal(users.Names, want) {
		t.Errorf("users %+v, want %q", users, want)
	}

	// The same object in two layers is one.
	objects, err := files.Read([]string{files.Stdin}, strings.NewReader(workloads))
	if err != nil {
		t.Fatal(err)
	}
	inv, err := files.NewInventory("default", objects, objects)
	if err != nil {
		t.Fatal(err)
	}
	if again := inv.Users(t.Context(), both, policy.DefaultConfig()); again.Pods != 1 || again.Workloads != 1 {
		t.Errorf("users in two layers %+v", again)
	}
}

func TestOverlayOfNetworksAndUsers(t *testing.T) {
	onePod := "{apiVersion: v1, kind: Pod, metadata: {name: b, annotations: {k8s.v1.cni.cncf.io/networks: both}}}"
	inv := inventory.Overlay(open(t, top+"---"+workloads), open(t, base+"---\n"+onePod))
	from := map[string]int{}
	for n := range inv.Networks(t.Context()) {
		from[n.Name]++
	}
	if want := map[string]int{"both": 1, "below": 1}; !maps.Equal(from, want) {
		t.Errorf("networks %v, want %v", from, want)
	}
	for range inv.Networks(t.Context()) {
		break
	}
	both := policy.Reference{Namespace: "default", Name: "both"}
	if u := inv.Users(t.Context(), both, policy.DefaultConfig()); u.Pods+u.Workloads != 2 || !u.Incomplete {
		t.Errorf("users of both %+v", u)
	}
	if u := inventory.Overlay(open(t, ""), open(t, onePod)).Users(t.Context(), both, policy.DefaultConfig()); u.Pods != 1 || u.Incomplete {
		t.Errorf("users of the base alone %+v", u)
	}
}
