package controlplane

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/macvlan-webhook/macvlan-webhook/test/wait"
)

// running is one control plane with everything on, shared by the tests.
var running *ControlPlane

func TestMain(m *testing.M) {
	os.Exit(func() int {
		var err error
		running, err = Start(context.Background(), Options{ControllerManager: true, Scheduler: true, Audit: true})
		if err != nil {
			fmt.Fprintln(os.Stderr, "start the control plane:", err)
			return 1
		}
		if os.Getenv(cutOff) != "" {
			waitToBeKilled()
		}
		status := m.Run()
		if err := running.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "stop the control plane:", err)
			return 1
		}
		return status
	}())
}

// cutOff marks a run of these tests that is killed, and what it has started. Its value
// tells one from the other.
const cutOff = "MACVLAN_WEBHOOK_TEST_CUT_OFF"

// waitToBeKilled is what a run does that is to be killed, when its control plane runs.
func waitToBeKilled() {
	fmt.Println("started")
	select {}
}

// kubectl runs kubectl, which must succeed, and returns what it printed.
func kubectl(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	result, err := running.Kubectl(t.Context(), stdin, args...)
	if err != nil {
		t.Fatal(err)
	}
	if result.ExitCode != 0 {
		t.Fatalf("kubectl %s: exit status %d: %s", strings.Join(args, " "), result.ExitCode, result.Stderr)
	}
	return result.Stdout
}

// A plugin runs as a user has it run, whatever makes kubectl itself faster.
func TestPluginCollectsGarbage(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "kubectl-show"), []byte("#!/bin/sh\necho \"GOGC=$GOGC\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", folder+string(os.PathListSeparator)+os.Getenv("PATH"))
	if got := kubectl(t, "", "show"); got != "GOGC=\n" {
		t.Errorf("the plugin has %q", got)
	}
}

func TestNetworkAttachmentDefinition(t *testing.T) {
	kubectl(t, `
apiVersion: k8s.cni.cncf.io/v1
kind: NetworkAttachmentDefinition
metadata: {name: vlan100, namespace: default}
spec:
  config: '{"cniVersion":"1.0.0","type":"macvlan","master":"eth1.100"}'
`, "apply", "-f", "-")
	got := kubectl(t, "", "get", "net-attach-def", "vlan100", "-o", "jsonpath={.spec.config}")
	if want := `{"cniVersion":"1.0.0","type":"macvlan","master":"eth1.100"}`; got != want {
		t.Errorf("config = %s, want %s", got, want)
	}
	result, err := running.Kubectl(t.Context(), `
apiVersion: k8s.cni.cncf.io/v1
kind: NetworkAttachmentDefinition
metadata: {name: wrong, namespace: default}
spec: {config: 7}
`, "apply", "-f", "-")
	if err != nil {
		t.Fatal(err)
	}
	if result.ExitCode != 1 || !strings.Contains(result.Stderr, "spec.config") {
		t.Errorf("a config that is no text: exit status %d, standard error %q; want 1 and the field's path", result.ExitCode, result.Stderr)
	}
}

// A Deployment becomes a ReplicaSet and a pod only when the controller manager
// works, and the pod is judged only when the scheduler does.
func TestDeploymentGetsPod(t *testing.T) {
	kubectl(t, `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: default}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: web}]}
`, "apply", "-f", "-")
	reason := ""
	wait.Until(t, "pod judged by the scheduler", func() bool {
		reason = kubectl(t, "", "get", "pods", "-l", "app=web",
			"-o", `jsonpath={.items[*].status.conditions[?(@.type=="PodScheduled")].reason}`)
		return reason != ""
	})
	if reason != "Unschedulable" {
		t.Errorf("reason = %q, want Unschedulable: there are no nodes", reason)
	}
}

func TestServiceAccountToken(t *testing.T) {
	kubectl(t, "", "create", "serviceaccount", "reader")
	kubectl(t, "", "create", "role", "read-secrets", "--verb=get", "--resource=secrets", "--resource-name=allowed")
	kubectl(t, "", "create", "rolebinding", "read-secrets", "--role=read-secrets", "--serviceaccount=default:reader")
	kubectl(t, "", "create", "secret", "generic", "allowed")
	kubeconfig, err := running.KubeconfigForServiceAccount(t.Context(), "default", "reader")
	if err != nil {
		t.Fatal(err)
	}
	checkAccess(t, kubeconfig, "system:serviceaccount:default:reader")

	if _, err := running.KubeconfigForServiceAccount(t.Context(), "default", "absent"); err == nil {
		t.Error("a token for a ServiceAccount that does not exist")
	}
}

func TestUserWithGroup(t *testing.T) {
	kubectl(t, "", "create", "role", "read-allowed", "--verb=get", "--resource=secrets", "--resource-name=allowed-to-group")
	kubectl(t, "", "create", "rolebinding", "read-allowed", "--role=read-allowed", "--group=readers")
	kubectl(t, "", "create", "secret", "generic", "allowed-to-group")
	member, err := running.KubeconfigFor("jane", "readers")
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := running.KubeconfigFor("jane")
	if err != nil {
		t.Fatal(err)
	}
	kubectl(t, "", "--kubeconfig", member, "get", "secret", "allowed-to-group")
	forbidden(t, "jane", "--kubeconfig", stranger, "get", "secret", "allowed-to-group")
}

// checkAccess demands that the user of the kubeconfig file is who it should be,
// may read the one secret, and may read no other.
func checkAccess(t *testing.T, kubeconfig, user string) {
	t.Helper()
	if got := kubectl(t, "", "--kubeconfig", kubeconfig, "auth", "whoami", "-o", "jsonpath={.status.userInfo.username}"); got != user {
		t.Errorf("user = %q, want %q", got, user)
	}
	kubectl(t, "", "--kubeconfig", kubeconfig, "get", "secret", "allowed")
	forbidden(t, user, "--kubeconfig", kubeconfig, "get", "secret", "other")
}

func forbidden(t *testing.T, user string, args ...string) {
	t.Helper()
	result, err := running.Kubectl(t.Context(), "", args...)
	if err != nil {
		t.Fatal(err)
	}
	if result.ExitCode != 1 || !strings.Contains(result.Stderr, "Forbidden") || !strings.Contains(result.Stderr, user) {
		t.Errorf("kubectl %s: exit status %d, standard error %q; want 1 and that %s is forbidden",
			strings.Join(args, " "), result.ExitCode, result.Stderr, user)
	}
}

func TestAuditLog(t *testing.T) {
	kubectl(t, "", "create", "configmap", "audited", "--from-literal=key=content-of-the-map")
	file, err := os.Open(running.AuditLog())
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	type event struct {
		Level, Stage, Verb string
		ObjectRef          struct{ Resource, Namespace, Name string }
	}
	found := 0
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatalf("line %q: %v", lines.Text(), err)
		}
		if strings.Contains(lines.Text(), "content-of-the-map") {
			t.Errorf("line %q holds the request's body", lines.Text())
		}
		if e.Verb != "create" || e.ObjectRef.Name != "audited" {
			continue
		}
		found++
		want := event{Level: "Metadata", Stage: "ResponseComplete", Verb: "create"}
		want.ObjectRef.Resource, want.ObjectRef.Namespace, want.ObjectRef.Name = "configmaps", "default", "audited"
		if e != want {
			t.Errorf("event = %+v, want %+v", e, want)
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	if found != 1 {
		t.Errorf("%d events for one request", found)
	}
}

func TestInstallCRDs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "crd.yaml")
	definition := strings.NewReplacer("network-attachment-definition", "gadget", "NetworkAttachmentDefinition", "Gadget",
		"net-attach-def", "gd", "k8s.cni.cncf.io", "example.com").Replace(readFile(t, "crds/network-attachment-definition.yaml"))
	if err := os.WriteFile(path, []byte(definition), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := running.InstallCRDs(path); err != nil {
		t.Fatal(err)
	}
	kubectl(t, "{apiVersion: example.com/v1, kind: Gadget, metadata: {name: g, namespace: default}}", "create", "-f", "-")

	if err := running.InstallCRDs(filepath.Join(t.TempDir(), "absent.yaml")); err == nil {
		t.Error("a file that does not exist was installed")
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
