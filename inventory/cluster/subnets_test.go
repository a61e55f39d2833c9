package cluster_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/inventory/cluster"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/flatnetwork"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/test/wait"
)

func subnetOf(g flatnetwork.Generation, namespace, name, cidr string) string {
	mode := ""
	if g == flatnetwork.V2 {
		mode = "flatMode: macvlan, "
	}
	return fmt.Sprintf("apiVersion: %s/v1\nkind: %s\nmetadata: {name: %s, namespace: %s}\nspec: {%smaster: eth1, cidr: %s}\n---\n",
		g.Group(), g.SubnetKind(), name, namespace, mode, cidr)
}

// applied applies objects for as long as the test runs. It waits out the moment after
// a type was created in which there is nobody yet to ask.
func applied(t *testing.T, text string) {
	t.Helper()
	wait.Until(t, "objects applied", func() bool {
		result, err := plane.Kubectl(t.Context(), text, "apply", "-f", "-")
		if err != nil {
			t.Fatal(err)
		}
		if result.ExitCode != 0 && !strings.Contains(result.Stderr, "no matches for kind") && !strings.Contains(result.Stderr, "could not find the requested resource") {
			t.Fatal(result.Stderr)
		}
		return result.ExitCode == 0
	})
	t.Cleanup(func() {
		result, err := plane.Kubectl(context.Background(), text, "delete", "--ignore-not-found", "--now", "-f", "-")
		if err != nil || result.ExitCode != 0 && !strings.Contains(result.Stderr, "no matches for kind") {
			t.Errorf("delete: %v: %s", err, result.Stderr)
		}
	})
}

// uninstalled takes away a type, and returns its definition. The other tests need it,
// so it is there again in the end.
func uninstalled(t *testing.T, crd string) (definition string) {
	t.Helper()
	definition = kubectl(t, "", "get", "crd", crd, "-o", "yaml")
	kubectl(t, "", "delete", "crd", crd)
	t.Cleanup(func() {
		result, err := plane.Kubectl(context.Background(), definition, "create", "-f", "-")
		if err != nil || result.ExitCode != 0 && !strings.Contains(result.Stderr, "AlreadyExists") {
			t.Errorf("install the CRD again: %v: %s", err, result.Stderr)
		}
	})
	return definition
}

func subnetQuestion(g flatnetwork.Generation, name string) pod.Questions {
	return pod.Questions{Subnets: []flatnetwork.SubnetReference{{Generation: g, Name: name}}}
}

func hasCIDR(f pod.Answer[flatnetwork.Subnet], cidr string) bool {
	return f.Err == nil && !f.Unknown && f.Value != nil && f.Value.CIDR.String() == cidr
}

// A subnet may come in the same apply as the pods that name it.
func TestSubnetOfAMomentAgo(t *testing.T) {
	kubectl(t, "", "create", "namespace", "cattle-flat-network")
	t.Cleanup(func() { kubectlAfter(t, "delete", "namespace", "cattle-flat-network", "--wait=false") })
	inv, registry := open(t, true)
	wait.Until(t, "ready", func() bool { return inv.Ready() == nil })
	for n, g := range flatnetwork.Generations {
		q := subnetQuestion(g, "moment")
		if f := inv.Facts(t.Context(), q).Subnets[0]; f.Value != nil || f.Err != nil || f.Unknown || !f.Fresh {
			t.Fatalf("%s: before it was made: %+v", g, f)
		}
		applied(t, subnetOf(g, g.SubnetNamespace(), "moment", "10.9.0.0/24")+subnetOf(g, "default", "elsewhere", "10.9.1.0/24"))
		facts := inv.Facts(t.Context(), q)
		if !hasCIDR(facts.Subnets[0], "10.9.0.0/24") {
			t.Fatalf("%s: after it was made: %+v", g, facts.Subnets[0])
		}
		kubectl(t, subnetOf(g, g.SubnetNamespace(), "moment", "10.9.2.0/24"), "apply", "-f", "-")
		facts.Subnets[0].Fresh = false // the answer of before the change
		if f := inv.Refresh(t.Context(), q, facts).Subnets[0]; !hasCIDR(f, "10.9.2.0/24") || !f.Fresh {
			t.Fatalf("%s: after it was changed: %+v", g, f)
		}
		wait.Until(t, "changed in the cache", func() bool {
			f := inv.Facts(t.Context(), q).Subnets[0]
			return hasCIDR(f, "10.9.2.0/24") && !f.Fresh
		})
		if f := inv.Facts(t.Context(), subnetQuestion(g, "elsewhere")).Subnets[0]; f.Value != nil || f.Err != nil {
			t.Errorf("%s: a subnet in a namespace that is not heeded: %+v", g, f)
		}
		if count := gauge(t, registry, "macvlan_webhook_subnets"); int(count) != n+1 {
			t.Errorf("%v subnets in the cache, want %d", count, n+1)
		}
	}

	for _, inventory := range []inventory.Inventory{inv, listed(t, plane.Config())} {
		var all []string
		for s := range inventory.Subnets(t.Context()) {
			all = append(all, s.Reference.String())
		}
		slices.Sort(all)
		if want := []string{"FlatNetworkSubnet moment", "MacvlanSubnet moment"}; !slices.Equal(all, want) {
			t.Errorf("subnets %q, want %q", all, want)
		}
		for range inventory.Subnets(t.Context()) {
			break // whoever asks may stop early
		}
	}
}

// In a cluster without a generation of the flat network no subnet of it is missing,
// until it is installed.
func TestSubnetsInstalledLater(t *testing.T) {
	definition := uninstalled(t, "macvlansubnets.macvlan.cluster.cattle.io")
	inv, _, _ := openWithLog(t, true)
	live := listed(t, plane.Config())
	wait.Until(t, "ready without the resource", func() bool { return inv.Ready() == nil })
	q := subnetQuestion(flatnetwork.V1, "later")
	for _, inventory := range []inventory.Inventory{inv, live} {
		facts := inventory.Facts(t.Context(), q)
		if f := facts.Subnets[0]; !f.Unknown || f.Value != nil || f.Err != nil {
			t.Errorf("without the resource: %+v", f)
		}
		if f := inventory.Facts(t.Context(), subnetQuestion(flatnetwork.V2, "later")).Subnets[0]; f.Unknown || f.Err != nil {
			t.Errorf("of the generation that is there: %+v", f)
		}
		if inventory.Subnets(t.Context()) == nil {
			t.Error("it is not known that there are no subnets")
		}
	}
	if f := inv.Refresh(t.Context(), q, pod.Facts{Subnets: make([]pod.Answer[flatnetwork.Subnet], 1)}).Subnets[0]; !f.Unknown || !f.Fresh || f.Err != nil {
		t.Errorf("without the resource, asked again: %+v", f)
	}
	kubectl(t, definition, "create", "-f", "-")
	wait.Until(t, "missing", func() bool { f := inv.Facts(t.Context(), q).Subnets[0]; return !f.Unknown && f.Err == nil })
	applied(t, subnetOf(flatnetwork.V1, "kube-system", "later", "10.9.3.0/24"))
	wait.Until(t, "in the cache", func() bool {
		f := inv.Facts(t.Context(), q).Subnets[0]
		return hasCIDR(f, "10.9.3.0/24") && !f.Fresh
	})
}

func TestSubnetsForbidden(t *testing.T) {
	inv, _ := openAs(t, "nobody")
	if f := inv.Facts(t.Context(), subnetQuestion(flatnetwork.V1, "hidden")).Subnets[0]; !apierrors.IsForbidden(f.Err) || f.Value != nil || f.Unknown || f.Fresh {
		t.Errorf("subnet: %+v", f)
	}
	if inv.Subnets(t.Context()) != nil {
		t.Error("subnets before they are known")
	}
	// To a check from the command line they are not known, which it says.
	live, log := listedAs(t, "nobody")
	if f := live.Facts(t.Context(), subnetQuestion(flatnetwork.V1, "hidden")).Subnets[0]; f.Err != nil || f.Value != nil || !f.Unknown {
		t.Errorf("subnet of a live check: %+v", f)
	}
	for s := range live.Subnets(t.Context()) {
		t.Errorf("subnet of a live check: %+v", s)
	}
	if n := strings.Count(log(), "cannot be listed"); n != 1 {
		t.Errorf("said %d times that subnets may not be listed: %s", n, log())
	}
}

// openAs makes an inventory of what a user may see, with what tells what was logged.
func openAs(t *testing.T, user string) (*cluster.Inventory, func() string) {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", mustKubeconfig(t, plane, user))
	if err != nil {
		t.Fatal(err)
	}
	log := &testWriter{t: t}
	inv, err := cluster.New(cluster.Options{Config: config, Logger: slog.New(slog.NewTextHandler(log, nil)), Metrics: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	return inv, log.String
}
