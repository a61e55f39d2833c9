package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admission/v1"

	"github.com/macvlan-webhook/macvlan-webhook/test/fixtures"
	"github.com/macvlan-webhook/macvlan-webhook/test/server"
	"github.com/macvlan-webhook/macvlan-webhook/test/wait"
)

// mounted is a folder that holds a PolicyConfig as the kubelet mounts a ConfigMap:
// behind a link that is swapped for each edit.
type mounted struct {
	folder string
	edits  int
}

func (m *mounted) file() string { return filepath.Join(m.folder, "policy.yaml") }

func (m *mounted) edit(t *testing.T, text string) {
	t.Helper()
	m.edits++
	version := fmt.Sprintf("..%d", m.edits)
	if err := os.Mkdir(filepath.Join(m.folder, version), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(m.folder, version, "policy.yaml"), policyConfig(text))
	if err := os.Symlink(version, filepath.Join(m.folder, "..data_tmp")); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(m.folder, "..data_tmp"), filepath.Join(m.folder, "..data")); err != nil {
		t.Fatal(err)
	}
	if m.edits == 1 {
		if err := os.Symlink(filepath.Join("..data", "policy.yaml"), m.file()); err != nil {
			t.Fatal(err)
		}
	}
}

// The configuration is edited twenty times while a hundred requests a second are
// answered: none fails, and each is judged by one whole configuration.
func TestConfigurationUnderLoad(t *testing.T) {
	apart(t)
	const (
		edits, perSecond = 20, 100
		// A pod that breaks both rules gets one warning by either configuration. Any
		// mixture of them would give two, or none.
		one   = "rules: {overlay-as-default-network: warn, interface-name-conflict: off}"
		other = "rules: {overlay-as-default-network: off, interface-name-conflict: warn}"
	)
	folder := t.TempDir()
	config := &mounted{folder: filepath.Join(folder, "config")}
	if err := os.Mkdir(config.folder, 0o700); err != nil {
		t.Fatal(err)
	}
	config.edit(t, one)
	networks := filepath.Join(folder, "networks.yaml")
	write(t, networks, fixtures.Inventory())
	client, flags, err := server.Certificate(folder)
	if err != nil {
		t.Fatal(err)
	}
	webhook, err := server.Start(t.Context(), append(flags, "--inventory="+networks, "--config="+config.file(), "--drain=0s", "--decision-timeout=30s")...)
	if err != nil {
		t.Fatal(err)
	}
	defer webhook.Stop()
	if err := webhook.WaitReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	review := []byte(`{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"1","kind":{"group":"","version":"v1","kind":"Pod"},` +
		`"resource":{"group":"","version":"v1","resource":"pods"},"namespace":"team-a","operation":"CREATE","userInfo":{"username":"jane"},` +
		`"object":{"metadata":{"annotations":{"v1.multus-cni.io/default-network":"kube-system/macvlan-overlay-vlan0","k8s.v1.cni.cncf.io/networks":"kube-system/coordinator-auto@lo"}}}}}`)
	ask := func() (string, error) {
		response, err := client.Post("https://"+webhook.Address+"/validate?timeout=30s", "application/json", bytes.NewReader(review))
		if err != nil {
			return "", err
		}
		defer response.Body.Close()
		var answer admissionv1.AdmissionReview
		if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
			return "", err
		}
		var rules []string
		for _, w := range answer.Response.Warnings {
			rule, _, _ := strings.Cut(w, ":")
			rules = append(rules, rule)
		}
		return fmt.Sprintf("%t %s", answer.Response.Allowed, strings.Join(rules, ",")), nil
	}

	var mu sync.Mutex
	answers := map[string]int{}
	done := make(chan struct{})
	var load sync.WaitGroup
	load.Go(func() {
		tick := time.NewTicker(time.Second / perSecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				load.Go(func() {
					answer, err := ask()
					if err != nil {
						answer = err.Error()
					}
					mu.Lock()
					answers[answer]++
					mu.Unlock()
				})
			}
		}
	})
	for n := range edits {
		config.edit(t, []string{one, other}[n%2])
		if n%4 == 3 {
			// Now and then the server gets to see an edit before the next one.
			want := fmt.Sprintf("true %s", []string{"overlay-as-default-network", "interface-name-conflict"}[n%2])
			wait.Until(t, "the edit is in force", func() bool { answer, err := ask(); return err == nil && answer == want })
		}
		if n%4 == 0 {
			want := "true overlay-as-default-network"
			wait.Until(t, "the edit is in force", func() bool { answer, err := ask(); return err == nil && answer == want })
		}
	}
	close(done)
	load.Wait()
	if len(answers) != 2 || answers["true overlay-as-default-network"] == 0 || answers["true interface-name-conflict"] == 0 {
		t.Errorf("answers %v", answers)
	}

	// A broken edit is refused with its place, and the last good one stays.
	config.edit(t, "rules: {no-such-rule: warn}")
	probe := func(path string) string {
		response, err := http.Get("http://" + webhook.Probes + path)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("%d\n%s", response.StatusCode, text)
	}
	wait.Until(t, "the broken edit is reported", func() bool {
		ready := probe("/readyz?verbose")
		return strings.HasPrefix(ready, "200\n") && strings.Contains(ready, "[-]configuration: line 3, column 23: ") && strings.Contains(ready, "the last valid configuration is still in use") &&
			// Nobody has looked whether an API server trusts a certificate from files.
			strings.Contains(ready, "[+]certificate ok") && !strings.Contains(ready, "trusted")
	})
	if metrics := probe("/metrics"); !strings.Contains(metrics, "\nmacvlan_webhook_config_valid 0\n") {
		t.Error("the metric does not tell that the configuration is broken")
	}
	if answer, err := ask(); err != nil || answer != "true interface-name-conflict" {
		t.Errorf("after a broken edit: %s, %v", answer, err)
	}
	config.edit(t, one)
	wait.Until(t, "the repaired configuration is in force", func() bool { answer, err := ask(); return err == nil && answer == "true overlay-as-default-network" })
	if metrics := probe("/metrics"); !strings.Contains(metrics, "\nmacvlan_webhook_config_valid 1\n") {
		t.Error("the metric does not tell that the configuration is repaired")
	}
}
