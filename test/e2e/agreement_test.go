package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/macvlan-webhook/macvlan-webhook/test/server"
)

// checkReport is what is read of a report of `kubectl-macvlan check -o json`.
type checkReport struct {
	Results []struct {
		Decision string
		Findings []struct{ Rule, Action, Message, Remedy string }
	}
}

// check runs the built kubectl-macvlan as a plugin of the real kubectl.
func check(t *testing.T, args ...string) (report checkReport, stderr string) {
	t.Helper()
	result := kubectl(t, "", append([]string{"macvlan", "check", "-o", "json"}, args...)...)
	if result.ExitCode > 1 {
		t.Fatalf("exit status %d: %s", result.ExitCode, result.Stderr)
	}
	unmarshal(t, result.Stdout, &report)
	return report, result.Stderr
}

// Networks among the checked files count beside those of the cluster.
func TestLiveCheckWithNetworksInFiles(t *testing.T) {
	beside(t)
	file := filepath.Join(t.TempDir(), "all.yaml")
	write(t, file, []byte(network("in-file", overlayConfig)+"---\n"+
		podYAML("a", "k8s.v1.cni.cncf.io/networks: in-file,kube-system/macvlan-overlay-vlan0")+"---\n"+
		podYAML("b", "k8s.v1.cni.cncf.io/networks: in-file,kube-system/nowhere")))
	report, stderr := check(t, "-f", file, "--live")
	if len(report.Results) != 3 || report.Results[0].Decision != "allow" || report.Results[1].Decision != "allow" ||
		len(report.Results[2].Findings) != 1 || report.Results[2].Findings[0].Rule != "network-not-found" {
		t.Errorf("%+v\n%s", report, stderr)
	}
}

func write(t *testing.T, name string, text []byte) {
	t.Helper()
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestProgramsPrintTheirVersions(t *testing.T) {
	t.Parallel()
	programs, err := filepath.Glob(server.Binary("*"))
	if err != nil {
		t.Fatal(err)
	}
	programs = slices.DeleteFunc(programs, func(name string) bool {
		info, err := os.Stat(name)
		return err != nil || info.IsDir() || info.Mode()&0o111 == 0
	})
	if len(programs) < 3 {
		t.Fatalf("programs %q", programs)
	}
	for _, program := range programs {
		// Where there are commands, it is one of them, as in kubectl.
		argument := "version"
		if filepath.Base(program) == "macvlan-webhook" {
			argument = "--version"
		}
		out, err := exec.Command(program, argument).CombinedOutput()
		if err != nil || !strings.HasPrefix(string(out), filepath.Base(program)+" ") {
			t.Errorf("%s: %v: %s", filepath.Base(program), err, out)
		}
	}
}
