package cluster_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/policy"
	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/policy/nad"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
)

func podOf(namespace, name string, annotations ...string) string {
	return fmt.Sprintf("apiVersion: v1\nkind: Pod\nmetadata:\n  name: %s\n  namespace: %s\n  annotations: {%s}\nspec: {containers: [{name: app, image: app:1}]}\n",
		name, namespace, strings.Join(annotations, ", "))
}

// Pods are found by what their annotations mean, not by what they contain.
func TestUsersOfNetwork(t *testing.T) {
	const networks, first = "k8s.v1.cni.cncf.io/networks: ", "v1.multus-cni.io/default-network: "
	kubectl(t, "", "create", "namespace", "users")
	t.Cleanup(func() { kubectlAfter(t, "delete", "namespace", "users", "--wait=false") })
	kubectl(t, strings.Join([]string{
		podOf("default", "by-name", networks+"used"),
		podOf("users", "by-namespace", networks+"'other, default/used@lan'"),
		podOf("users", "in-json", networks+`'[{"name":"used","namespace":"default"}]'`),
		podOf("users", "escaped", networks+`'[{"name":"u\u0073ed","namespace":"default"}]'`),
		podOf("users", "first", first+"default/used"),
		podOf("users", "of-another-namespace", networks+"used"),
		podOf("users", "first-of-another-namespace", first+"used"),
		podOf("users", "longer-name", networks+"default/used-too"),
		podOf("users", "broken", networks+"'[{used'"),
		podOf("default", "ended", networks+"used"),
		podOf("default", "none"),
	}, "---\n"), "apply", "-f", "-")
	t.Cleanup(func() { kubectlAfter(t, "delete", "pods", "--all", "--now") })
	kubectl(t, "", "patch", "pod", "ended", "--subresource=status", "--type=merge", "--patch", `{"status":{"phase":"Succeeded"}}`)

	inv, registry := open(t, false)
	users := func(ref object.Reference, config *config.Config) nad.Users {
		t.Helper()
		u := inv.Users(t.Context(), ref, config)
		if u.Err != nil || u.Incomplete || u.Workloads > 0 {
			t.Errorf("users %+v", u)
		}
		return u
	}
	used := object.Reference{Namespace: "default", Name: "used"}
	u := users(used, config.Default())
	if want := []string{"default/by-name", "users/by-namespace", "users/escaped"}; u.Pods != 5 || !slices.Equal(u.Names, want) {
		t.Errorf("%d pods, such as %q; want 5, such as %q", u.Pods, u.Names, want)
	}
	c := config.Default()
	c.Multus.DefaultNetworkNamespace = "default"
	if u := users(used, c); u.Pods != 6 {
		t.Errorf("%d pods where a first network without a namespace is one of default, want 6", u.Pods)
	}
	if u := users(object.Reference{Namespace: "default", Name: "free"}, config.Default()); u.Pods != 0 {
		t.Errorf("pods use a network that nobody names: %+v", u)
	}
	ofCluster, err := policy.ParseConfig([]byte("apiVersion: macvlan-webhook.io/v1alpha1\nkind: PolicyConfig\nmultus: {clusterNetwork: default/own}\n"))
	if err != nil {
		t.Fatal(err)
	}
	// Ten pods run, and two of them name a first network of their own.
	if u := users(object.Reference{Namespace: "default", Name: "own"}, ofCluster); u.Pods != 8 {
		t.Errorf("%d pods use the cluster's own network, want 8: %+v", u.Pods, u)
	}

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if u := inv.Users(ended, used, config.Default()); u.Pods != 0 || u.Err == nil && !u.Incomplete {
		t.Errorf("without time: %+v", u)
	}
	if u := listed(t, plane.Config()).Users(t.Context(), used, config.Default()); u.Pods != 5 || u.Err != nil || u.Incomplete {
		t.Errorf("users that a live check sees: %+v", u)
	}
	if n, err := testutil.GatherAndCount(registry, "macvlan_webhook_live_lists_total"); err != nil || n == 0 {
		t.Errorf("lists are not counted: %d, %v", n, err)
	}
}

// kubectlAfter runs kubectl when the test's own context has ended.
func kubectlAfter(t *testing.T, args ...string) {
	t.Helper()
	if result, err := plane.Kubectl(context.Background(), "", args...); err != nil || result.ExitCode != 0 {
		t.Errorf("kubectl %s: %v %s", strings.Join(args, " "), err, result.Stderr)
	}
}

// All networks are there at once, from memory or by one list.
func TestNetworksOfCluster(t *testing.T) {
	kubectl(t, network("listed-a", "router")+"---\n"+network("listed-b", "veth"), "apply", "-f", "-")
	t.Cleanup(func() { kubectlAfter(t, "delete", "net-attach-def", "listed-a", "listed-b") })
	names := func(seq func(func(object.Reference) bool)) []string {
		var found []string
		for ref := range seq {
			if strings.HasPrefix(ref.Name, "listed-") {
				found = append(found, ref.String())
			}
		}
		slices.Sort(found)
		return found
	}
	for name, inv := range map[string]inventory.Inventory{"listed": listed(t, plane.Config()), "cached": running(t)} {
		for range 2 {
			got := names(func(yield func(object.Reference) bool) {
				for n := range inv.Networks(t.Context()) {
					if !yield(object.Reference{Namespace: n.Namespace, Name: n.Name}) {
						return
					}
				}
			})
			if want := []string{"default/listed-a", "default/listed-b"}; !slices.Equal(got, want) {
				t.Errorf("%s: networks %q, want %q", name, got, want)
			}
		}
		for range inv.Networks(t.Context()) {
			break // whoever asks may stop early
		}
	}
}
