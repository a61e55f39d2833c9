package manifests

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/macvlan-webhook/macvlan-webhook/test/controlplane"
	"github.com/macvlan-webhook/macvlan-webhook/test/server"
)

// documented is the block of commands of docs/operating.md that contains a text.
func documented(t *testing.T, text string) string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(server.Root(), "docs", "operating.md"))
	if err != nil {
		t.Fatal(err)
	}
	// Every second part stands between fences.
	for n, part := range strings.Split(string(page), "\n```") {
		if n%2 == 1 && strings.Contains(part+"\n", text) {
			return strings.TrimPrefix(part, "\n")
		}
	}
	t.Fatalf("docs/operating.md has no block of commands with %q", text)
	return ""
}

// runDocumented runs the block in a folder, as a user does who copies it, and returns what
// it printed. It must succeed.
func runDocumented(t *testing.T, on *controlplane.ControlPlane, folder, text string) string {
	t.Helper()
	out, err := documentedRun(t, on, folder, text)
	if err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	return out
}

func documentedRun(t *testing.T, on *controlplane.ControlPlane, folder, text string) (string, error) {
	t.Helper()
	return runCommands(t, on, folder, documented(t, text))
}

func runCommands(t *testing.T, on *controlplane.ControlPlane, folder, commands string) (string, error) {
	t.Helper()
	assets, err := controlplane.Assets()
	if err != nil {
		t.Fatal(err)
	}
	shell := exec.CommandContext(t.Context(), "bash", "-e", "-o", "pipefail", "-c", commands)
	shell.Dir = folder
	shell.Env = append(os.Environ(), "KUBECONFIG="+on.Kubeconfig(), "PATH="+assets+string(os.PathListSeparator)+os.Getenv("PATH"))
	out, err := shell.CombinedOutput()
	return string(out), err
}
