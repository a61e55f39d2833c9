package controlplane

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAssets(t *testing.T) {
	programs := []string{"etcd", "kube-apiserver", "kubectl"}
	tests := []struct {
		name     string
		variable string   // KUBEBUILDER_ASSETS, under the root
		built    string   // the folder that holds programs, under the root
		programs []string // what is in it
		want     string   // the folder found, under the root
		wantErr  []string // what the error must mention
	}{
		{name: "the variable", variable: "elsewhere", built: "elsewhere", programs: programs, want: "elsewhere"},
		{name: "the variable names an empty folder", variable: "elsewhere", built: "elsewhere",
			wantErr: []string{"elsewhere", "has no etcd", "make controlplane", "KUBEBUILDER_ASSETS"}},
		{name: "the variable names no folder", variable: "elsewhere",
			wantErr: []string{"elsewhere", "has no etcd", "make controlplane", "KUBEBUILDER_ASSETS"}},
		{name: "in a folder above", built: "bin/controlplane", programs: programs, want: "bin/controlplane"},
		{name: "half built", built: "bin/controlplane", programs: programs[:1],
			wantErr: []string{"bin/controlplane", "has no kube-apiserver", "make controlplane"}},
		{name: "not built", wantErr: []string{"not built", "make test", "make controlplane", "KUBEBUILDER_ASSETS"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root, err := filepath.EvalSymlinks(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			working := filepath.Join(root, "some", "package")
			if err := os.MkdirAll(working, 0o755); err != nil {
				t.Fatal(err)
			}
			t.Chdir(working)
			t.Setenv(assetsVariable, "")
			if tt.variable != "" {
				t.Setenv(assetsVariable, filepath.Join(root, tt.variable))
			}
			if tt.built != "" {
				if err := os.MkdirAll(filepath.Join(root, tt.built), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			for _, name := range tt.programs {
				if err := os.WriteFile(filepath.Join(root, tt.built, name), nil, 0o755); err != nil {
					t.Fatal(err)
				}
			}
			got, err := Assets()
			if len(tt.wantErr) == 0 {
				if want := filepath.Join(root, tt.want); err != nil || got != want {
					t.Fatalf("Assets() = %q, %v; want %q", got, err, want)
				}
				return
			}
			if err == nil {
				t.Fatalf("Assets() = %q, want an error", got)
			}
			for _, part := range tt.wantErr {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error %q does not mention %q", err, part)
				}
			}
		})
	}
}
