// Package e2e tests the built programs against a real control plane, with a real
// kubectl.
//
// The tests run beside each other, because most of the time each waits: for a
// controller, for a configuration to be read, for a program to start. A test that uses
// the shared cluster begins by saying what it does to the others there: [beside],
// [configured], [alone] or [last].
package e2e

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/macvlan-webhook/macvlan-webhook/test/controlplane"
	"github.com/macvlan-webhook/macvlan-webhook/test/deploy"
	"github.com/macvlan-webhook/macvlan-webhook/test/fixtures"
	"github.com/macvlan-webhook/macvlan-webhook/test/server"
)

// site is a control plane with the manifests applied, those for node facts among them,
// the networks of the fixtures in it, and the webhook running beside it under its own
// ServiceAccount.
type site struct {
	*controlplane.ControlPlane
	folder     string
	address    string
	kubeconfig string
	config     string
	webhook    *server.Server
}

// cluster is the site that tests share.
var cluster *site

// places is how many tests use the shared cluster at the same time. More would only
// wait for the same cores, and a request for its answer.
const places = 3

var (
	use         = semaphore.NewWeighted(places)
	configuring sync.Mutex
	others      sync.WaitGroup
)

// beside is for tests that leave alone what others use: the webhook, its configuration
// and objects that are not their own.
func beside(t *testing.T) {
	t.Helper()
	join(t)
	take(t, 1)
}

// configured is beside for tests that put a PolicyConfig into force which changes nothing
// for those beside; config has the lines of the first one.
func configured(t *testing.T, config string) {
	t.Helper()
	join(t)
	configuring.Lock()
	t.Cleanup(configuring.Unlock)
	take(t, 1)
	t.Cleanup(func() { useConfig(t, nil) })
	if config != "" {
		useConfig(t, policyConfig(config))
	}
}

// alone is for tests that others cannot bear beside them.
func alone(t *testing.T) {
	t.Helper()
	join(t)
	take(t, places)
}

// join has the test run beside others, and [last] wait for it. Every test comes through
// here before the first one goes on.
func join(t *testing.T) {
	t.Helper()
	others.Add(1)
	t.Cleanup(others.Done)
	t.Parallel()
}

func take(t *testing.T, n int64) {
	t.Helper()
	if err := use.Acquire(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { use.Release(n) })
}

// last is for a test that looks at what all the others on the shared cluster have done.
func last(t *testing.T) {
	t.Parallel()
	others.Wait()
}

func TestMain(m *testing.M) {
	os.Exit(func() int {
		flag.Parse()
		// Tests that wait for their place count as running. What bounds them is places.
		err := flag.Set("test.parallel", "64")
		if err != nil {
			fmt.Fprintln(os.Stderr, "run the tests beside each other:", err)
			return 1
		}
		// Where kubectl finds kubectl-macvlan.
		if err := os.Setenv("PATH", filepath.Dir(server.Binary("kubectl-macvlan"))+string(os.PathListSeparator)+os.Getenv("PATH")); err != nil {
			fmt.Fprintln(os.Stderr, "set PATH:", err)
			return 1
		}
		cluster, err = newSite(context.Background(), controlplane.Options{ControllerManager: true, Audit: true})
		defer cluster.stop()
		if err != nil {
			fmt.Fprintln(os.Stderr, "set up the cluster:", err)
			return 1
		}
		return m.Run()
	}())
}

// newSite starts a site. What it returns has to be stopped, also after an error.
func newSite(ctx context.Context, options controlplane.Options) (*site, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	s := &site{}
	var err error
	if s.folder, err = os.MkdirTemp("", "e2e-"); err != nil {
		return s, err
	}
	options.Dir = s.folder
	if s.ControlPlane, err = controlplane.Start(ctx, options); err != nil {
		return s, err
	}
	if s.address, err = deploy.FreeAddress(); err != nil {
		return s, err
	}
	if _, err = deploy.Kubectl(ctx, s.ControlPlane, "", "create", "namespace", "team-a"); err != nil {
		return s, err
	}
	if _, err = deploy.Kubectl(ctx, s.ControlPlane, string(fixtures.Inventory()), "apply", "-f", "-"); err != nil {
		return s, err
	}
	statuses, err := fixtures.Statuses()
	if err != nil {
		return s, err
	}
	for _, status := range statuses {
		if _, err = deploy.Kubectl(ctx, s.ControlPlane, "", "patch", status.Kind, status.Name, "--namespace="+status.Namespace, "--subresource=status", "--type=merge", "--patch", status.Patch); err != nil {
			return s, err
		}
	}
	if err = deploy.BaseWithNodeFacts(ctx, s.ControlPlane, s.address); err != nil {
		return s, err
	}
	s.kubeconfig, err = s.KubeconfigForServiceAccount(ctx, deploy.Namespace, deploy.ServiceAccount)
	if err != nil {
		return s, err
	}
	s.config = filepath.Join(s.folder, "policy.yaml")
	if err = os.WriteFile(s.config, nil, 0o600); err != nil {
		return s, err
	}
	return s, s.startWebhook(ctx)
}

func (s *site) stop() {
	if s.webhook != nil {
		_ = s.webhook.Stop()
	}
	if s.ControlPlane != nil {
		_ = s.ControlPlane.Stop()
	}
	if s.folder != "" {
		_ = os.RemoveAll(s.folder)
	}
}

// startWebhook runs the webhook at the address that the API server calls, with more in
// its environment.
func (s *site) startWebhook(ctx context.Context, environment ...string) (err error) {
	flags := append(deploy.ServerFlags(s.kubeconfig, s.address, s.config), "--node-facts")
	s.webhook, err = server.StartWith(ctx, environment, flags...)
	if err != nil {
		return err
	}
	return s.webhook.WaitReady(ctx)
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
