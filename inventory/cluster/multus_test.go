package cluster_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/inventory/cluster"
	"github.com/macvlan-webhook/macvlan-webhook/inventory/snapshot"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/test/wait"
)

const networkCRD = "network-attachment-definitions.k8s.cni.cncf.io"

// A cluster without Multus: ready, and whoever asks for a network is told why there is none.
// As soon as Multus is installed its networks are followed, and when it is uninstalled that
// is said.
func TestMultusInstalledLater(t *testing.T) {
	definition := kubectl(t, "", "get", "crd", networkCRD, "-o", "yaml")
	kubectl(t, "", "delete", "crd", networkCRD)
	t.Cleanup(func() {
		// The other tests need it, however this one ends.
		if result, err := plane.Kubectl(context.Background(), definition, "apply", "-f", "-"); err != nil || result.ExitCode != 0 {
			t.Errorf("install the CRD again: %v %s", err, result.Stderr)
		}
	})
	inv, _, log := openWithLog(t, true)
	q := networks("later")
	wait.Until(t, "ready without the resource", func() bool { return inv.Ready() == nil })
	for _, again := range []bool{false, true} {
		f := inv.Facts(t.Context(), q)
		if again {
			f = inv.Refresh(t.Context(), q, f)
		}
		if n := f.Networks[0]; !f.NoMultus || n.Value != nil || n.Err != nil {
			t.Errorf("without the resource: no Multus %t, network %+v", f.NoMultus, n)
		}
	}
	if err := inv.NoMultus(); !errors.Is(err, inventory.ErrNoMultus) {
		t.Errorf("without the resource: %v", err)
	}
	source, err := cluster.NewObjects(plane.Config(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if f := snapshot.New(snapshot.Cluster(source, nil)).Facts(t.Context(), q); !f.NoMultus {
		t.Errorf("a snapshot without the resource: %+v", f.Networks)
	}
	for range 2 {
		kubectl(t, definition, "create", "-f", "-")
		wait.Until(t, "Multus", func() bool { return inv.NoMultus() == nil })
		kubectl(t, "", "wait", "--for=condition=established", "--timeout=2m", "crd/"+networkCRD)
		kubectl(t, network("later", "router"), "apply", "-f", "-")
		wait.Until(t, "the network", func() bool {
			f := inv.Facts(t.Context(), q)
			return role(f.Networks[0]) == cniconf.RoleOverlay && !f.NoMultus
		})
		kubectl(t, "", "delete", "crd", networkCRD)
		wait.Until(t, "no Multus", func() bool { return inv.NoMultus() != nil })
	}
	for line, want := range map[string]int{
		"resources=[" + networkCRD + "]":  1,
		"the resource exists now":         2,
		"the resource no longer exists":   2,
		"level=WARN msg=\"Multus is not ": 3,
		"level=WARN":                      3,
	} {
		if got := strings.Count(log(), line); got != want {
			t.Errorf("%d lines of %q in the log, want %d", got, line, want)
		}
	}
}
