package review_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	registrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/document"
	"github.com/macvlan-webhook/macvlan-webhook/review"
)

// read decodes the only document of a manifest.
func read(t *testing.T, name string, into any) {
	t.Helper()
	text, err := os.ReadFile("../manifests/base/" + name)
	if err != nil {
		t.Fatal(err)
	}
	docs, err := document.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	if len(docs) != 1 {
		t.Fatalf("%s has %d documents", name, len(docs))
	}
	if err := yaml.UnmarshalStrict(docs[0].JSON, into); err != nil {
		t.Fatal(err)
	}
}

// sent lists what rules of webhooks send, as group/version/resource and operation.
func sent(rules []registrationv1.RuleWithOperations) []string {
	var all []string
	for _, r := range rules {
		for _, group := range r.APIGroups {
			for _, version := range r.APIVersions {
				for _, resource := range r.Resources {
					for _, operation := range r.Operations {
						all = append(all, strings.Join([]string{group, version, resource, string(operation)}, " "))
					}
				}
			}
		}
	}
	return all
}

// judged lists what is judged in the same form.
func judged(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, k := range review.Kinds() {
		gv, err := schema.ParseGroupVersion(k.APIVersion)
		if err != nil {
			t.Fatal(err)
		}
		line := func(resource string, o review.Operation) {
			all = append(all, strings.Join([]string{gv.Group, gv.Version, resource, string(o)}, " "))
		}
		for _, o := range k.Operations {
			line(k.Resource, o)
		}
		for _, o := range k.Subresource.Operations {
			line(k.Subresource.Path, o)
		}
		if k.Scaled {
			line(k.Resource+"/scale", review.Update)
		}
	}
	slices.Sort(all)
	return all
}

// The webhook configurations send what is judged, and nothing else: each once, but that
// pods go to two mutating webhooks.
func TestWebhooksSendWhatIsJudged(t *testing.T) {
	var validating registrationv1.ValidatingWebhookConfiguration
	read(t, "60-validating-webhook.yaml", &validating)
	var got []string
	for _, w := range validating.Webhooks {
		got = append(got, sent(w.Rules)...)
	}
	slices.Sort(got)
	if want := judged(t); !slices.Equal(got, want) {
		t.Errorf("validating webhooks send\n%s\njudged is\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}

	var mutating registrationv1.MutatingWebhookConfiguration
	read(t, "61-mutating-webhook.yaml", &mutating)
	got = nil
	for _, w := range mutating.Webhooks {
		got = append(got, sent(w.Rules)...)
	}
	slices.Sort(got)
	var want []string
	for _, k := range review.Kinds() {
		for _, o := range k.Operations {
			if gv, _ := schema.ParseGroupVersion(k.APIVersion); k.Completes(o) {
				want = append(want, strings.Join([]string{gv.Group, gv.Version, k.Resource, string(o)}, " "))
			}
		}
	}
	slices.Sort(want)
	if got = slices.Compact(got); !slices.Equal(got, want) {
		t.Errorf("mutating webhooks send\n%s\nfilled in is\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestKinds(t *testing.T) {
	for _, k := range review.Kinds() {
		found, ok := review.KindOf(k.APIVersion, k.Kind)
		if !ok || found.Resource != k.Resource {
			t.Errorf("%s %s is found as %+v", k.APIVersion, k.Kind, found)
		}
		for _, o := range []review.Operation{review.Create, review.Update, review.Delete} {
			if got := k.JudgesAt(k.Resource, o); got != k.Judges(o) {
				t.Errorf("%s of %s is judged: %t", o, k.Resource, got)
			}
			if k.JudgesAt("pods/ephemeralcontainers", o) {
				t.Errorf("%s: %s of pods/ephemeralcontainers is judged", k.Kind, o)
			}
		}
		if k.HoldsPods() != pod.HoldsPod(k.APIVersion, k.Kind) {
			t.Errorf("%s %s: holds pods: %t", k.APIVersion, k.Kind, k.HoldsPods())
		}
	}
	for _, other := range [][2]string{{"v1", "Deployment"}, {"apps/v1beta1", "Deployment"}, {"v1", "Secret"}, {"", ""}} {
		if k, ok := review.KindOf(other[0], other[1]); ok {
			t.Errorf("%q is judged as %+v", other, k)
		}
	}
}

// A kind that holds pods and is not in the list would never be judged.
func TestEveryKindThatHoldsPodsIsJudged(t *testing.T) {
	for _, c := range pod.Kinds() {
		if kind, ok := review.KindOf(c.APIVersion, c.Kind); !ok || !kind.HoldsPods() {
			t.Errorf("%s of %s holds pods and is not judged", c.Kind, c.APIVersion)
		}
	}
}
