package e2e

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	"github.com/macvlan-webhook/macvlan-webhook/test/controlplane"
	"github.com/macvlan-webhook/macvlan-webhook/test/deploy"
	"github.com/macvlan-webhook/macvlan-webhook/test/fixtures"
	"github.com/macvlan-webhook/macvlan-webhook/test/wait"
)

// said are the warnings of one request after the other.
type said struct{ warnings []string }

// HandleWarningHeader implements [rest.WarningHandler].
func (s *said) HandleWarningHeader(_ int, _ string, text string) {
	s.warnings = append(s.warnings, text)
}

// all are the warnings since it was last asked.
func (s *said) all() []string {
	defer func() { s.warnings = nil }()
	return s.warnings
}

// submit has an object of a fixture written. A pod is really made, and deleted again; what
// others would feel is not kept.
func submit(ctx context.Context, client dynamic.Interface, text []byte) error {
	object := &unstructured.Unstructured{}
	if err := yaml.Unmarshal(text, &object.Object); err != nil {
		return err
	}
	resource, _ := meta.UnsafeGuessKindToResource(object.GroupVersionKind())
	if object.GetKind() == "NetworkAttachmentDefinition" {
		resource.Resource = "network-attachment-definitions"
	}
	objects := client.Resource(resource).Namespace(cmp.Or(object.GetNamespace(), "default"))
	if resource == (schema.GroupVersionResource{Version: "v1", Resource: "pods"}) {
		made, err := objects.Create(ctx, object, metav1.CreateOptions{})
		if err != nil {
			return err
		}
		return objects.Delete(ctx, made.GetName(), metav1.DeleteOptions{GracePeriodSeconds: new(int64(0))})
	}
	there, err := objects.Get(ctx, object.GetName(), metav1.GetOptions{})
	switch {
	case object.GetName() == "" || apierrors.IsNotFound(err):
		_, err = objects.Create(ctx, object, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	case err == nil:
		object.SetResourceVersion(there.GetResourceVersion())
		_, err = objects.Update(ctx, object, metav1.UpdateOptions{DryRun: []string{metav1.DryRunAll}})
	}
	return err
}

// With the overlay observe nothing that the base refuses is refused, be the server there or
// not; as long as it is, it says what it would refuse.
func TestObserveRefusesNothing(t *testing.T) {
	heavy(t)
	s, err := newSiteOf(t.Context(), deploy.Observe, controlplane.Options{})
	defer s.stop()
	if err != nil {
		t.Fatal(err)
	}
	policy, err := deploy.Kubectl(t.Context(), s.ControlPlane, "", "get", "configmap", deploy.PolicyConfigMap,
		"--namespace="+deploy.Namespace, `--output=jsonpath={.data.policy\.yaml}`)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.useConfig([]byte(policy)); err != nil {
		t.Fatal(err)
	}
	var said said
	config := s.Config()
	config.QPS, config.WarningHandler = -1, &said
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	all, err := fixtures.Load()
	if err != nil {
		t.Fatal(err)
	}
	// One configuration is in effect here: the overlay's own.
	all = slices.DeleteFunc(all, func(f fixtures.Fixture) bool {
		return f.Decision() != "deny" || f.Config != "" || f.Bypassed || f.Unasked
	})
	if len(all) < 200 {
		t.Fatalf("%d fixtures", len(all))
	}
	refuse := func(f fixtures.Fixture) bool {
		err := submit(t.Context(), client, f.Text)
		if err == nil {
			return false
		}
		// The API server itself refuses such a label, and asks nobody.
		if f.Rule != "label-value-too-long" || strings.Contains(err.Error(), "admission webhook") {
			t.Errorf("%s: %v", f.Path, err)
		}
		return true
	}
	pods := 0
	for _, f := range all {
		refused := refuse(f)
		warnings := said.all()
		if refused {
			continue
		}
		if ofPod(&f) {
			pods++
		}
		for _, finding := range f.Findings {
			if finding.Action == "deny" && !slices.ContainsFunc(warnings, func(w string) bool { return strings.Contains(w, finding.Rule) }) {
				t.Errorf("%s: no warning tells of %s: %q", f.Path, finding.Rule, warnings)
			}
		}
	}
	if pods < 100 {
		t.Errorf("%d pods were made", pods)
	}

	// A namespace may ask for more.
	if _, err := deploy.Kubectl(t.Context(), s.ControlPlane, "", "label", "namespace", "default", "macvlan-webhook.io/mode=enforce"); err != nil {
		t.Fatal(err)
	}
	strict := podYAML("strict", overlayAsDefault)
	wait.Until(t, "the namespace is enforced", func() bool {
		err := submit(t.Context(), client, []byte(strict))
		return err != nil && strings.Contains(err.Error(), "[overlay-as-default-network]")
	})

	if err := s.webhook.Stop(); err != nil {
		t.Fatal(err)
	}
	s.webhook = nil
	said.all()
	for _, f := range all {
		refuse(f)
	}
	if err := submit(t.Context(), client, []byte(strict)); err != nil {
		t.Errorf("in the namespace that is enforced: %v", err)
	}
	for _, w := range said.all() {
		if strings.Contains(w, "macvlan-webhook") {
			t.Errorf("without a server there is the warning %q", w)
		}
	}
}

var _ rest.WarningHandler = (*said)(nil)
