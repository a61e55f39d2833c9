// Package e2e tests the built programs against a real control plane, with a real
// kubectl.
//
// The tests run beside each other, because most of the time each waits: for a
// controller, for a configuration to be read, for a program to start. A test that uses
// the shared cluster begins by saying what it does to the others there: [beside],
// [configured], [alone] or [last]. One that starts servers or control planes of its own
// begins with [apart] or [heavy].
package e2e

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
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
	flags      []string
	webhook    *server.Server
}

// cluster is the site that tests share.
var cluster *site

// usualPlaces is how many tests do something at the same time, unless -parallel says it.
// More would only wait for the same cores, and a request for its answer.
const usualPlaces = 5

var (
	// A test takes its place when it may use the shared cluster, and keeps both until it
	// ends.
	places      *semaphore.Weighted
	allPlaces   int64
	sharing     sync.RWMutex
	configuring sync.Mutex
	heavyOnes   sync.Mutex
	others      sync.WaitGroup
)

// beside is for tests that leave alone what others use: the webhook, its configuration
// and objects that are not their own.
func beside(t *testing.T) {
	t.Helper()
	join(t)
	sharing.RLock()
	t.Cleanup(sharing.RUnlock)
	take(t)
}

// configured is beside for a test that needs the lines of a PolicyConfig which change
// nothing for those beside. A test that gives a rule another action is not one of them:
// it is [alone].
func configured(t *testing.T, config string) {
	t.Helper()
	join(t)
	configuring.Lock()
	t.Cleanup(configuring.Unlock)
	sharing.RLock()
	t.Cleanup(sharing.RUnlock)
	take(t)
	t.Cleanup(func() { useConfig(t, nil) })
	useConfig(t, policyConfig(config))
}

// alone is for tests that others on the shared cluster cannot bear beside them.
func alone(t *testing.T) {
	t.Helper()
	join(t)
	sharing.Lock()
	t.Cleanup(sharing.Unlock)
	take(t)
}

// apart is for tests that leave the shared cluster alone.
func apart(t *testing.T) {
	t.Helper()
	t.Parallel()
	take(t)
}

// heavy is apart for tests that keep the cores busy, by a control plane of their own or by
// very many requests. They come one after the other, so that those of the shared cluster
// go on, which mostly wait.
func heavy(t *testing.T) {
	t.Helper()
	t.Parallel()
	heavyOnes.Lock()
	t.Cleanup(heavyOnes.Unlock)
	take(t)
}

// join has the test run beside others, and [last] wait for it. Every test comes through
// here before the first one goes on.
func join(t *testing.T) {
	t.Helper()
	others.Add(1)
	t.Cleanup(others.Done)
	t.Parallel()
}

// take gives the test a place until it ends.
func take(t *testing.T) {
	t.Helper()
	if err := places.Acquire(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { places.Release(1) })
}

// last is for a test that looks at what all the others on the shared cluster have done.
func last(t *testing.T) {
	t.Helper()
	t.Parallel()
	others.Wait()
	take(t)
}

// setPlaces makes the places. For the testing package those that wait for one run too, so
// it is to let all of them run, and -parallel counts the places.
func setPlaces() error {
	allPlaces = usualPlaces
	var err error
	flag.Visit(func(f *flag.Flag) {
		if f.Name == "test.parallel" {
			allPlaces, err = strconv.ParseInt(f.Value.String(), 10, 64)
		}
	})
	if err != nil {
		return err
	}
	places = semaphore.NewWeighted(allPlaces)
	return flag.Set("test.parallel", "64")
}

func TestMain(m *testing.M) {
	os.Exit(func() int {
		flag.Parse()
		err := setPlaces()
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

// newSite starts a site, with more flags for its webhook. What it returns has to be
// stopped, also after an error.
func newSite(ctx context.Context, options controlplane.Options, flags ...string) (*site, error) {
	return newSiteOf(ctx, deploy.BaseWithNodeFacts, options, append([]string{"--node-facts"}, flags...)...)
}

// newSiteOf is newSite with other manifests.
func newSiteOf(ctx context.Context, install func(context.Context, *controlplane.ControlPlane, string) error, options controlplane.Options, flags ...string) (*site, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	s := &site{flags: flags}
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
	if err = install(ctx, s.ControlPlane, s.address); err != nil {
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
	flags := append(deploy.ServerFlags(s.kubeconfig, s.address, s.config), s.flags...)
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
