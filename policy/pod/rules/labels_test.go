package rules

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// listOf is n addresses with - between them.
func listOf(n int, format string) string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf(format, i+1)
	}
	return strings.Join(list, "-")
}

// A list in a label is counted like one in the annotation of that name, unless there is
// one. No API server takes a label with so many.
func TestPairsInLabels(t *testing.T) {
	const (
		many    = "deny too-many-address-pairs"
		ignored = "warn flat-network-annotation-invalid"
		long    = "deny label-value-too-long"
	)
	asks := flatAnnotations(v2, "vlan300", "auto", "")
	for _, tt := range []struct {
		name, key, value string
		annotations      map[string]string
		want             []string
	}{
		{"14 of V2", v2.MACAnnotation(), listOf(14, "02:00:5e:00:00:%02x"), asks, []string{ignored, long}},
		{"15 of V2", v2.MACAnnotation(), listOf(15, "02:00:5e:00:00:%02x"), asks, []string{ignored, many, long}},
		{"14 of V1", v1.IPAnnotation(), listOf(14, "10.30.0.%d"), nil, []string{ignored, long}},
		{"15 of V1", v1.IPAnnotation(), listOf(15, "10.30.0.%d"), nil, []string{ignored, many, long}},
		{"15 beside the annotation", v2.IPAnnotation(), listOf(15, "10.30.0.%d"), asks, []string{ignored, long}},
		{"15 under another name", "addresses", listOf(15, "10.30.0.%d"), asks, []string{long}},
		{"auto", v2.MACAnnotation(), "auto", asks, nil},
		{"64 bytes", "owner", strings.Repeat("a", 64), asks, []string{long}},
		{"63 bytes", "owner", strings.Repeat("a", 63), asks, nil},
		// Kubernetes counts bytes, and has more to say of such a value.
		{"32 characters of two bytes", "owner", strings.Repeat("é", 32), asks, []string{long}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := subjectOf(identity("Pod", "web", ""), tt.annotations)
			s.Labels = map[string]string{tt.key: tt.value}
			v := (&flatCluster{}).judge(t, s, config.Default())
			if got := ids(v); got != strings.Join(tt.want, ", ") {
				t.Errorf("%q, want %q", got, tt.want)
			}
			if long, about := slices.Contains(tt.want, long), JudgeLabels(s, config.Default()); HasLongLabel(s) != long || (ids(about) == "deny label-value-too-long") != long {
				t.Errorf("a long label: %t, findings about labels: %v", HasLongLabel(s), about.Findings)
			}
			for _, f := range v.Findings {
				if want := "metadata.labels[" + tt.key + "]"; f.Path() != want {
					t.Errorf("%s at %s, want %s", f.Rule, f.Path(), want)
				}
			}
		})
	}
}

// What the configuration says of the rule and of namespaces counts here as well.
func TestJudgeLabels(t *testing.T) {
	s := subjectOf(identity("Pod", "web", ""), nil)
	s.Labels = map[string]string{"owner": strings.Repeat("a", 64)}
	for cfg, want := range map[string]string{
		"rules: {label-value-too-long: warn}": "warn label-value-too-long",
		"rules: {label-value-too-long: off}":  "",
		"exempt: {namespaces: [team-a]}":      "",
		"limits: {addressPairs: 3}":           "deny label-value-too-long",
	} {
		c, err := config.Parse([]byte("apiVersion: "+config.APIVersion+"\nkind: "+config.Kind+"\n"+cfg), anyRule)
		if err != nil {
			t.Fatal(err)
		}
		if got := ids(JudgeLabels(s, c)); got != want {
			t.Errorf("%s: %q, want %q", cfg, got, want)
		}
	}
}

// What Rancher makes of a workload's name is said of those that it serves.
func TestDerivedNames(t *testing.T) {
	asks := flatAnnotations(v2, "vlan300", "auto", "")
	for _, tt := range []struct {
		kind, name  string
		annotations map[string]string
		want        int
	}{
		{"Deployment", strings.Repeat("a", 63-len("apps.deployment-team-a-")), asks, 0},
		{"Deployment", strings.Repeat("a", 64-len("apps.deployment-team-a-")), asks, 1},
		{"Deployment", strings.Repeat("a", 51), asks, 2},
		{"Deployment", strings.Repeat("a", 50) + "*", asks, 0},
		{"Deployment", strings.Repeat("a", 51), map[string]string{v2.SubnetAnnotation(): "vlan300", v2.IPAnnotation(): "auto"}, 0},
		{"Pod", strings.Repeat("a", 51), asks, 0},
	} {
		v := (&flatCluster{}).judge(t, subjectOf(identity(tt.kind, tt.name, ""), tt.annotations), config.Default())
		found := 0
		for _, f := range v.Findings {
			if f.Rule != "label-value-too-long" {
				continue
			}
			if found++; f.Action != verdict.Warn || f.Path() != "metadata.name" {
				t.Errorf("%s %s: %+v", tt.kind, tt.name, f)
			}
		}
		if found != tt.want {
			t.Errorf("%s %s: %d findings, want %d\n%s", tt.kind, tt.name, found, tt.want, v.Explanation(verdict.Warn))
		}
	}
}

// A label that was too long before is not refused again.
func TestInheritedLabel(t *testing.T) {
	workload := func(label string) *pod.Subject {
		s := subjectOf(identity("Deployment", "web", ""), nil)
		s.Labels = map[string]string{"owner": label}
		return s
	}
	old := workload(strings.Repeat("a", 64))
	for label, want := range map[string]string{strings.Repeat("a", 64): "warn label-value-too-long", strings.Repeat("b", 64): "deny label-value-too-long"} {
		s := workload(label)
		v, before := (&flatCluster{}).judge(t, s, config.Default()), (&flatCluster{}).judge(t, old, config.Default())
		pod.Inherit(&v, s, old, &before)
		if got := ids(v); got != want {
			t.Errorf("%s: %q, want %q", label, got, want)
		}
	}
}
