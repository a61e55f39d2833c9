package manifests

import (
	"os"
	"reflect"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/macvlan-webhook/macvlan-webhook/policy"
	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
)

// The file shows the defaults, so they must be those of the program.
func TestPolicyIsTheDefault(t *testing.T) {
	text, err := os.ReadFile("base/30-policy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var object corev1.ConfigMap
	if err := yaml.UnmarshalStrict(text, &object); err != nil {
		t.Fatal(err)
	}
	got, err := policy.ParseConfig([]byte(object.Data["policy.yaml"]))
	if err != nil {
		t.Fatal(err)
	}
	// Shown empty in the file, absent in the program.
	if len(got.Rules)+len(got.IPPoolDefaults)+len(got.Exempt.Users)+len(got.AlwaysEnforce) == 0 {
		got.Rules, got.IPPoolDefaults, got.Exempt.Users, got.AlwaysEnforce = nil, nil, nil, nil
	}
	if want := config.Default(); !reflect.DeepEqual(got, want) {
		t.Errorf("policy.yaml means %+v, want %+v", got, want)
	}
}
