package probe

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/macvlan-webhook/macvlan-webhook/cmd/macvlan-installer/internal/install"
)

func get(t *testing.T, p *Probe, path string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	p.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w.Code, w.Body.String()
}

func TestProbe(t *testing.T) {
	good := install.Plugin{Name: "macvlan", State: install.Current, Version: "v1.10.0", Usable: true, Result: install.Installed}
	bad := install.Plugin{Name: "static", State: install.Broken, Message: "does not run", Result: install.RolledBack}
	p := New(time.Hour)
	steps := []struct {
		name    string
		do      func()
		ready   int
		body    string
		metrics []string
		without string
	}{
		{"before the first check", func() {}, 503, "not checked yet", []string{"macvlan_installer_ready 0"}, "plugin_info"},
		{"good", func() { p.Report([]install.Plugin{good}, nil) }, 200, "ok",
			[]string{"macvlan_installer_ready 1", `macvlan_installer_installs_total{plugin="macvlan",result="installed"} 1`}, "static"},
		{"one is bad", func() { good.Result = install.Kept; p.Report([]install.Plugin{good, bad}, nil) }, 503, "static: broken: does not run",
			[]string{"macvlan_installer_ready 0", `macvlan_installer_installs_total{plugin="macvlan",result="installed"} 1`, `macvlan_installer_installs_total{plugin="static",result="rolled-back"} 1`}, `result="kept"`},
		{"no folder", func() { p.Report(nil, errors.New("no folder")) }, 503, "no folder", []string{"macvlan_installer_ready 0"}, "plugin_info{"},
		{"undone", func() { p.Contended(true) }, 503, "no folder", []string{"macvlan_installer_contended 1"}, "plugin_info{"},
		{"good again", func() { p.Contended(false); p.Report([]install.Plugin{good}, nil) }, 200, "ok", []string{"macvlan_installer_contended 0", "macvlan_installer_ready 1"}, `plugin="static",state`},
	}
	for _, s := range steps {
		s.do()
		if code, body := get(t, p, "/readyz"); code != s.ready || !strings.Contains(body, s.body) {
			t.Errorf("%s: readyz = %d %q, want %d %q", s.name, code, body, s.ready, s.body)
		}
		_, metrics := get(t, p, "/metrics")
		for _, want := range s.metrics {
			if !strings.Contains(metrics, want+"\n") {
				t.Errorf("%s: metrics without %q:\n%s", s.name, want, metrics)
			}
		}
		if strings.Contains(metrics, s.without) {
			t.Errorf("%s: metrics with %q:\n%s", s.name, s.without, metrics)
		}
		if code, _ := get(t, p, "/healthz"); code != 200 {
			t.Errorf("%s: healthz = %d", s.name, code)
		}
	}
	p.Alive = -time.Second
	if code, body := get(t, p, "/healthz"); code != 503 || !strings.Contains(body, "nothing was checked") {
		t.Errorf("stuck: healthz = %d %q", code, body)
	}
	if code, _ := get(t, p, "/other"); code != 404 {
		t.Errorf("another path: %d", code)
	}
}
