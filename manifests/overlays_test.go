package manifests

import (
	"slices"
	"strings"
	"testing"

	registrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/macvlan-webhook/macvlan-webhook/policy"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// one is the object of a type in a folder; nil where there is none.
func one[T any](t *testing.T, folder string) *T {
	t.Helper()
	_, objects := rendered(t, folder)
	for _, object := range objects {
		if o, ok := object.(any).(*T); ok {
			return o
		}
	}
	return nil
}

// With the overlay observe nothing fails closed, nothing is changed, and nothing is refused.
func TestObserve(t *testing.T) {
	for _, w := range one[registrationv1.ValidatingWebhookConfiguration](t, "overlays/observe").Webhooks {
		if *w.FailurePolicy != registrationv1.Ignore {
			t.Errorf("%s: failurePolicy %s", w.Name, *w.FailurePolicy)
		}
	}
	if one[registrationv1.MutatingWebhookConfiguration](t, "overlays/observe") != nil {
		t.Error("there is a mutating configuration")
	}
	config, err := policy.ParseConfig([]byte(one[corev1.ConfigMap](t, "overlays/observe").Data["policy.yaml"]))
	if err != nil {
		t.Fatal(err)
	}
	if config.DefaultMode != verdict.ModeWarn || len(config.AlwaysEnforce) > 0 {
		t.Errorf("defaultMode %s, alwaysEnforce %q", config.DefaultMode, config.AlwaysEnforce)
	}
	if action := config.Action("ippool-default-missing", verdict.Deny); action != verdict.Off {
		t.Errorf("ippool-default-missing: %s, but nothing fills in default pools", action)
	}
	// It can be had with cert-manager as well.
	result, err := cluster.Kubectl(t.Context(), "", "kustomize", "testdata/observe-cert-manager")
	if err != nil || result.ExitCode != 0 {
		t.Fatalf("%v: %s", err, result.Stderr)
	}
	if text := result.Stdout; strings.Contains(text, "failurePolicy: Fail") || strings.Contains(text, "kind: Mutating") || !strings.Contains(text, "defaultMode: warn") || !strings.Contains(text, "kind: Certificate") {
		t.Errorf("with cert-manager:\n%s", text)
	}
}

// With the overlay opt-in no webhook about pods and workloads selects a namespace that does
// not ask for it, and those that opted in have what the base has.
func TestOptIn(t *testing.T) {
	mode := func(value string) labels.Set {
		return labels.Set{corev1.LabelMetadataName: "team-a", verdict.ModeLabel: value}
	}
	check := func(name string, rules []registrationv1.RuleWithOperations, base, optIn *metav1.LabelSelector) {
		selector := func(s *metav1.LabelSelector) labels.Selector {
			if s == nil {
				return labels.Everything() // for webhooks
			}
			parsed, err := metav1.LabelSelectorAsSelector(s)
			if err != nil {
				t.Fatal(err)
			}
			return parsed
		}
		was, is := selector(base), selector(optIn)
		if ofNetworks := slices.ContainsFunc(rules, func(r registrationv1.RuleWithOperations) bool {
			return slices.Contains([]string{"k8s.cni.cncf.io", "macvlan.cluster.cattle.io", "flatnetwork.pandaria.io"}, r.APIGroups[0])
		}); ofNetworks {
			if !is.Matches(labels.Set{corev1.LabelMetadataName: "kube-system"}) {
				t.Errorf("%s: networks of kube-system are not sent", name)
			}
			return
		}
		for want, sets := range map[bool][]labels.Set{
			true:  {mode("enforce"), mode("warn"), mode("Enforce"), mode("")},
			false: {mode("off"), {corev1.LabelMetadataName: "team-a"}, {corev1.LabelMetadataName: "team-a", "macvlan-webhook.io/other": "enforce"}},
		} {
			for _, set := range sets {
				if !was.Matches(set) {
					t.Errorf("%s: the base does not select %s", name, set)
				}
				if is.Matches(set) != want {
					t.Errorf("%s: selects %s: %t, want %t", name, set, !want, want)
				}
			}
		}
		for _, never := range []string{"kube-system", "macvlan-webhook"} {
			set := labels.Set{corev1.LabelMetadataName: never, verdict.ModeLabel: "enforce"}
			if is.Matches(set) || was.Matches(set) {
				t.Errorf("%s: selects %s", name, set)
			}
		}
	}
	base, optIn := one[registrationv1.ValidatingWebhookConfiguration](t, "base"), one[registrationv1.ValidatingWebhookConfiguration](t, "overlays/opt-in")
	for i, w := range optIn.Webhooks {
		was := base.Webhooks[i]
		check(w.Name, w.Rules, was.NamespaceSelector, w.NamespaceSelector)
		if w.Name != was.Name || *w.FailurePolicy != *was.FailurePolicy {
			t.Errorf("%s with %s, in the base %s with %s", w.Name, *w.FailurePolicy, was.Name, *was.FailurePolicy)
		}
	}
	mutating, changed := one[registrationv1.MutatingWebhookConfiguration](t, "base"), one[registrationv1.MutatingWebhookConfiguration](t, "overlays/opt-in")
	for i, w := range changed.Webhooks {
		check(w.Name, w.Rules, mutating.Webhooks[i].NamespaceSelector, w.NamespaceSelector)
	}
	if len(base.Webhooks) != len(optIn.Webhooks) || len(mutating.Webhooks) != len(changed.Webhooks) {
		t.Error("a webhook of the base is missing, or there is one more")
	}
}

// From observe to the base and back, by either kind of apply: what the docs say remains is
// all that remains.
func TestObserveAndBase(t *testing.T) {
	optedIn := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "opted-in", Labels: map[string]string{verdict.ModeLabel: "enforce"}}}
	if _, err := client.CoreV1().Namespaces().Create(t.Context(), optedIn, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, flags := range [][]string{nil, {"--server-side", "--force-conflicts"}} {
		t.Run(strings.Join(flags, " "), func(t *testing.T) {
			same := func(folder string) {
				t.Helper()
				result, err := cluster.Kubectl(t.Context(), "", append([]string{"diff", "-k", folder}, flags...)...)
				if err != nil || result.ExitCode != 0 {
					t.Errorf("%s is not what is in the cluster: %v: %s%s", folder, err, result.Stdout, result.Stderr)
				}
			}
			mutating := func() bool {
				_, err := client.AdmissionregistrationV1().MutatingWebhookConfigurations().Get(t.Context(), name, metav1.GetOptions{})
				if err != nil && !apierrors.IsNotFound(err) {
					t.Fatal(err)
				}
				return err == nil
			}
			apply(t, "base", flags...)
			apply(t, "overlays/observe", flags...)
			same("overlays/observe")
			if !mutating() {
				t.Error("kubectl removes the mutating configuration: the docs say that it does not")
			}
			runDocumented(t, cluster, ".", "kubectl delete mutatingwebhookconfiguration macvlan-webhook\n")
			if mutating() {
				t.Error("the mutating configuration is still there")
			}
			apply(t, "overlays/observe", flags...)
			if mutating() {
				t.Error("observe makes a mutating configuration")
			}
			// A pod that asks for networks waits for nobody.
			if _, err := create(t, "default", map[string]string{networks: "a"}, true); err != nil {
				t.Errorf("with observe, and nobody there to answer: %v", err)
			}
			apply(t, "overlays/opt-in", flags...)
			same("overlays/opt-in")
			eventually(t, "a namespace that opts in depends on the webhook, others do not", func() bool {
				_, err := create(t, "default", map[string]string{networks: "a"}, true)
				if err != nil {
					t.Fatalf("in a namespace that did not opt in: %v", err)
				}
				_, err = create(t, "opted-in", map[string]string{networks: "a"}, true)
				return err != nil && strings.Contains(err.Error(), "failed calling webhook")
			})
			apply(t, "base", flags...)
			same("base")
		})
	}
	deleteConfigurations(t)
}
