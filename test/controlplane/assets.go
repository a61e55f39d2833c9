package controlplane

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// assetsVariable is the name that envtest's own tools use for the folder.
const assetsVariable = "KUBEBUILDER_ASSETS"

const wayOut = "run `make test`, or `make controlplane` and set " + assetsVariable

// Assets returns the absolute path of the folder that holds etcd,
// kube-apiserver and kubectl: KUBEBUILDER_ASSETS when it is set, else
// bin/controlplane in the working folder or one above it. The error says what
// is missing and what to do.
func Assets() (string, error) {
	if folder := os.Getenv(assetsVariable); folder != "" {
		folder, err := filepath.Abs(folder)
		if err != nil {
			return "", fmt.Errorf("find the control plane: %w", err)
		}
		return folder, requirePrograms(folder, "etcd", "kube-apiserver", "kubectl")
	}
	above, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the control plane: %w", err)
	}
	for {
		folder := filepath.Join(above, "bin", "controlplane")
		if _, err := os.Stat(folder); err == nil {
			return folder, requirePrograms(folder, "etcd", "kube-apiserver", "kubectl")
		}
		parent := filepath.Dir(above)
		if parent == above {
			return "", errors.New("the control plane for tests is not built: " + wayOut)
		}
		above = parent
	}
}

// requirePrograms fails when the folder lacks one of the programs.
func requirePrograms(folder string, names ...string) error {
	for _, name := range names {
		_, err := os.Stat(filepath.Join(folder, name))
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("the control plane for tests in %q has no %s: %s", folder, name, wayOut)
		}
		if err != nil {
			return fmt.Errorf("find %s: %w", name, err)
		}
	}
	return nil
}
