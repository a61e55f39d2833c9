// Package manifests tests the manifests in its folders against a real API
// server.
package manifests

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/macvlan-webhook/macvlan-webhook/policy/text/document"
	"github.com/macvlan-webhook/macvlan-webhook/test/controlplane"
)

// name is that of nearly everything in the manifests.
const name = "macvlan-webhook"

var (
	cluster *controlplane.ControlPlane
	client  *kubernetes.Clientset
)

func TestMain(m *testing.M) {
	os.Exit(func() int {
		var err error
		cluster, err = controlplane.Start(context.Background(), controlplane.Options{ControllerManager: true})
		if err != nil {
			fmt.Fprintln(os.Stderr, "start the control plane:", err)
			return 1
		}
		status := 1
		if client, err = kubernetes.NewForConfig(cluster.Config()); err != nil {
			fmt.Fprintln(os.Stderr, "make a client:", err)
		} else {
			status = m.Run()
		}
		if err := cluster.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "stop the control plane:", err)
			return 1
		}
		return status
	}())
}

// apply runs kubectl apply on a folder, which must succeed without a warning:
// that is how the API server speaks of unknown fields, deprecations and pods
// that their namespace's security level refuses.
func apply(t *testing.T, folder string, flags ...string) {
	t.Helper()
	args := append([]string{"apply", "-k", folder, "--validate=strict"}, flags...)
	result, err := cluster.Kubectl(t.Context(), "", args...)
	if err != nil {
		t.Fatal(err)
	}
	if result.ExitCode != 0 || result.Stderr != "" {
		t.Fatalf("kubectl %s: exit status %d: %s", strings.Join(args, " "), result.ExitCode, result.Stderr)
	}
}

// eventually polls until the condition holds. The time is a bound for a machine
// that hangs, not an expectation.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	const bound = 2 * time.Minute
	for end := time.Now().Add(bound); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if condition() {
			return
		}
	}
	t.Fatalf("%s: not within %s", what, bound)
}

// The pods exist only if the namespace's security level, the priority class and
// the ServiceAccount all let them.
func TestBaseMakesPods(t *testing.T) {
	apply(t, "base")
	var pods *corev1.PodList
	eventually(t, "two pods", func() bool {
		var err error
		pods, err = client.CoreV1().Pods(name).List(t.Context(), metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return len(pods.Items) == 2
	})
	for _, pod := range pods.Items {
		// The value that Kubernetes gives system-cluster-critical.
		if pod.Spec.Priority == nil || *pod.Spec.Priority != 2_000_000_000 {
			t.Errorf("priority = %v, want that of system-cluster-critical", pod.Spec.Priority)
		}
		if cpu := pod.Spec.Containers[0].Resources.Limits.Cpu(); !cpu.IsZero() {
			t.Errorf("the CPU is limited to %s", cpu)
		}
	}
	budget, err := client.PolicyV1().PodDisruptionBudgets(name).Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the disruption budget counts the pods", func() bool {
		budget, err = client.PolicyV1().PodDisruptionBudgets(name).Get(t.Context(), name, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return budget.Status.ExpectedPods == 2
	})
}

func TestCertManagerOverlay(t *testing.T) {
	apply(t, "base")
	if err := cluster.InstallCRDs("testdata/cert-manager.yaml"); err != nil {
		t.Fatal(err)
	}
	apply(t, "overlays/cert-manager", "--dry-run=server")

	// The authority that the server would run itself is gone altogether.
	result, err := cluster.Kubectl(t.Context(), "", "kustomize", "overlays/cert-manager")
	if err != nil || result.ExitCode != 0 {
		t.Fatalf("kubectl kustomize: %v: %s", err, result.Stderr)
	}
	for _, part := range []string{"--cert-secret", "--webhook-configuration", "kind: Role\n", "kind: RoleBinding\n", "- secrets"} {
		if strings.Contains(result.Stdout, part) {
			t.Errorf("the overlay still has %q", part)
		}
	}
	inject := "cert-manager.io/inject-ca-from: macvlan-webhook/macvlan-webhook-tls\n"
	if got := strings.Count(result.Stdout, inject); got != 2 {
		t.Errorf("%d objects have the annotation %s, want both webhook configurations", got, inject)
	}

	// What a CA signed is valid after its renewal as long as it keeps its key.
	documents, err := document.Parse([]byte(result.Stdout))
	if err != nil {
		t.Fatal(err)
	}
	policies := map[string]string{}
	for _, d := range documents {
		var certificate struct {
			Kind     string
			Metadata struct{ Name string }
			Spec     struct {
				PrivateKey struct{ RotationPolicy string }
			}
		}
		if err := json.Unmarshal(d.JSON, &certificate); err != nil {
			t.Fatal(err)
		}
		if certificate.Kind == "Certificate" {
			policies[certificate.Metadata.Name] = certificate.Spec.PrivateKey.RotationPolicy
		}
	}
	if want := map[string]string{"macvlan-webhook-ca": "Never", "macvlan-webhook-tls": "Always"}; !maps.Equal(policies, want) {
		t.Errorf("rotation policies of keys: %q, want %q", policies, want)
	}
}
