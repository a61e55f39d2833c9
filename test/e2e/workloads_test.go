package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"github.com/macvlan-webhook/macvlan-webhook/policy"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
	"github.com/macvlan-webhook/macvlan-webhook/review"
	"github.com/macvlan-webhook/macvlan-webhook/test/deploy"
	"github.com/macvlan-webhook/macvlan-webhook/test/fixtures"
	"github.com/macvlan-webhook/macvlan-webhook/test/given"
	"github.com/macvlan-webhook/macvlan-webhook/test/wait"
)

// workloadKinds are the kinds that hold a template, and where it stands.
var workloadKinds = []struct {
	kind     string
	resource schema.GroupVersionResource
	template []string
	// spec is what the kind needs beside the template.
	spec map[string]any
	// policy of restarts that the kind accepts.
	restart string
}{
	{"Deployment", schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}, []string{"spec", "template"}, selected(), "Always"},
	{"StatefulSet", schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "statefulsets"}, []string{"spec", "template"}, selected(), "Always"},
	{"DaemonSet", schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "daemonsets"}, []string{"spec", "template"}, selected(), "Always"},
	{"ReplicaSet", schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "replicasets"}, []string{"spec", "template"}, selected(), "Always"},
	{"ReplicationController", schema.GroupVersionResource{Version: "v1", Resource: "replicationcontrollers"}, []string{"spec", "template"}, map[string]any{}, "Always"},
	{"Job", schema.GroupVersionResource{Group: "batch", Version: "v1", Resource: "jobs"}, []string{"spec", "template"}, map[string]any{}, "Never"},
	{"CronJob", schema.GroupVersionResource{Group: "batch", Version: "v1", Resource: "cronjobs"}, []string{"spec", "jobTemplate", "spec", "template"}, map[string]any{"schedule": "@yearly"}, "Never"},
}

func selected() map[string]any {
	return map[string]any{"selector": map[string]any{"matchLabels": map[string]any{"app": "templated"}}}
}

// inTemplate is a workload whose template is a pod.
func inTemplate(n int, pod []byte) (*unstructured.Unstructured, error) {
	k := workloadKinds[n]
	var object map[string]any
	if err := yaml.Unmarshal(pod, &object); err != nil {
		return nil, err
	}
	metadata := object["metadata"].(map[string]any)
	spec := object["spec"].(map[string]any)
	spec["restartPolicy"] = k.restart
	labels, _ := metadata["labels"].(map[string]any)
	if labels == nil {
		labels = map[string]any{}
	}
	labels["app"] = "templated"
	template := map[string]any{"metadata": map[string]any{"labels": labels, "annotations": metadata["annotations"]}, "spec": spec}
	workload := &unstructured.Unstructured{Object: map[string]any{"spec": k.spec}}
	workload = workload.DeepCopy()
	workload.SetAPIVersion(k.resource.GroupVersion().String())
	workload.SetKind(k.kind)
	workload.SetName("templated")
	namespace, _ := metadata["namespace"].(string)
	if namespace == "" {
		namespace = "default"
	}
	workload.SetNamespace(namespace)
	return workload, unstructured.SetNestedMap(workload.Object, template, k.template...)
}

// TestTemplates has every fixture of a pod in the template of every kind of
// workload: the API server says what the engine says of it from files, and of most
// of the fixtures that fail as pods it refuses the workload, with the path into its
// template.
func TestTemplates(t *testing.T) {
	t.Parallel()
	all, err := outcomes()
	if err != nil {
		t.Fatal(err)
	}
	inv := given.Inventory(t, string(fixtures.Inventory()))
	refused, onlyWarned := 0, 0
	for _, o := range all {
		if !ofPod(&o.Fixture) {
			continue
		}
		config, err := policy.ParseConfig(o.PolicyConfig())
		if err != nil {
			t.Fatal(err)
		}
		for n, k := range workloadKinds {
			workload, err := inTemplate(n, o.Text)
			if err != nil {
				t.Fatal(err)
			}
			text, err := workload.MarshalJSON()
			if err != nil {
				t.Fatal(err)
			}
			subject, err := pod.Decode(workload.GetAPIVersion(), k.kind, workload.GetNamespace(), text)
			if err != nil {
				t.Fatal(err)
			}
			v := review.JudgePod(t.Context(), inv, config, subject)
			deny := v.Decision() == verdict.Deny
			said := []string{o.templates[n]}
			if (said[0] != "") != deny {
				t.Errorf("%s in a %s: %s, want refused %t", o.Path, k.kind, said[0], deny)
			}
			if k.kind == "Deployment" {
				if o.applied != nil {
					said = append(said, o.applied.Stderr)
					if (o.applied.ExitCode != 0) != deny {
						t.Errorf("%s in a Deployment: refused %t, want %t\n%s", o.Path, !deny, deny, o.applied.Stderr)
					}
				}
				switch {
				case deny:
					refused++
				case o.Decision() == "deny":
					onlyWarned++
				}
			}
			for _, finding := range v.Findings {
				want := "[" + finding.Rule + "] " + strings.Join(k.template, ".") + "."
				for _, text := range said {
					if finding.Action == verdict.Deny && !strings.Contains(text, want) {
						t.Errorf("%s in a %s: the answer lacks %q:\n%s", o.Path, k.kind, want, text)
					}
				}
			}
		}
	}
	// What is missing may be applied later, and a template has a controller.
	if refused < 50 || onlyWarned > refused/4 {
		t.Errorf("%d failing fixtures are refused in a template, %d are not", refused, onlyWarned)
	}
}

// without runs something while a webhook configuration is gone, and waits until it
// is in force again.
func without(t *testing.T, resource string, again func() bool, do func()) {
	t.Helper()
	saved := mustKubectl(t, "", "get", resource, "macvlan-webhook", "-o", "json")
	mustKubectl(t, "", "delete", resource, "macvlan-webhook")
	do()
	var object unstructured.Unstructured
	if err := object.UnmarshalJSON([]byte(saved)); err != nil {
		t.Fatal(err)
	}
	object.SetResourceVersion("")
	object.SetUID("")
	text, err := object.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	mustKubectl(t, string(text), "create", "-f", "-")
	wait.Until(t, "the configuration is in force again", again)
}

// A Deployment that was there before the webhook, and breaks a rule, can be worked
// with: its author is told what will happen.
func TestDeploymentFromBefore(t *testing.T) {
	alone(t)
	without(t, "validatingwebhookconfiguration", func() bool {
		return strings.Contains(kubectl(t, podYAML("probe", overlayAsDefault), "create", "--dry-run=server", "-f", "-").Stderr, "overlay-as-default-network") &&
			strings.Contains(kubectl(t, deployment("probe", overlayAsDefault), "create", "--dry-run=server", "-f", "-").Stderr, "overlay-as-default-network")
	}, func() {
		mustKubectl(t, deployment("before", overlayAsDefault), "apply", "-f", "-")
	})
	defer func() {
		if _, err := deploy.Kubectl(context.Background(), cluster.ControlPlane, "", "delete", "deployment", "before"); err != nil {
			t.Error(err)
		}
	}()
	const warning = "Warning: the next pods of this Deployment will be refused: overlay-as-default-network"
	for _, args := range [][]string{
		{"scale", "deployment", "before", "--replicas=3"},
		{"rollout", "restart", "deployment", "before"},
		{"set", "image", "deployment/before", "app=app:2"},
		{"label", "deployment", "before", "team=a"},
	} {
		if result := kubectl(t, "", args...); result.ExitCode != 0 || !strings.Contains(result.Stderr, warning) {
			t.Errorf("kubectl %s: exit status %d\n%s", strings.Join(args, " "), result.ExitCode, result.Stderr)
		}
	}
	// The controller's own updates went through meanwhile.
	wait.Until(t, "the Deployment is observed", func() bool {
		generation, observed, _ := strings.Cut(mustKubectl(t, "", "get", "deployment", "before", "-o", "jsonpath={.metadata.generation}={.status.observedGeneration}"), "=")
		return generation == observed
	})
	result := kubectl(t, "", "patch", "deployment", "before", "--patch", `{"spec":{"template":{"metadata":{"annotations":{"k8s.v1.cni.cncf.io/networks":"kube-system/nowhere@lo"}}}}}`)
	if result.ExitCode == 0 || !strings.Contains(result.Stderr, "[interface-name-conflict] spec.template.metadata.annotations[k8s.v1.cni.cncf.io/networks]") {
		t.Errorf("a new mistake is let through:\n%s", result.Stderr)
	}
}

// The mode of a namespace is in force within seconds after its label has changed.
func TestNamespaceMode(t *testing.T) {
	alone(t)
	mustKubectl(t, "", "create", "namespace", "relaxed")
	defer mustKubectl(t, "", "delete", "namespace", "relaxed", "--wait=false")
	defer useConfig(t, nil)
	create := func(manifest string) string {
		result := kubectl(t, manifest, "create", "--dry-run=server", "--namespace=relaxed", "-f", "-")
		switch {
		case result.ExitCode != 0:
			return "deny " + result.Stderr
		case result.Stderr != "":
			return "warn " + result.Stderr
		default:
			return "allow"
		}
	}
	for _, step := range []struct{ label, config, pod, deployment string }{
		{"-", "", "deny", "deny"},
		{"=warn", "", "warn", "warn"},
		{"=off", "", "allow", "allow"},
		{"=enforce", "", "deny", "deny"},
		{"=off", "alwaysEnforce: [relaxed]", "deny", "deny"},
		{"=off", "relaxable: {matchLabels: {stage: test}}", "deny", "deny"},
		{"=off", "rules: {overlay-as-default-network: off}", "allow", "allow"},
		{"-", "rules: {overlay-as-default-network: warn}", "warn", "warn"},
	} {
		var config []byte
		if step.config != "" {
			config = policyConfig(step.config)
		}
		useConfig(t, config)
		mustKubectl(t, "", "label", "--overwrite", "namespace", "relaxed", "macvlan-webhook.io/mode"+step.label)
		wait.Until(t, fmt.Sprintf("label %s, %q: %s", step.label, step.config, step.pod), func() bool {
			return strings.HasPrefix(create(podYAML("moded", overlayAsDefault)), step.pod) && strings.HasPrefix(create(deployment("moded", overlayAsDefault)), step.deployment)
		})
	}
}
