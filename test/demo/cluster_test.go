package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/macvlan-webhook/macvlan-webhook/test/controlplane"
	"github.com/macvlan-webhook/macvlan-webhook/test/server"
	"github.com/macvlan-webhook/macvlan-webhook/test/wait"
)

// The demo on a cluster, as somebody sees it at a terminal: the commands that it ends with
// work, the cluster's own configuration counts, and Ctrl-C ends it well.
func TestDemoCluster(t *testing.T) {
	assets, err := controlplane.Assets()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	// What the target needs is there, and other tests use it.
	demo := exec.CommandContext(ctx, "make", "-C", server.Root(), "--no-print-directory", "-o", "programs", "-o", "controlplane", "demo-cluster")
	demo.Env = append(os.Environ(), "KUBEBUILDER_ASSETS="+assets, "MAKEFLAGS=", "MAKELEVEL=", "COLUMNS=")
	terminal, err := pty.StartWithSize(demo, &pty.Winsize{Rows: 50, Cols: 100})
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	var screen wait.Log
	read := make(chan struct{})
	go func() {
		defer close(read)
		_, _ = io.Copy(&screen, terminal) // an error when the other end is closed
	}()
	const last = "/metrics\r\n"
	wait.Until(t, "the demo has shown all", func() bool {
		select {
		case <-read:
			t.Fatalf("the demo ended:\n%s", screen.String())
		default:
		}
		return strings.HasSuffix(screen.String(), last)
	})
	text := strings.ReplaceAll(screen.String(), "\r\n", "\n")
	_, closing, found := strings.Cut(text, "In another terminal:\n")
	if !found {
		closing = text
		t.Errorf("nothing says what to do:\n%s", text)
	}
	// The commands of the closing lines, in a shell of their own.
	environment := regexp.MustCompile(`(?m)^    export (.*)$`).FindString(closing)
	shell := func(command string) (string, error) {
		c := exec.CommandContext(ctx, "bash", "-euc", environment+"\n"+command)
		c.Dir = server.Root()
		out, err := c.CombinedOutput()
		return string(out), err
	}
	for _, want := range []string{"    export KUBECONFIG=", "    kubectl apply -f ", "    kubectl edit configmap macvlan-webhook-config --namespace macvlan-webhook ", "    tail -f ", "    curl 'http://127.0.0.1:"} {
		if !strings.Contains(closing, want) {
			t.Errorf("the closing lines lack %q:\n%s", want, closing)
		}
	}
	if strings.Contains(strings.ReplaceAll(text, "    kubectl apply -f pod.yaml", ""), "interrupt it") {
		t.Error("the demo does not say which key ends it")
	}

	log, err := os.ReadFile(regexp.MustCompile(`tail -f (\S+)`).FindStringSubmatch(closing)[1])
	if err != nil || !bytes.Contains(log, []byte(`"msg":"denied"`)) {
		t.Errorf("the log does not tell what was refused: %v\n%s", err, log)
	}
	for _, address := range regexp.MustCompile(`curl '?(http://[^'\s]+)`).FindAllStringSubmatch(closing, -1) {
		response, err := http.Get(address[1])
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil || response.StatusCode != http.StatusOK || !bytes.Contains(body, []byte("macvlan_webhook_decisions_total")) && !bytes.Contains(body, []byte("[+]networks ok")) {
			t.Errorf("%s: %s, %v:\n%s", address[1], response.Status, err, body)
		}
	}

	const create = "kubectl create --dry-run=server -f test/demo/examples/pods/06-overlay-as-default-network.yaml"
	if out, err := shell(create); err == nil || !strings.Contains(out, "overlay-as-default-network") {
		t.Errorf("%v:\n%s", err, out)
	}
	if out, err := shell(`kubectl patch configmap macvlan-webhook-config --namespace macvlan-webhook --type merge --patch '{"data":{"policy.yaml":"apiVersion: macvlan-webhook.io/v1alpha1\nkind: PolicyConfig\ndefaultMode: warn\n"}}'`); err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	wait.Until(t, "the configuration of the cluster is in effect", func() bool {
		out, err := shell(create)
		return err == nil && strings.Contains(out, "Warning: ")
	})

	if _, err := terminal.Write([]byte{ctrlC}); err != nil {
		t.Fatal(err)
	}
	if err := demo.Wait(); err != nil {
		t.Errorf("make demo-cluster ends with %v:\n%s", err, screen.String())
	}
	<-read
}
