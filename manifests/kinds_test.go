package manifests

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/rest"

	watching "github.com/macvlan-webhook/macvlan-webhook/inventory/cluster"
)

// The ClusterRoles allow what the inventory does with the kinds that it follows, and
// beside that only what the server does with its own webhook configurations.
func TestRolesAgreeWithTheKindsFollowed(t *testing.T) {
	for _, tt := range []struct {
		name      string
		nodeFacts bool
		files     []string
	}{
		{"the base", false, []string{"base/21-cluster-role.yaml"}},
		{"with node facts", true, []string{"base/21-cluster-role.yaml", "components/node-facts/21-cluster-role.yaml"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inv, err := watching.New(watching.Options{
				Config: &rest.Config{Host: "localhost"}, Logger: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(), NodeFacts: tt.nodeFacts,
			})
			if err != nil {
				t.Fatal(err)
			}
			used := map[string]bool{}
			for _, p := range inv.Permissions() {
				for _, verb := range p.Verbs {
					used[verb+" "+p.Resource+"."+p.Group] = true
				}
			}
			allowed := map[string]bool{}
			for _, file := range tt.files {
				for _, rule := range rulesIn(t, file) {
					for _, group := range rule.APIGroups {
						for _, resource := range rule.Resources {
							for _, verb := range rule.Verbs {
								if group != "admissionregistration.k8s.io" {
									allowed[verb+" "+resource+"."+group] = true
								}
							}
						}
					}
				}
			}
			for _, what := range slices.Sorted(maps.Keys(used)) {
				if !allowed[what] {
					t.Errorf("the inventory needs, and %s does not allow: %s", strings.Join(tt.files, " or "), what)
				}
			}
			for _, what := range slices.Sorted(maps.Keys(allowed)) {
				if !used[what] {
					t.Errorf("%s allows, and the inventory does not need: %s", strings.Join(tt.files, " or "), what)
				}
			}
		})
	}
}

// rulesIn are the rules of the ClusterRoles in a manifest.
func rulesIn(t *testing.T, file string) []rbacv1.PolicyRule {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var rules []rbacv1.PolicyRule
	for documents := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096); ; {
		var role rbacv1.ClusterRole
		err := documents.Decode(&role)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if role.Kind == "ClusterRole" {
			rules = append(rules, role.Rules...)
		}
	}
	if len(rules) == 0 {
		t.Fatalf("%s has no rules", file)
	}
	return rules
}
