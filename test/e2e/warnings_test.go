package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// An API server drops what is too much of warnings. kubectl prints each that the server said,
// and how many more there are.
func TestWorkloadWithManyWarnings(t *testing.T) {
	beside(t)
	const networks = 100
	var names []string
	for n := range networks {
		names = append(names, fmt.Sprintf("kube-system/absent-%d", n))
	}
	result := kubectl(t, deployment("many-warnings", "k8s.v1.cni.cncf.io/networks: "+strings.Join(names, ",")), "create", "--dry-run=server", "-f", "-")
	if result.ExitCode != 0 {
		t.Fatalf("exit status %d\n%s", result.ExitCode, result.Stderr)
	}
	lines := strings.Split(strings.TrimSpace(result.Stderr), "\n")
	for n, line := range lines[:len(lines)-1] {
		want := fmt.Sprintf(`Warning: network-not-found: network "kube-system/absent-%d" does not exist: no NetworkAttachmentDefinition has that namespace and name (kubectl macvlan explain network-not-found)`, n)
		if line != want {
			t.Fatalf("%s\nwant\n%s", line, want)
		}
	}
	if last, want := lines[len(lines)-1], fmt.Sprintf("Warning: and %d more: kubectl macvlan check prints them all", networks-len(lines)+1); last != want {
		t.Errorf("%s\nwant\n%s", last, want)
	}
}
