package status

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/macvlan-webhook/macvlan-webhook/test/server"
	"github.com/macvlan-webhook/macvlan-webhook/test/wait"
)

// called is what differs between a call by a URL, as here, and one through the Service, which
// is what users see; address is whom it reaches.
var (
	called  = regexp.MustCompile(`https://127\.0\.0\.1:[0-9]+/mutate\?timeout=[0-9]+s`)
	address = regexp.MustCompile(`127\.0\.0\.1:[0-9]+`)
)

// refusal is what kubectl prints of a pod with a network, without what precedes the API
// server's own words, as a user would see it.
func refusal(t *testing.T) string {
	t.Helper()
	result, err := cluster.Kubectl(t.Context(), "{apiVersion: v1, kind: Pod, metadata: {name: web, annotations: {k8s.v1.cni.cncf.io/networks: macvlan0}}, spec: {containers: [{name: a, image: a}]}}",
		"create", "--dry-run=server", "-f", "-")
	if err != nil {
		t.Fatal(err)
	}
	_, words, _ := strings.Cut(strings.TrimSpace(result.Stderr), `"STDIN": `)
	words = called.ReplaceAllString(words, "https://macvlan-webhook.macvlan-webhook.svc:443/mutate?timeout=5s")
	return address.ReplaceAllString(words, "10.96.0.20:443")
}

// What docs/troubleshooting.md quotes is what the API server says.
func TestQuotedErrors(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(server.Root(), "docs", "troubleshooting.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, foreign, err := server.Loopback()
	if err != nil {
		t.Fatal(err)
	}
	caBundle := func(bundle []byte) func(*testing.T) {
		return func(t *testing.T) {
			change(t, mutating, func(webhook map[string]any) {
				webhook["clientConfig"].(map[string]any)["caBundle"] = base64.StdEncoding.EncodeToString(bundle)
			})
		}
	}
	for _, tt := range []struct {
		name string
		make func(*testing.T)
		// says is what the message has in it, and from which word on the page quotes it.
		says, from string
	}{
		{"nobody listens", stopServer, "connection refused", "Internal error"},
		{"another authority", caBundle(foreign), "signed by unknown authority", "tls: failed"},
		{"no certificate", caBundle([]byte("hello")), "unable to load root certificates", "Internal error"},
		{"an expression", func(t *testing.T) {
			change(t, mutating, func(webhook map[string]any) {
				webhook["matchConditions"] = []any{map[string]any{"name": "unguarded", "expression": `"k8s.v1.cni.cncf.io/networks" in object.metadata.labels`}}
			})
		}, "resulted in error", "pods "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			keep(t)
			tt.make(t)
			said := ""
			wait.Until(t, "a refusal", func() bool {
				said = refusal(t)
				return strings.Contains(said, tt.says)
			})
			from := strings.Index(said, tt.from)
			if from < 0 || !strings.Contains(string(text), said[from:]+"\n```") {
				t.Errorf("the page does not quote %q", said)
			}
		})
	}
}
