// Package e2e tests the built programs against a real control plane, with a real
// kubectl.
package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/macvlan-webhook/macvlan-webhook/test/controlplane"
	"github.com/macvlan-webhook/macvlan-webhook/test/deploy"
	"github.com/macvlan-webhook/macvlan-webhook/test/fixtures"
	"github.com/macvlan-webhook/macvlan-webhook/test/server"
)

// cluster is the control plane that all tests share, with the manifests applied, those
// for node facts among them, the networks of the fixtures in it, and the webhook running beside it under
// its own ServiceAccount.
var cluster struct {
	*controlplane.ControlPlane
	address    string
	kubeconfig string
	config     string
	webhook    *server.Server
}

func TestMain(m *testing.M) {
	os.Exit(func() int {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
		defer cancel()
		stop, err := setUp(ctx)
		defer stop()
		if err != nil {
			fmt.Fprintln(os.Stderr, "set up the cluster:", err)
			return 1
		}
		return m.Run()
	}())
}

func setUp(ctx context.Context) (stop func(), err error) {
	folder, err := os.MkdirTemp("", "e2e-")
	if err != nil {
		return func() {}, err
	}
	stop = func() {
		if cluster.webhook != nil {
			_ = cluster.webhook.Stop()
		}
		if cluster.ControlPlane != nil {
			_ = cluster.Stop()
		}
		_ = os.RemoveAll(folder)
	}
	cluster.ControlPlane, err = controlplane.Start(ctx, controlplane.Options{ControllerManager: true, Audit: true, Dir: folder})
	if err != nil {
		return stop, err
	}
	if cluster.address, err = deploy.FreeAddress(); err != nil {
		return stop, err
	}
	if _, err = deploy.Kubectl(ctx, cluster.ControlPlane, "", "create", "namespace", "team-a"); err != nil {
		return stop, err
	}
	if _, err = deploy.Kubectl(ctx, cluster.ControlPlane, string(fixtures.Inventory()), "apply", "-f", "-"); err != nil {
		return stop, err
	}
	statuses, err := fixtures.Statuses()
	if err != nil {
		return stop, err
	}
	for _, s := range statuses {
		if _, err = deploy.Kubectl(ctx, cluster.ControlPlane, "", "patch", s.Kind, s.Name, "--namespace="+s.Namespace, "--subresource=status", "--type=merge", "--patch", s.Patch); err != nil {
			return stop, err
		}
	}
	if err = deploy.BaseWithNodeFacts(ctx, cluster.ControlPlane, cluster.address); err != nil {
		return stop, err
	}
	cluster.kubeconfig, err = cluster.KubeconfigForServiceAccount(ctx, deploy.Namespace, deploy.ServiceAccount)
	if err != nil {
		return stop, err
	}
	cluster.config = filepath.Join(folder, "policy.yaml")
	if err = os.WriteFile(cluster.config, nil, 0o600); err != nil {
		return stop, err
	}
	return stop, startWebhook(ctx)
}

// startWebhook runs the webhook at the address that the API server calls.
func startWebhook(ctx context.Context) (err error) {
	flags := append(deploy.ServerFlags(cluster.kubeconfig, cluster.address, cluster.config), "--node-facts")
	cluster.webhook, err = server.Start(ctx, flags...)
	if err != nil {
		return err
	}
	return cluster.webhook.WaitReady(ctx)
}

// kubectl runs kubectl as administrator.
func kubectl(t *testing.T, stdin string, args ...string) controlplane.Result {
	t.Helper()
	result, err := cluster.Kubectl(t.Context(), stdin, args...)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// mustKubectl runs a kubectl that must succeed.
func mustKubectl(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	out, err := deploy.Kubectl(t.Context(), cluster.ControlPlane, stdin, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
