package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/macvlan-webhook/macvlan-webhook/test/deploy"
	"github.com/macvlan-webhook/macvlan-webhook/test/wait"
)

// podYAML is the manifest of a pod with some annotations.
func podYAML(name string, annotations ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "apiVersion: v1\nkind: Pod\nmetadata:\n  name: %s\n", name)
	if len(annotations) > 0 {
		b.WriteString("  annotations:\n")
	}
	for _, a := range annotations {
		fmt.Fprintf(&b, "    %s\n", a)
	}
	b.WriteString("spec:\n  containers:\n  - {name: app, image: app:1}\n")
	return b.String()
}

func network(name, config string) string {
	return fmt.Sprintf("apiVersion: k8s.cni.cncf.io/v1\nkind: NetworkAttachmentDefinition\nmetadata: {name: %s, namespace: default}\nspec:\n  config: '%s'\n", name, config)
}

const (
	overlayAsDefault = "v1.multus-cni.io/default-network: kube-system/macvlan-overlay-vlan0"
	overlayConfig    = `{"cniVersion":"0.3.1","plugins":[{"type":"macvlan","master":"ens192"},{"type":"coordinator","mode":"overlay"}]}`
)

// policyConfig is a PolicyConfig with some lines.
func policyConfig(lines string) []byte {
	return []byte("apiVersion: macvlan-webhook.io/v1alpha1\nkind: PolicyConfig\n" + lines + "\n")
}

// useConfig puts a PolicyConfig into force.
func (s *site) useConfig(text []byte) error {
	old, err := os.ReadFile(s.config)
	if err != nil || string(old) == string(text) {
		return err
	}
	reloads := strings.Count(s.webhook.Log(), "configuration reloaded")
	if err := os.WriteFile(s.config, text, 0o600); err != nil {
		return err
	}
	return wait.For("configuration reloaded", func() bool {
		return strings.Count(s.webhook.Log(), "configuration reloaded") > reloads
	})
}

// useConfig puts a PolicyConfig into force in the shared cluster.
func useConfig(t *testing.T, text []byte) {
	t.Helper()
	if err := cluster.useConfig(text); err != nil {
		t.Fatal(err)
	}
}

func TestWebhookDown(t *testing.T) {
	alone(t)
	if err := cluster.webhook.Stop(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		// It comes back with the CA that is in the Secret.
		if err := cluster.startWebhook(t.Context()); err != nil {
			t.Fatal(err)
		}
		if result := kubectl(t, podYAML("after", overlayAsDefault), "create", "-f", "-"); !strings.Contains(result.Stderr, "overlay-as-default-network") {
			t.Errorf("the webhook does not judge after its restart:\n%s", result.Stderr)
		}
	}()
	mustKubectl(t, podYAML("without-annotations"), "create", "-f", "-")
	mustKubectl(t, podYAML("other-annotations", "example.com/owner: team-a"), "create", "-f", "-")
	result := kubectl(t, podYAML("annotated", "k8s.v1.cni.cncf.io/networks: kube-system/macvlan-overlay-vlan0"), "create", "-f", "-")
	if result.ExitCode == 0 || !strings.Contains(result.Stderr, "failed calling webhook") {
		t.Errorf("an annotated pod is let through while the webhook is down:\n%s", result.Stderr)
	}
	mustKubectl(t, "", "delete", "pod", "--now", "without-annotations", "other-annotations")
}

func TestNetworkAndItsPodInOneApply(t *testing.T) {
	beside(t)
	for i := range 50 {
		name := fmt.Sprintf("fresh-%d", i)
		mustKubectl(t, network(name, overlayConfig)+"---\n"+podYAML(name, "k8s.v1.cni.cncf.io/networks: "+name), "apply", "-f", "-")
	}
}

// A network that was wrong until a moment ago is judged as it is now, whatever
// the cache still says, and so is one that was missing.
func TestRepairedNetwork(t *testing.T) {
	// A broken network gets in where its rule only warns.
	alone(t)
	defer useConfig(t, nil)
	useConfig(t, policyConfig("rules: {nad-config-invalid: warn}"))
	for i := range 20 {
		name := fmt.Sprintf("repaired-%d", i)
		annotation := "k8s.v1.cni.cncf.io/networks: " + name
		if result := kubectl(t, podYAML(name, annotation), "create", "-f", "-"); !strings.Contains(result.Stderr, "network-not-found") {
			t.Fatalf("missing network: %s", result.Stderr)
		}
		mustKubectl(t, network(name, `{"plugins":[]}`), "apply", "-f", "-")
		if result := kubectl(t, podYAML(name, annotation), "create", "-f", "-"); !strings.Contains(result.Stderr, "network-config-unusable") {
			t.Fatalf("broken network: %s", result.Stderr)
		}
		mustKubectl(t, network(name, overlayConfig)+"---\n"+podYAML(name, annotation), "apply", "-f", "-")
	}
}

// A coordinator that names no mode has that of the cluster's SpiderCoordinator,
// and its changes are followed.
func TestClusterCoordinatorMode(t *testing.T) {
	alone(t)
	t.Cleanup(func() {
		if _, err := deploy.Kubectl(context.Background(), cluster.ControlPlane, "", "delete", "--ignore-not-found", "spidercoordinator", "default"); err != nil {
			t.Error(err)
		}
	})
	annotation := "k8s.v1.cni.cncf.io/networks: kube-system/coordinator-inherit"
	mustKubectl(t, podYAML("inherit", annotation), "create", "--dry-run=server", "-f", "-")
	mustKubectl(t, "apiVersion: spiderpool.spidernet.io/v2beta1\nkind: SpiderCoordinator\nmetadata: {name: default}\nspec: {mode: underlay, tunePodRoutes: true}\n", "apply", "-f", "-")
	wait.Until(t, "the mode is that of the SpiderCoordinator", func() bool {
		return strings.Contains(kubectl(t, podYAML("inherit", annotation), "create", "--dry-run=server", "-f", "-").Stderr, "[standalone-on-overlay-pod]")
	})
	file := filepath.Join(t.TempDir(), "pod.yaml")
	write(t, file, []byte(podYAML("inherit", annotation)))
	if report, _ := check(t, "-f", file, "--live"); report.Results[0].Decision != "deny" {
		t.Errorf("a live check does not know the mode: %+v", report)
	}
	mustKubectl(t, "", "delete", "spidercoordinator", "default")
	wait.Until(t, "the mode is the configured one", func() bool {
		return kubectl(t, podYAML("inherit", annotation), "create", "--dry-run=server", "-f", "-").ExitCode == 0
	})
}

func TestDryRun(t *testing.T) {
	beside(t)
	result := kubectl(t, podYAML("dry", overlayAsDefault), "create", "--dry-run=server", "-f", "-")
	if result.ExitCode == 0 || !strings.Contains(result.Stderr, "[overlay-as-default-network]") {
		t.Errorf("a dry run is not refused:\n%s", result.Stderr)
	}
	mustKubectl(t, podYAML("dry", "k8s.v1.cni.cncf.io/networks: kube-system/macvlan-overlay-vlan0"), "create", "--dry-run=server", "-f", "-")
	if result := kubectl(t, "", "get", "pod", "dry"); result.ExitCode == 0 {
		t.Errorf("a dry run stores the pod")
	}
}

// deployment is the manifest of a Deployment whose pods have an annotation.
func deployment(name, annotation string) string {
	return fmt.Sprintf(`apiVersion: apps/v1
kind: Deployment
metadata: {name: %[1]s}
spec:
  selector: {matchLabels: {app: %[1]s}}
  template:
    metadata:
      labels: {app: %[1]s}
      annotations:
        %[2]s
    spec:
      containers:
      - {name: app, image: app:1}
`, name, annotation)
}

// Pods of a Deployment come without a name, by the controller manager.
func TestPodsOfDeployment(t *testing.T) {
	beside(t)
	mustKubectl(t, deployment("good", "k8s.v1.cni.cncf.io/networks: kube-system/macvlan-overlay-vlan0"), "apply", "-f", "-")
	wait.Until(t, "the good Deployment's pod", func() bool {
		return strings.HasPrefix(mustKubectl(t, "", "get", "pods", "-l", "app=good", "-o", "name"), "pod/good-")
	})
	// On the template it is a warning: the network may be applied later.
	mustKubectl(t, deployment("bad", "k8s.v1.cni.cncf.io/networks: kube-system/nowhere"), "apply", "-f", "-")
	wait.Until(t, "the refusal in the bad Deployment's status", func() bool {
		status := mustKubectl(t, "", "get", "deployment", "bad", "-o", "jsonpath={.status.conditions[?(@.type=='ReplicaFailure')].message}")
		return strings.Contains(status, "[network-not-found] metadata.annotations[k8s.v1.cni.cncf.io/networks]")
	})
	if pods := mustKubectl(t, "", "get", "pods", "-l", "app=bad", "-o", "name"); pods != "" {
		t.Errorf("the bad Deployment has pods: %s", pods)
	}
	mustKubectl(t, "", "delete", "deployment", "good", "bad")
}

func TestExemptNamespaceIsNotAsked(t *testing.T) {
	beside(t)
	mustKubectl(t, podYAML("exempt", overlayAsDefault), "create", "--namespace=kube-system", "-f", "-")
}
