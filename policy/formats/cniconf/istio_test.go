package cniconf

import "testing"

func TestIstio(t *testing.T) {
	component := map[string]string{"operator.istio.io/component": "Cni"}
	tests := []struct {
		name   string
		source Source
		want   bool
	}{
		{"by its name", Source{Name: "istio-cni"}, true},
		{"with the version of OpenShift Service Mesh", Source{Name: "v2-6-istio-cni"}, true},
		{"by its label", Source{Name: "mesh", Labels: component}, true},
		{"another component", Source{Name: "mesh", Labels: map[string]string{"operator.istio.io/component": "Pilot"}}, false},
		{"another name", Source{Name: "istio-cni-too"}, false},
		{"part of a word", Source{Name: "distio-cni"}, false},
		{"with a config, which tells", Source{Name: "istio-cni", Labels: component, Config: `{"cniVersion":"0.3.1","type":"macvlan"}`}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Compile(tt.source).Istio; got != tt.want {
				t.Errorf("%t, want %t", got, tt.want)
			}
		})
	}
	if FromName("default", "istio-cni").Istio {
		t.Error("a network of which only the name is known")
	}
}
