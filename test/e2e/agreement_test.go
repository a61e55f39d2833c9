package e2e

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/macvlan-webhook/macvlan-webhook/test/fixtures"
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
	t.Setenv("PATH", filepath.Dir(server.Binary("kubectl-macvlan"))+string(os.PathListSeparator)+os.Getenv("PATH"))
	result := kubectl(t, "", append([]string{"macvlan", "check", "-o", "json"}, args...)...)
	if result.ExitCode > 1 {
		t.Fatalf("exit status %d: %s", result.ExitCode, result.Stderr)
	}
	unmarshal(t, result.Stdout, &report)
	return report, result.Stderr
}

// TestCheckAgreesWithServer compares what kubectl-macvlan says of every fixture,
// from files and live, with what kubectl prints of the server's answer.
func TestCheckAgreesWithServer(t *testing.T) {
	all, err := fixtures.Load()
	if err != nil {
		t.Fatal(err)
	}
	defer useConfig(t, nil)
	folder := t.TempDir()
	inventory, config, file := filepath.Join(folder, "networks.yaml"), filepath.Join(folder, "policy.yaml"), filepath.Join(folder, "pod.yaml")
	write(t, inventory, fixtures.Inventory())
	for _, f := range all {
		// A check takes a pod through the mutation too.
		if f.Bypassed {
			continue
		}
		t.Run(f.Path, func(t *testing.T) {
			useConfig(t, f.PolicyConfig())
			write(t, file, f.Text)
			write(t, config, f.PolicyConfig())
			fromFiles, _ := check(t, "-f", file, "--inventory", inventory, "--config", config)
			live, _ := check(t, "-f", file, "--live", "--config", config)
			a, _ := json.Marshal(fromFiles.Results)
			b, _ := json.Marshal(live.Results)
			if !bytes.Equal(a, b) {
				t.Errorf("from files:\n%s\nlive:\n%s", a, b)
			}
			if len(fromFiles.Results) != 1 {
				t.Fatalf("%d results", len(fromFiles.Results))
			}
			said := fromFiles.Results[0]
			verb := "create"
			if f.OfNetwork() {
				verb = "apply" // it may be there already
			}
			result := kubectl(t, string(f.Text), verb, "--dry-run=server", "-f", "-")
			if denied := result.ExitCode != 0; denied != (said.Decision == "deny") {
				t.Errorf("check says %s, the server refuses: %t\n%s", said.Decision, denied, result.Stderr)
			}
			for _, finding := range said.Findings {
				if finding.Action == "deny" && !(strings.Contains(result.Stderr, finding.Message) && strings.Contains(result.Stderr, finding.Remedy)) {
					t.Errorf("check says %q, the server:\n%s", finding.Message, result.Stderr)
				}
				if finding.Action == "warn" && !strings.Contains(result.Stderr, "Warning: "+finding.Rule) {
					t.Errorf("check warns of %s, the server does not:\n%s", finding.Rule, result.Stderr)
				}
			}
		})
	}
}

// Networks among the checked files count beside those of the cluster.
func TestLiveCheckWithNetworksInFiles(t *testing.T) {
	file := filepath.Join(t.TempDir(), "all.yaml")
	write(t, file, []byte(network("in-file", overlayConfig)+"---\n"+
		pod("a", "k8s.v1.cni.cncf.io/networks: in-file,kube-system/macvlan-overlay-vlan0")+"---\n"+
		pod("b", "k8s.v1.cni.cncf.io/networks: in-file,kube-system/nowhere")))
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
