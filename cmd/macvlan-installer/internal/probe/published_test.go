package probe

import (
	"strings"
	"testing"
	"time"
)

// What is published of the node is counted, and has nothing to do with readiness.
func TestPublished(t *testing.T) {
	p := New(time.Hour)
	if _, metrics := get(t, p, "/metrics"); strings.Contains(metrics, "links_published") {
		t.Error("attempts are counted where none is made")
	}
	p.Report(nil, nil)
	for _, result := range []string{"failed", "published", "failed"} {
		p.Published(result)
	}
	_, metrics := get(t, p, "/metrics")
	for _, want := range []string{`macvlan_installer_links_published_total{result="failed"} 2`, `macvlan_installer_links_published_total{result="published"} 1`} {
		if !strings.Contains(metrics, want+"\n") {
			t.Errorf("metrics without %s:\n%s", want, metrics)
		}
	}
	if status, body := get(t, p, "/readyz"); status != 200 {
		t.Errorf("readyz = %d %q after a failure to publish", status, body)
	}
}
