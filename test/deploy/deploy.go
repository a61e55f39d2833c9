// Package deploy applies the manifests to a control plane whose API server
// reaches the webhook at an address instead of through its Service: a control
// plane without nodes routes no Services. The API server also waits longer for an answer,
// so that a slow machine refuses nothing, unless a test is about how long that takes.
// Everything else is applied as it is.
package deploy

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"path/filepath"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/macvlan-webhook/macvlan-webhook/policy/text/document"
	"github.com/macvlan-webhook/macvlan-webhook/test/controlplane"
	"github.com/macvlan-webhook/macvlan-webhook/test/server"
)

// Namespace and ServiceAccount of the server in the manifests.
const (
	Namespace      = "macvlan-webhook"
	ServiceAccount = "macvlan-webhook"
)

// Policy names the ConfigMap in Namespace that has the PolicyConfig, and the key in it.
const (
	PolicyConfigMap = "macvlan-webhook-config"
	PolicyKey       = "policy.yaml"
)

// Base applies manifests/base. The webhook configurations call the address.
func Base(ctx context.Context, c *controlplane.ControlPlane, address string) error {
	return apply(ctx, c, address, patient, "base")
}

// BaseInTime is Base with an API server that waits no longer than the manifests say.
func BaseInTime(ctx context.Context, c *controlplane.ControlPlane, address string) error {
	return apply(ctx, c, address, inTime, "base")
}

// BaseWithNodeFacts applies manifests/base with the component node-facts, for a server
// with the flag --node-facts.
func BaseWithNodeFacts(ctx context.Context, c *controlplane.ControlPlane, address string) error {
	return apply(ctx, c, address, patient, "testdata", "node-facts")
}

// Observe applies manifests/overlays/observe.
func Observe(ctx context.Context, c *controlplane.ControlPlane, address string) error {
	return apply(ctx, c, address, patient, "overlays", "observe")
}

// Whether the API server waits longer than the manifests say.
const (
	inTime  = false
	patient = true
)

// apply applies a folder of manifests.
func apply(ctx context.Context, c *controlplane.ControlPlane, address string, patience bool, folder ...string) error {
	rendered, err := Kubectl(ctx, c, "", "kustomize", filepath.Join(append([]string{server.Root(), "manifests"}, folder...)...))
	if err != nil {
		return err
	}
	text, err := redirect([]byte(rendered), address, patience)
	if err != nil {
		return err
	}
	_, err = Kubectl(ctx, c, text, "apply", "--server-side", "--validate=strict", "-f", "-")
	return err
}

// timeoutSeconds is how long a patient API server waits for an answer: as long as it can. The
// server's own limit stays below.
const (
	timeoutSeconds  = 30
	decisionTimeout = "29s"
)

// redirect puts a URL in place of the Service in every webhook, and has a patient API
// server wait longer for it.
func redirect(manifests []byte, address string, patience bool) (string, error) {
	docs, err := document.Parse(manifests)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	for _, doc := range docs {
		var object map[string]any
		if err := json.Unmarshal(doc.JSON, &object); err != nil {
			return "", err
		}
		webhooks, _ := object["webhooks"].([]any)
		for _, w := range webhooks {
			webhook := w.(map[string]any)
			if patience {
				webhook["timeoutSeconds"] = timeoutSeconds
			}
			client := webhook["clientConfig"].(map[string]any)
			service := client["service"].(map[string]any)
			delete(client, "service")
			client["url"] = "https://" + address + service["path"].(string)
		}
		text, err := yaml.Marshal(object)
		if err != nil {
			return "", err
		}
		out.WriteString("---\n")
		out.Write(text)
	}
	return out.String(), nil
}

// Kubectl runs kubectl as administrator and expects it to succeed.
func Kubectl(ctx context.Context, c *controlplane.ControlPlane, stdin string, args ...string) (stdout string, err error) {
	result, err := c.Kubectl(ctx, stdin, args...)
	if err != nil {
		return "", err
	}
	if result.ExitCode != 0 {
		return "", fmt.Errorf("kubectl %s: exit status %d: %s", strings.Join(args, " "), result.ExitCode, result.Stderr)
	}
	return result.Stdout, nil
}

// FreeAddress is an address of the loopback interface that nothing listens on.
func FreeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// ServerFlags are the flags of a server that runs beside a cluster as the
// manifests run it within one, with more time for a decision.
func ServerFlags(kubeconfig, address, config string) []string {
	return []string{
		"--kubeconfig=" + kubeconfig,
		"--listen=" + address,
		"--config=" + config,
		"--cert-secret=" + Namespace + "/macvlan-webhook-ca",
		"--cert-host=127.0.0.1",
		"--webhook-configuration=macvlan-webhook",
		"--drain=0s",
		"--decision-timeout=" + decisionTimeout,
	}
}
