package manifests

import (
	"os"
	"regexp"
	"slices"
	"testing"

	registrationv1 "k8s.io/api/admissionregistration/v1"
	"sigs.k8s.io/yaml"

	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
)

// annotationKey is one in an expression: what stands in quotes, and has a dot and a slash. An
// API version such as apps/v1 has no dot.
var annotationKey = regexp.MustCompile(`'([a-z0-9-]+\.[a-z0-9.-]+/[a-z0-9-]+)'`)

// A pod that carries an annotation which rules read, and no expression names, would pass
// unseen; one that they do not read would cost a call for nothing.
func TestMatchConditionsNameTheAnnotationsThatRulesRead(t *testing.T) {
	conditions := map[string][]registrationv1.MatchCondition{}
	var validating registrationv1.ValidatingWebhookConfiguration
	var mutating registrationv1.MutatingWebhookConfiguration
	for file, into := range map[string]any{"base/60-validating-webhook.yaml": &validating, "base/61-mutating-webhook.yaml": &mutating} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := yaml.UnmarshalStrict(text, into); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
	}
	for _, w := range validating.Webhooks {
		conditions["validating "+w.Name] = w.MatchConditions
	}
	for _, w := range mutating.Webhooks {
		conditions["mutating "+w.Name] = w.MatchConditions
	}
	expected := map[string][]string{
		"asks-for-networks-pools-or-addresses": pod.JudgedAnnotations,
		"changes-networks-pools-or-addresses":  pod.JudgedAnnotations,
		"asks-for-networks":                    pod.CompletedAnnotations,
		"names-no-pools":                       pod.PoolAnnotations,
	}
	seen := map[string]int{}
	for webhook, of := range conditions {
		for _, c := range of {
			var keys []string
			for _, match := range annotationKey.FindAllStringSubmatch(c.Expression, -1) {
				keys = append(keys, match[1])
			}
			want, known := expected[c.Name]
			if !known && len(keys) > 0 {
				t.Errorf("%s: condition %s names %q: say in this test which annotations these are", webhook, c.Name, keys)
			}
			if known {
				seen[c.Name]++
				slices.Sort(keys)
				if want := slices.Sorted(slices.Values(want)); !slices.Equal(keys, want) {
					t.Errorf("%s: condition %s names %q, and rules read %q", webhook, c.Name, keys, want)
				}
			}
		}
	}
	// Pods and workloads in validating admission, long labels in mutating admission.
	if seen["asks-for-networks-pools-or-addresses"] != 3 || seen["changes-networks-pools-or-addresses"] != 1 || seen["asks-for-networks"] != 1 || seen["names-no-pools"] != 1 {
		t.Errorf("conditions seen: %v", seen)
	}
}
