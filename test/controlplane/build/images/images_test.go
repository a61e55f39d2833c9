// Package images tests what the manifests name in place of an image. It is part of the
// control plane's module because it takes the parser that the kubelet has.
package images

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/distribution/reference"
)

const manifests = "../../../../manifests"

var line = regexp.MustCompile(`(?m)^ *(?:- )?image: *(\S+)$`)

// The kubelet parses an image before it asks for it, and reports InvalidImageName where that
// fails (EnsureImageExists in k8s.io/kubernetes/pkg/kubelet/images). So whoever applies the
// manifests as they are gets no image of a stranger from anywhere.
func TestNoImageIsAskedFor(t *testing.T) {
	found := 0
	err := filepath.WalkDir(manifests, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".yaml" {
			return err
		}
		text, err := os.ReadFile(path)
		for _, match := range line.FindAllSubmatch(text, -1) {
			found++
			if named, err := reference.ParseNormalizedNamed(string(match[1])); err == nil {
				t.Errorf("%s: %s is the image %s", path, match[1], named)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if found < 3 {
		t.Errorf("%d containers name an image: the webhook, the installer and its end do", found)
	}
}
