package manifests

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/macvlan-webhook/macvlan-webhook/test/controlplane"
	"github.com/macvlan-webhook/macvlan-webhook/test/deploy"
	"github.com/macvlan-webhook/macvlan-webhook/test/server"
	"github.com/macvlan-webhook/macvlan-webhook/test/wait"
)

// limitedPriorities is the admission configuration of GKE: outside of namespaces with a
// quota for it, no pod may have a critical priority.
const limitedPriorities = `apiVersion: apiserver.config.k8s.io/v1
kind: AdmissionConfiguration
plugins:
- name: ResourceQuota
  configuration:
    apiVersion: apiserver.config.k8s.io/v1
    kind: ResourceQuotaConfiguration
    limitedResources:
    - resource: pods
      matchScopes:
      - scopeName: PriorityClass
        operator: In
        values: [system-node-critical, system-cluster-critical]
`

// newCluster is one that has neither cert-manager nor leave for critical priorities.
func newCluster(t *testing.T) (*controlplane.ControlPlane, *kubernetes.Clientset) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "admission.yaml")
	if err := os.WriteFile(file, []byte(limitedPriorities), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := controlplane.Start(t.Context(), controlplane.Options{
		ControllerManager: true, APIServerArgs: map[string][]string{"admission-control-config-file": {file}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
	})
	client, err := kubernetes.NewForConfig(c.Config())
	if err != nil {
		t.Fatal(err)
	}
	return c, client
}

// ownFolder is a folder as the README has users make one, beside the manifests.
func ownFolder(t *testing.T, resource string) string {
	t.Helper()
	own := t.TempDir()
	text := fmt.Sprintf("resources: [manifests/%s]\nimages:\n- {name: macvlan-webhook, newName: registry.example/macvlan-webhook, newTag: v0.1.0}\n", resource)
	if err := os.WriteFile(filepath.Join(own, "kustomization.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(server.Root(), "manifests"), filepath.Join(own, "manifests")); err != nil {
		t.Fatal(err)
	}
	return own
}

// What is applied to a cluster that is not prepared for it.
func TestFirstApply(t *testing.T) {
	c, client := newCluster(t)
	kubectl := func(t *testing.T, args ...string) string {
		t.Helper()
		out, err := deploy.Kubectl(t.Context(), c, "", args...)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	asking := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "asking-", Annotations: map[string]string{networks: "a"}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "main"}}},
	}
	const install = "-f manifests/overlays/cert-manager/certificate.yaml &&"
	own := ownFolder(t, "overlays/cert-manager")

	t.Run("without cert-manager there are no webhooks", func(t *testing.T) {
		out, err := documentedRun(t, c, own, install)
		if err == nil || !strings.Contains(out, `no matches for kind "Certificate" in version "cert-manager.io/v1"`) {
			t.Errorf("%v:\n%s", err, out)
		}
		if left := kubectl(t, "get", "validatingwebhookconfigurations,mutatingwebhookconfigurations", "-o", "name"); left != "" {
			t.Errorf("there are %s", left)
		}
		if _, err := client.CoreV1().Pods("default").Create(t.Context(), asking.DeepCopy(), metav1.CreateOptions{}); err != nil {
			t.Errorf("a pod with networks: %v", err)
		}
	})

	if err := c.InstallCRDs("testdata/cert-manager.yaml"); err != nil {
		t.Fatal(err)
	}
	t.Run("with cert-manager the webhooks come when the certificate is there", func(t *testing.T) {
		// In the place of cert-manager.
		ctx, stop := context.WithCancel(t.Context())
		issued := make(chan error, 1)
		go func() {
			issued <- func() error {
				for {
					result, err := c.Kubectl(ctx, "", "--namespace=macvlan-webhook", "patch", "certificate", "macvlan-webhook-tls", "--type=merge",
						`--patch={"status":{"conditions":[{"type":"Ready","status":"True"}]}}`)
					if err != nil || result.ExitCode == 0 {
						return err
					}
				}
			}()
		}()
		out, err := documentedRun(t, c, own, install)
		stop()
		if err := <-issued; err != nil {
			t.Error(err)
		}
		if err != nil {
			t.Fatalf("%v:\n%s", err, out)
		}
		created := kubectl(t, "get", "validatingwebhookconfigurations,mutatingwebhookconfigurations",
			"-o", `jsonpath={range .items[*]}{.metadata.annotations.cert-manager\.io/inject-ca-from} {end}`)
		if want := strings.Repeat("macvlan-webhook/macvlan-webhook-tls ", 2); created != want {
			t.Errorf("caBundle comes from %q, want %q", created, want)
		}
	})

	t.Run("changing between cert-manager and the own CA leaves nothing behind", func(t *testing.T) {
		of := func(kinds string) string {
			return strings.Join(strings.Fields(kubectl(t, "--namespace=macvlan-webhook", "get", kinds, "-o", "name")), " ")
		}
		const roles, issuers = "roles,rolebindings", "certificates,issuers"
		kubectl(t, "--namespace=macvlan-webhook", "create", "secret", "generic", "macvlan-webhook-tls") // cert-manager's
		// From cert-manager to the base.
		kubectl(t, "apply", "-k", ownFolder(t, "base"))
		if of(roles) == "" || of(issuers) == "" {
			t.Fatalf("%s, %s: want both", of(roles), of(issuers))
		}
		runWithoutNodes(t, c, own, "kubectl delete -f manifests/overlays/cert-manager/certificate.yaml\n")
		if left := of(issuers + ",secrets"); left != "" {
			t.Errorf("after cert-manager there is %s", left)
		}
		if left := kubectl(t, "get", "validatingwebhookconfigurations,mutatingwebhookconfigurations", "-o", "yaml"); strings.Contains(left, "cert-manager.io") {
			t.Errorf("the configurations still name cert-manager:\n%s", left)
		}
		// And back.
		kubectl(t, "apply", "-k", own)
		runWithoutNodes(t, c, own, "delete role,rolebinding macvlan-webhook\n")
		if left := of(roles); left != "" {
			t.Errorf("after the own CA there is %s", left)
		}
	})

	t.Run("where critical priorities are limited the server has its own", func(t *testing.T) {
		// Without nodes no update ends: the pods of all that was applied before would count.
		kubectl(t, "--namespace=macvlan-webhook", "delete", "deployment", "macvlan-webhook")
		kubectl(t, "apply", "-k", "base")
		wait.Until(t, "both replicas have a pod", func() bool {
			pods, err := client.CoreV1().Pods(name).List(t.Context(), metav1.ListOptions{})
			if err != nil {
				t.Fatal(err)
			}
			// A rollout that was under way, and waits here for its pods to be ready, has one more.
			return len(pods.Items) >= 2
		})
		// The limit is in force: nobody else may, here without the quota.
		other := asking.DeepCopy()
		other.Annotations, other.Spec.PriorityClassName = nil, "system-cluster-critical"
		if _, err := client.CoreV1().Pods("default").Create(t.Context(), other, metav1.CreateOptions{}); err == nil || !strings.Contains(err.Error(), "insufficient quota to match these scopes") {
			t.Errorf("a pod with a critical priority in another namespace: %v", err)
		}
		// A rollout and an autoscaler have room.
		kubectl(t, "--namespace=macvlan-webhook", "scale", "deployment", "macvlan-webhook", "--replicas=8")
		wait.Until(t, "eight replicas have a pod", func() bool {
			pods, err := client.CoreV1().Pods(name).List(t.Context(), metav1.ListOptions{})
			if err != nil {
				t.Fatal(err)
			}
			return len(pods.Items) >= 8
		})
	})

	t.Run("and so has the installer on GKE", func(t *testing.T) {
		if _, err := client.CoreV1().Nodes().Create(t.Context(), &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n", Labels: map[string]string{corev1.LabelOSStable: "linux"}}}, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		kubectl(t, "apply", "-k", "installer/overlays/gke")
		wait.Until(t, "the node has a pod", func() bool {
			pods, err := client.CoreV1().Pods(installerNamespace).List(t.Context(), metav1.ListOptions{})
			if err != nil {
				t.Fatal(err)
			}
			return len(pods.Items) == 1
		})
	})
}

// runWithoutNodes is runDocumented without the wait for a rollout, which needs nodes.
func runWithoutNodes(t *testing.T, c *controlplane.ControlPlane, folder, text string) {
	t.Helper()
	commands := strings.SplitAfter(documented(t, text), "\n")
	if !strings.Contains(commands[0], "rollout status") {
		t.Errorf("nobody waits for the rollout before\n%s", documented(t, text))
	}
	if out, err := runCommands(t, c, folder, strings.Join(commands[1:], "")); err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
}
