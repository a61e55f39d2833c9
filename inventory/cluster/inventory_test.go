package cluster_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/macvlan-webhook/macvlan-webhook/inventory/cluster"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/test/controlplane"
	"github.com/macvlan-webhook/macvlan-webhook/test/deploy"
	"github.com/macvlan-webhook/macvlan-webhook/test/wait"
)

var plane *controlplane.ControlPlane

func TestMain(m *testing.M) {
	os.Exit(func() int {
		var err error
		if plane, err = controlplane.Start(context.Background(), controlplane.Options{}); err != nil {
			fmt.Fprintln(os.Stderr, "start the control plane:", err)
			return 1
		}
		defer plane.Stop()
		return m.Run()
	}())
}

func kubectl(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	out, err := deploy.Kubectl(t.Context(), plane, stdin, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// open makes an inventory, and runs it when asked to.
func open(t *testing.T, run bool) (*cluster.Inventory, *prometheus.Registry) {
	t.Helper()
	inv, registry, _ := openWithLog(t, run)
	return inv, registry
}

// openWithLog also returns what tells what was logged so far.
func openWithLog(t *testing.T, run bool) (*cluster.Inventory, *prometheus.Registry, func() string) {
	t.Helper()
	return openWith(t, cluster.Options{Config: plane.Config()}, run)
}

// openWith is openWithLog of an inventory with some options.
func openWith(t *testing.T, options cluster.Options, run bool) (*cluster.Inventory, *prometheus.Registry, func() string) {
	t.Helper()
	registry, log := prometheus.NewRegistry(), &testWriter{t: t}
	options.Logger, options.Metrics = slog.New(slog.NewTextHandler(log, nil)), registry
	inv, err := cluster.New(options)
	if err != nil {
		t.Fatal(err)
	}
	if run {
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- inv.Run(ctx) }()
		t.Cleanup(func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
	return inv, registry, log.String
}

// testWriter keeps what is logged, and shows it with the test.
type testWriter struct {
	t    *testing.T
	mu   sync.Mutex
	text bytes.Buffer
}

func (w *testWriter) Write(p []byte) (int, error) {
	w.t.Log(string(bytes.TrimSpace(p)))
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(p)
}

func (w *testWriter) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

func network(name, plugin string) string {
	return fmt.Sprintf("apiVersion: k8s.cni.cncf.io/v1\nkind: NetworkAttachmentDefinition\nmetadata: {name: %s, namespace: default}\n"+
		"spec: {config: '{\"plugins\":[{\"type\":\"macvlan\"},{\"type\":%q}]}'}\n", name, plugin)
}

func networks(names ...string) pod.Questions {
	var q pod.Questions
	for _, name := range names {
		q.Networks = append(q.Networks, object.Reference{Namespace: "default", Name: name})
	}
	return q
}

func role(f pod.Answer[cniconf.Network]) cniconf.Role {
	if f.Value == nil {
		return ""
	}
	r, _ := f.Value.Role(cniconf.ModeAuto)
	return r
}

func TestCacheFollowsTheCluster(t *testing.T) {
	inv, registry := open(t, true)
	wait.Until(t, "ready", func() bool { return inv.Ready() == nil })
	kubectl(t, network("followed", "router"), "apply", "-f", "-")
	wait.Until(t, "in the cache", func() bool {
		f := inv.Facts(t.Context(), networks("followed")).Networks[0]
		return role(f) == cniconf.RoleOverlay && !f.Fresh
	})
	kubectl(t, network("followed", "veth"), "apply", "-f", "-")
	wait.Until(t, "changed in the cache", func() bool {
		f := inv.Facts(t.Context(), networks("followed")).Networks[0]
		return role(f) == cniconf.RoleStandalone && !f.Fresh
	})
	kubectl(t, "", "delete", "net-attach-def", "followed")
	wait.Until(t, "gone", func() bool {
		f := inv.Facts(t.Context(), networks("followed")).Networks[0]
		return f.Value == nil && f.Err == nil && f.Fresh
	})
	text, err := testutil.GatherAndCount(registry, "macvlan_webhook_live_reads_total", "macvlan_webhook_networks", "macvlan_webhook_cache_age_seconds")
	if err != nil || text < 3 {
		t.Errorf("%d metrics: %v", text, err)
	}
}

// What the cache does not have is read from the API server, in the order asked.
func TestLiveReads(t *testing.T) {
	kubectl(t, network("live-a", "router")+"---\n"+network("live-b", "veth"), "apply", "-f", "-")
	inv, registry := open(t, false)
	if inv.Ready() == nil {
		t.Error("ready without a cache")
	}
	facts := inv.Facts(t.Context(), networks("live-a", "nowhere", "live-b"))
	got := fmt.Sprint(role(facts.Networks[0]), role(facts.Networks[1]), role(facts.Networks[2]))
	if want := fmt.Sprint(cniconf.RoleOverlay, "", cniconf.RoleStandalone); got != want {
		t.Errorf("roles %s, want %s", got, want)
	}
	for i, f := range facts.Networks {
		if f.Err != nil || !f.Fresh {
			t.Errorf("fact %d: %+v", i, f)
		}
	}
	want := "# HELP macvlan_webhook_live_reads_total Reads of single objects from the API server, by resource and result.\n" +
		"# TYPE macvlan_webhook_live_reads_total counter\n" +
		"macvlan_webhook_live_reads_total{resource=\"network-attachment-definitions\",result=\"absent\"} 1\nmacvlan_webhook_live_reads_total{resource=\"network-attachment-definitions\",result=\"found\"} 2\n"
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "macvlan_webhook_live_reads_total"); err != nil {
		t.Error(err)
	}
}

func TestRefreshReadsAgain(t *testing.T) {
	kubectl(t, network("refreshed", "router"), "apply", "-f", "-")
	inv, _ := open(t, false)
	old := pod.Facts{Networks: []pod.Answer[cniconf.Network]{{Value: cniconf.Compile(cniconf.Source{Name: "refreshed", Config: "{"})}}}
	if f := inv.Refresh(t.Context(), networks("refreshed"), old).Networks[0]; role(f) != cniconf.RoleOverlay || !f.Fresh {
		t.Errorf("got %+v", f)
	}
	// What cannot be read again is not known: the old answer may be wrong.
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if f := inv.Refresh(gone, networks("refreshed"), old).Networks[0]; f.Value != nil || f.Err == nil {
		t.Errorf("got %+v", f)
	}
}

// A cluster without Multus: ready, nothing found, and as soon as the resource is
// installed it is followed.
func TestResourceInstalledLater(t *testing.T) {
	crd := kubectl(t, "", "get", "crd", "network-attachment-definitions.k8s.cni.cncf.io", "-o", "yaml")
	kubectl(t, "", "delete", "crd", "network-attachment-definitions.k8s.cni.cncf.io")
	inv, _ := open(t, true)
	wait.Until(t, "ready without the resource", func() bool { return inv.Ready() == nil })
	if f := inv.Facts(t.Context(), networks("later")).Networks[0]; f.Value != nil || f.Err != nil {
		t.Errorf("without the resource: %+v", f)
	}
	kubectl(t, crd, "create", "-f", "-")
	kubectl(t, "", "wait", "--for=condition=Established", "crd", "network-attachment-definitions.k8s.cni.cncf.io")
	wait.Until(t, "a network", func() bool {
		_, err := deploy.Kubectl(t.Context(), plane, network("later", "router"), "apply", "-f", "-")
		return err == nil
	})
	wait.Until(t, "in the cache", func() bool {
		f := inv.Facts(t.Context(), networks("later")).Networks[0]
		return role(f) == cniconf.RoleOverlay && !f.Fresh
	})
}
