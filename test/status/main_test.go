// Package status tests `kubectl macvlan status` against a real API server, with
// manifests/base applied and the built server beside it.
//
// The serving certificate comes from files, and the tests write caBundle, so that no test
// meets a server that repairs what the test has spoiled. There is no kubelet: what the
// Deployment and the EndpointSlice say of replicas is written by the tests, too.
package status

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/macvlan-webhook/macvlan-webhook/test/controlplane"
	"github.com/macvlan-webhook/macvlan-webhook/test/deploy"
	"github.com/macvlan-webhook/macvlan-webhook/test/server"
)

// site is what all tests look at, one after the other. Each leaves it as it was.
type site struct {
	*controlplane.ControlPlane
	folder  string
	flags   []string
	webhook *server.Server
}

var cluster *site

func TestMain(m *testing.M) {
	os.Exit(func() int {
		// Where kubectl finds kubectl-macvlan.
		if err := os.Setenv("PATH", filepath.Dir(server.Binary("kubectl-macvlan"))+string(os.PathListSeparator)+os.Getenv("PATH")); err != nil {
			fmt.Fprintln(os.Stderr, "set PATH:", err)
			return 1
		}
		cluster = &site{}
		defer cluster.stop()
		if err := cluster.start(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, "set up the cluster:", err)
			return 1
		}
		return m.Run()
	}())
}

const endpoints = `apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: macvlan-webhook, namespace: macvlan-webhook, labels: {kubernetes.io/service-name: macvlan-webhook}}
addressType: IPv4
endpoints:
- {addresses: [192.0.2.1], conditions: {ready: true}}
- {addresses: [192.0.2.2], conditions: {ready: false}}
`

func (s *site) start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	var err error
	if s.folder, err = os.MkdirTemp("", "status-"); err != nil {
		return err
	}
	if s.ControlPlane, err = controlplane.Start(ctx, controlplane.Options{Dir: s.folder}); err != nil {
		return err
	}
	address, err := deploy.FreeAddress()
	if err != nil {
		return err
	}
	if err := deploy.Base(ctx, s.ControlPlane, address); err != nil {
		return err
	}
	kubeconfig, err := s.KubeconfigForServiceAccount(ctx, deploy.Namespace, deploy.ServiceAccount)
	if err != nil {
		return err
	}
	bundle, certificate, err := server.CertificateFiles(s.folder)
	if err != nil {
		return err
	}
	s.flags = append(certificate, "--kubeconfig="+kubeconfig, "--listen="+address, "--drain=0s")
	for _, kind := range []string{validating, mutating} {
		if err := s.patchWebhooks(ctx, kind, func(webhook map[string]any) {
			webhook["clientConfig"].(map[string]any)["caBundle"] = base64.StdEncoding.EncodeToString(bundle)
		}); err != nil {
			return err
		}
	}
	if _, err := deploy.Kubectl(ctx, s.ControlPlane, endpoints, "create", "-f", "-"); err != nil {
		return err
	}
	if err := s.setReady(ctx, 2); err != nil {
		return err
	}
	return s.startWebhook(ctx)
}

func (s *site) startWebhook(ctx context.Context) (err error) {
	if s.webhook, err = server.Start(ctx, s.flags...); err != nil {
		return err
	}
	return s.webhook.WaitReady(ctx)
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

// setReady says how many replicas of the Deployment are ready.
func (s *site) setReady(ctx context.Context, n int) error {
	_, err := deploy.Kubectl(ctx, s.ControlPlane, "", "patch", "deployment", "macvlan-webhook", "--namespace="+deploy.Namespace,
		"--subresource=status", "--type=merge", "--patch", fmt.Sprintf(`{"status":{"replicas":2,"readyReplicas":%d}}`, n))
	return err
}

const (
	validating = "validatingwebhookconfiguration"
	mutating   = "mutatingwebhookconfiguration"
)

// patchWebhooks changes each webhook of a configuration.
func (s *site) patchWebhooks(ctx context.Context, kind string, change func(webhook map[string]any)) error {
	text, err := deploy.Kubectl(ctx, s.ControlPlane, "", "get", kind, "macvlan-webhook", "-o", "json")
	if err != nil {
		return err
	}
	var configuration map[string]any
	if err := json.Unmarshal([]byte(text), &configuration); err != nil {
		return err
	}
	for _, webhook := range configuration["webhooks"].([]any) {
		change(webhook.(map[string]any))
	}
	changed, err := json.Marshal(configuration)
	if err != nil {
		return err
	}
	_, err = deploy.Kubectl(ctx, s.ControlPlane, string(changed), "replace", "-f", "-")
	return err
}

// keep has the two configurations put back as they are now when the test ends.
func keep(t *testing.T) {
	t.Helper()
	for _, kind := range []string{validating, mutating} {
		var saved map[string]any
		if err := json.Unmarshal([]byte(mustKubectl(t, "", "get", kind, "macvlan-webhook", "-o", "json")), &saved); err != nil {
			t.Fatal(err)
		}
		metadata := saved["metadata"].(map[string]any)
		delete(metadata, "resourceVersion")
		delete(metadata, "uid")
		text, err := json.Marshal(saved)
		if err != nil {
			t.Fatal(err)
		}
		afterwards(t, func(ctx context.Context) error {
			_, deleted := deploy.Kubectl(ctx, cluster.ControlPlane, "", "delete", kind, "macvlan-webhook", "--ignore-not-found")
			_, created := deploy.Kubectl(ctx, cluster.ControlPlane, string(text), "create", "-f", "-")
			return errors.Join(deleted, created)
		})
	}
}

func change(t *testing.T, kind string, change func(webhook map[string]any)) {
	t.Helper()
	if err := cluster.patchWebhooks(t.Context(), kind, change); err != nil {
		t.Fatal(err)
	}
}

// stopServer stops the server until the test ends.
func stopServer(t *testing.T) {
	t.Helper()
	if err := cluster.webhook.Stop(); err != nil {
		t.Fatal(err)
	}
	afterwards(t, cluster.startWebhook)
}

// afterwards does something when the test has ended.
func afterwards(t *testing.T, do func(context.Context) error) {
	t.Helper()
	t.Cleanup(func() {
		if err := do(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
}

func mustKubectl(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	out, err := deploy.Kubectl(t.Context(), cluster.ControlPlane, stdin, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// namespace makes a namespace for the test, with labels, each KEY=VALUE.
func namespace(t *testing.T, name string, labels ...string) {
	t.Helper()
	mustKubectl(t, "", "create", "namespace", name)
	if len(labels) > 0 {
		mustKubectl(t, "", append([]string{"label", "namespace", name}, labels...)...)
	}
}

// status runs the verb as kubectl does.
func status(t *testing.T, args ...string) controlplane.Result {
	t.Helper()
	result, err := cluster.Kubectl(t.Context(), "", append([]string{"macvlan", "status"}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// expect compares an exit status, and demands texts in what was printed, and that none of
// the others, which begin with !, is there.
func expect(t *testing.T, result controlplane.Result, exit int, texts ...string) {
	t.Helper()
	if problems := unmet(result, exit, texts...); len(problems) > 0 {
		t.Errorf("%s\nstandard output:\n%s\nstandard error:\n%s", strings.Join(problems, "\n"), result.Stdout, result.Stderr)
	}
}

func unmet(result controlplane.Result, exit int, texts ...string) []string {
	var problems []string
	if result.ExitCode != exit {
		problems = append(problems, fmt.Sprintf("exit status %d, want %d", result.ExitCode, exit))
	}
	for _, text := range texts {
		text, absent := strings.CutPrefix(text, "!")
		if strings.Contains(result.Stdout+result.Stderr, text) == absent {
			problems = append(problems, fmt.Sprintf("absent %t: %q", absent, text))
		}
	}
	return problems
}
