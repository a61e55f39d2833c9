package status

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/macvlan-webhook/macvlan-webhook/test/controlplane"
	"github.com/macvlan-webhook/macvlan-webhook/test/deploy"
	"github.com/macvlan-webhook/macvlan-webhook/test/server"
	"github.com/macvlan-webhook/macvlan-webhook/test/wait"
)

// works is what an installation that works says of each part.
var works = []string{
	`ok       ValidatingWebhookConfiguration: "macvlan-webhook" has `,
	"ok       pods.macvlan-webhook.io: while no replica answers, pods",
	"are refused (failurePolicy Fail)",
	"pass unchecked (failurePolicy Ignore)",
	`ok       MutatingWebhookConfiguration: "macvlan-webhook" has `,
	"ok       caBundle of the ValidatingWebhookConfiguration: 1 authority, valid for 36",
	"; the API server accepts the serving certificate",
	`ok       replicas: 2 of 2 are ready (Deployment "macvlan-webhook/macvlan-webhook")`,
	`ok       pod without networks: created as a dry run in namespace "default"`,
	"ok       pod with a broken annotation: refused by pods.macvlan-webhook.io",
	"ok       default pools: default-pools.macvlan-webhook.io answered",
	"ok       Deployment with a broken annotation: refused by workloads.macvlan-webhook.io",
	"ok       broken NetworkAttachmentDefinition: refused by networks.macvlan-webhook.io",
	"The webhook works in this cluster.\n",
}

func TestEverythingFine(t *testing.T) {
	expect(t, status(t), 0, works...)
	for _, kind := range []string{"pods", "deployments", "network-attachment-definitions"} {
		if left := mustKubectl(t, "", "get", kind, "-o", "name"); left != "" {
			t.Errorf("a dry run left %s", left)
		}
	}
}

func TestJSON(t *testing.T) {
	result := status(t, "-o", "json")
	var report struct {
		APIVersion, Kind, State string
		Checks                  []struct{ Check, State, Message string }
	}
	if err := json.Unmarshal([]byte(result.Stdout), &report); err != nil {
		t.Fatal(err)
	}
	if result.ExitCode != 0 || report.APIVersion != "macvlan-webhook.io/v1alpha1" || report.Kind != "StatusReport" || report.State != "ok" {
		t.Errorf("exit status %d, report %+v", result.ExitCode, report)
	}
	found := map[string]string{}
	for _, c := range report.Checks {
		found[c.Check] = c.State
	}
	for _, check := range []string{"pods.macvlan-webhook.io", "replicas", "default pools", "pod with a broken annotation"} {
		if found[check] != "ok" {
			t.Errorf("check %q is %q", check, found[check])
		}
	}
}

func TestServerStopped(t *testing.T) {
	stopServer(t)
	expect(t, status(t), 1,
		`ok       pod without networks: created`,
		`problem  default pools: Internal error occurred: failed calling webhook "default-pools.macvlan-webhook.io": failed to call webhook: Post `,
		"connect: connection refused\n         To do: no replica listens",
		"problem  pod with a broken annotation: refused unchecked, since default-pools.macvlan-webhook.io does not answer",
		"problem  Deployment with a broken annotation: let through without a word: workloads.macvlan-webhook.io was not answered",
		"!accepts the serving certificate")
}

func TestWait(t *testing.T) {
	if err := cluster.webhook.Stop(); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr wait.Log
	waiting := exec.CommandContext(t.Context(), server.Binary("kubectl-macvlan"), "status", "--kubeconfig="+cluster.Kubeconfig(), "--wait="+wait.Patience.String())
	waiting.Stdout, waiting.Stderr = &stdout, &stderr
	if err := waiting.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- waiting.Wait() }()
	wait.Until(t, "it waits", func() bool { return strings.Contains(stderr.String(), "kubectl-macvlan: waiting: ") })
	if err := cluster.startWebhook(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("%v\n%s%s", err, stdout.String(), stderr.String())
	}
	expect(t, controlplane.Result{Stdout: stdout.String()}, 0, works...)
}

// What waiting does not change is not waited for.
func TestWaitEnds(t *testing.T) {
	expect(t, status(t, "-n", "kube-system", "--wait="+(100*wait.Patience).String()), 2, "leaves out namespace", "!waiting")
	stopServer(t)
	expect(t, status(t, "--wait=1s"), 1, "kubectl-macvlan: waiting: ", "connection refused")
}

func TestConfigurationsAbsent(t *testing.T) {
	keep(t)
	mustKubectl(t, "", "delete", mutating, "macvlan-webhook")
	expect(t, status(t), 1,
		`problem  MutatingWebhookConfiguration: there is none named "macvlan-webhook": no default pools are filled in`,
		"ok       pod with a broken annotation", "!default pools:")
	mustKubectl(t, "", "delete", validating, "macvlan-webhook")
	expect(t, status(t), 1,
		`problem  ValidatingWebhookConfiguration: there is none named "macvlan-webhook": nothing is checked`,
		"note     pod with a broken annotation: not tried",
		`ok       Service: 1 endpoint of "macvlan-webhook/macvlan-webhook" is ready`)
	expect(t, status(t, "--webhook-namespace=default"), 1,
		`problem  Service: no endpoint of "default/macvlan-webhook" is ready`,
		`problem  replicas: there is no Deployment "default/macvlan-webhook"`)
}

func TestForeignAuthority(t *testing.T) {
	keep(t)
	_, foreign, err := server.Loopback()
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{validating, mutating} {
		change(t, kind, func(webhook map[string]any) {
			webhook["clientConfig"].(map[string]any)["caBundle"] = base64.StdEncoding.EncodeToString(foreign)
		})
	}
	wait.Until(t, "the API server trusts another authority", func() bool { return status(t).ExitCode == 1 })
	expect(t, status(t), 1,
		"problem  caBundle of the MutatingWebhookConfiguration: the API server does not accept the serving certificate: x509: certificate signed by unknown authority",
		"ok       replicas", "caBundle is not that of the authority in use")

	change(t, validating, func(webhook map[string]any) {
		webhook["clientConfig"].(map[string]any)["caBundle"] = base64.StdEncoding.EncodeToString([]byte("hello"))
	})
	change(t, mutating, func(webhook map[string]any) { delete(webhook["clientConfig"].(map[string]any), "caBundle") })
	expect(t, status(t), 1,
		`problem  caBundle of the ValidatingWebhookConfiguration: cannot be read in "pods.macvlan-webhook.io"`,
		`problem  caBundle of the MutatingWebhookConfiguration: `)
}

func TestWithoutRights(t *testing.T) {
	nobody, err := cluster.KubeconfigFor("nobody")
	if err != nil {
		t.Fatal(err)
	}
	expect(t, status(t, "--kubeconfig="+nobody), 2,
		`User "nobody" cannot get resource "validatingwebhookconfigurations"`,
		`User "nobody" cannot get resource "mutatingwebhookconfigurations"`,
		`User "nobody" cannot get resource "deployments" in API group "apps" in the namespace "macvlan-webhook"`,
		`User "nobody" cannot list resource "endpointslices"`,
		`unknown  pod with a broken annotation: pods is forbidden: User "nobody" cannot create resource "pods"`,
		"could not be found out")

	// An application team: what its own pods tell is told.
	clerk, err := cluster.KubeconfigFor("clerk")
	if err != nil {
		t.Fatal(err)
	}
	namespace(t, "clerks")
	mustKubectl(t, "", "create", "role", "clerk", "--verb=create", "--resource=pods,deployments.apps,network-attachment-definitions.k8s.cni.cncf.io", "--namespace=clerks")
	mustKubectl(t, "", "create", "rolebinding", "clerk", "--role=clerk", "--user=clerk", "--namespace=clerks")
	var result controlplane.Result
	wait.Until(t, "the API server knows the role", func() bool {
		result = status(t, "--kubeconfig="+clerk, "-n", "clerks")
		return strings.Contains(result.Stdout, "ok       Deployment with a broken annotation")
	})
	expect(t, result, 2,
		`User "clerk" cannot get resource "validatingwebhookconfigurations"`,
		`ok       pod without networks: created as a dry run in namespace "clerks"`,
		`ok       pod with a broken annotation: refused by pods.macvlan-webhook.io in namespace "clerks"`)
}

func TestModes(t *testing.T) {
	namespace(t, "lenient", "macvlan-webhook.io/mode=warn")
	namespace(t, "unchecked", "macvlan-webhook.io/mode=off")
	wait.Until(t, "the server knows the labels", func() bool {
		return len(unmet(status(t, "-n", "lenient"), 0, `ok       pod with a broken annotation: warned of in namespace "lenient"`, "ok       default pools")) == 0 &&
			len(unmet(status(t, "-n", "unchecked"), 2, `unknown  pod with a broken annotation: not tried: namespace "unchecked" has the label macvlan-webhook.io/mode=off`)) == 0
	})
	expect(t, status(t, "-n", "lenient"), 0,
		`ok       Deployment with a broken annotation: warned of in namespace "lenient"`, "The webhook works in this cluster.")
}

// An installation that only observes has no mutating configuration, and lets pods pass
// while nobody answers, which is then a problem all the same.
func TestObserving(t *testing.T) {
	keep(t)
	mustKubectl(t, "", "delete", mutating, "macvlan-webhook")
	change(t, validating, func(webhook map[string]any) { webhook["failurePolicy"] = "Ignore" })
	wait.Until(t, "the API server knows the configurations", func() bool { return status(t).ExitCode == 0 })
	expect(t, status(t), 0,
		"note     MutatingWebhookConfiguration: there is none: this installation observes, and fills in nothing",
		"ok       pods.macvlan-webhook.io: while no replica answers, pods", "!are refused (failurePolicy Fail)")
	stopServer(t)
	expect(t, status(t), 1,
		"problem  pod with a broken annotation: let through without a word: pods.macvlan-webhook.io was not answered, which failurePolicy Ignore hides")
}

func TestNamespaces(t *testing.T) {
	expect(t, status(t, "-n", "kube-system"), 2,
		`unknown  pod with a broken annotation: not tried: the namespaceSelector of pods.macvlan-webhook.io leaves out namespace "kube-system"`,
		"ok       broken NetworkAttachmentDefinition: refused")
	expect(t, status(t, "-n", "nowhere"), 2, `there is no namespace "nowhere" to try the webhook in: name another one with -n`)

	// A kubeconfig that stands in such a namespace by itself.
	own := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(own, []byte(mustKubectl(t, "", "config", "view", "--raw", "--flatten")), 0o600); err != nil {
		t.Fatal(err)
	}
	mustKubectl(t, "", "config", "set-context", "--current", "--namespace="+deploy.Namespace, "--kubeconfig="+own)
	expect(t, status(t, "--kubeconfig="+own), 0,
		`note     namespace: tried in "default", since pods of namespace "macvlan-webhook" are not judged`,
		"The webhook works in this cluster.")

	// An installation for namespaces that opt in.
	keep(t)
	for _, kind := range []string{validating, mutating} {
		change(t, kind, func(webhook map[string]any) {
			if webhook["namespaceSelector"].(map[string]any)["matchExpressions"] != nil {
				webhook["namespaceSelector"] = map[string]any{"matchLabels": map[string]any{"opted": "in"}}
			}
		})
	}
	wait.Until(t, "the API server knows the selectors", func() bool {
		return len(unmet(status(t), 2, `unknown  pod with a broken annotation: not tried: the namespaceSelector of pods.macvlan-webhook.io leaves out namespace "default"`)) == 0
	})
	namespace(t, "opted-in", "opted=in")
	wait.Until(t, "the server knows the namespace", func() bool {
		return len(unmet(status(t), 0, `note     namespace: tried in "opted-in", since pods of namespace "default" are not judged`)) == 0
	})
}

// Whatever else refuses pods is not laid at the webhook's door.
func TestRefusedByOthers(t *testing.T) {
	namespace(t, "strict", "pod-security.kubernetes.io/enforce=restricted")
	mustKubectl(t, "{apiVersion: v1, kind: ResourceQuota, metadata: {name: full, namespace: strict}, spec: {hard: {pods: 0}}}", "create", "-f", "-")
	wait.Until(t, "the server knows the namespace", func() bool { return status(t, "-n", "strict").ExitCode == 0 })

	namespace(t, "closed", "closed=yes")
	mustKubectl(t, closed, "create", "-f", "-")
	afterwards(t, func(ctx context.Context) error {
		_, err := deploy.Kubectl(ctx, cluster.ControlPlane, "", "delete", "validatingadmissionpolicy,validatingadmissionpolicybinding", "closed")
		return err
	})
	wait.Until(t, "the policy is in effect", func() bool {
		return len(unmet(status(t, "-n", "closed"), 2,
			`note     pod without networks: not tried, since something other than this webhook refuses it in namespace "closed"`,
			`unknown  pod with a broken annotation: not tried, since something other than this webhook refuses it in namespace "closed"`,
			"no pods here")) == 0
	})
}

const closed = `apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: closed}
spec:
  matchConstraints: {resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}]}
  validations: [{expression: "false", message: no pods here}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: closed}
spec: {policyName: closed, validationActions: [Deny], matchResources: {namespaceSelector: {matchLabels: {closed: "yes"}}}}
`

func TestReplicasMissing(t *testing.T) {
	if err := cluster.setReady(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	afterwards(t, func(ctx context.Context) error { return cluster.setReady(ctx, 2) })
	expect(t, status(t), 1, `problem  replicas: 1 of 2 are ready (Deployment "macvlan-webhook/macvlan-webhook")`, "1 problem.\n")
}

func TestMatchConditions(t *testing.T) {
	keep(t)
	change(t, mutating, func(webhook map[string]any) {
		webhook["matchConditions"] = []any{map[string]any{"name": "unguarded", "expression": "'b' in object.metadata.finalizers"}}
	})
	wait.Until(t, "the API server knows the expression", func() bool { return status(t).ExitCode == 1 })
	expect(t, status(t), 1,
		"problem  pod without networks: ", "resulted in error: no such key: finalizers",
		"matchConditions of default-pools.macvlan-webhook.io are not those of the manifests")
}

func TestMultusIsNotInstalled(t *testing.T) {
	crd := filepath.Join(server.Root(), "test", "controlplane", "crds", "network-attachment-definition.yaml")
	mustKubectl(t, "", "delete", "-f", crd)
	afterwards(t, func(ctx context.Context) error {
		_, created := deploy.Kubectl(ctx, cluster.ControlPlane, "", "create", "-f", crd)
		_, established := deploy.Kubectl(ctx, cluster.ControlPlane, "", "wait", "--for=condition=Established", "--timeout="+wait.Patience.String(), "-f", crd)
		return errors.Join(created, established)
	})
	expect(t, status(t), 0, "note     broken NetworkAttachmentDefinition: not tried: Multus is not installed here")
}
