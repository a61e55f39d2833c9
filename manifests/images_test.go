package manifests

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// noImage is what the manifests name until somebody sets the image. That the kubelet takes
// it for no image at all is tested in test/controlplane/build.
const noImage = "macvlan-webhook:no-image-set@sha256:see-README-Install-in-a-cluster"

// folders are all that can be applied, those of tests included.
func folders(t *testing.T) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Base(path) != "kustomization.yaml" {
			return err
		}
		text, err := os.ReadFile(path)
		if strings.Contains(string(text), "\nkind: Kustomization\n") {
			found = append(found, filepath.Dir(path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

var imageLine = regexp.MustCompile(`(?m)^ *(?:- )?image: (.*)$`)

// images are those of a folder's containers.
func images(t *testing.T, folder string) []string {
	t.Helper()
	result, err := cluster.Kubectl(t.Context(), "", "kustomize", folder)
	if err != nil || result.ExitCode != 0 || result.Stderr != "" {
		t.Fatalf("kubectl kustomize %s: %v: exit status %d: %s", folder, err, result.ExitCode, result.Stderr)
	}
	var found []string
	for _, match := range imageLine.FindAllStringSubmatch(result.Stdout, -1) {
		found = append(found, match[1])
	}
	return found
}

// Nothing is ever run of an image that the user did not name, and one entry under images
// names it for every container.
func TestImageIsTheUsers(t *testing.T) {
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	all := folders(t)
	if !slices.Contains(all, "base") || !slices.Contains(all, filepath.Join("installer", "base")) || len(all) < 20 {
		t.Fatalf("folders = %q", all)
	}
	for _, folder := range all {
		raw := images(t, folder)
		for _, image := range raw {
			if image != noImage {
				t.Errorf("%s: image %s, want %s", folder, image, noImage)
			}
		}
		// kustomize takes no absolute path.
		own := t.TempDir()
		relative, err := filepath.Rel(own, filepath.Join(here, folder))
		if err != nil {
			t.Fatal(err)
		}
		for set, want := range map[string]string{
			"newName: registry.example:5000/team/macvlan-webhook, newTag: v0.1.0": "registry.example:5000/team/macvlan-webhook:v0.1.0",
			"newTag: latest": "macvlan-webhook:latest",
			`newName: registry.example/macvlan-webhook, digest: "sha256:1234"`: "registry.example/macvlan-webhook@sha256:1234",
		} {
			text := fmt.Sprintf("resources: [%s]\nimages:\n- {name: macvlan-webhook, %s}\n", relative, set)
			if err := os.WriteFile(filepath.Join(own, "kustomization.yaml"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			got := images(t, own)
			if len(got) != len(raw) || slices.ContainsFunc(got, func(image string) bool { return image != want }) {
				t.Errorf("%s with %s: images %q, want %d times %s", folder, set, got, len(raw), want)
			}
		}
	}
}
