package links

import (
	"context"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/time/rate"
)

// answering is a server over TLS and what leads a pod to it. What the API server
// itself answers is tested with a real one, in test/cni: here it is what goes
// wrong on the way.
func answering(t *testing.T, handler http.HandlerFunc) *Server {
	t.Helper()
	server := httptest.NewTLSServer(handler)
	t.Cleanup(server.Close)
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	host, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	for name, content := range map[string][]byte{
		"token":  []byte("the-token\n"),
		"ca.crt": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}),
	} {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	environment := map[string]string{"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port}
	return &Server{Getenv: func(name string) string { return environment[name] }, Folder: folder, UserAgent: "test"}
}

func answer(status int, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, text)
	}
}

func TestServerErrors(t *testing.T) {
	tests := []struct {
		name    string
		handler http.HandlerFunc
		change  func(*testing.T, *Server)
		want    []string
	}{
		{"forbidden", answer(403, `{"message":"no rights"}`), nil, []string{"403", "no rights", "apply manifests/installer/node-facts"}},
		{"no such node", answer(404, `{"message":"not found"}`), nil, []string{"404", "not found", "--node-name"}},
		{"something else answers", answer(502, `<html>`), nil, []string{"502", "no reason given"}},
		{"no JSON", answer(200, `<html>`), nil, []string{"invalid character"}},
		{"outside of a cluster", nil, func(_ *testing.T, s *Server) { s.Getenv = func(string) string { return "" } }, []string{"KUBERNETES_SERVICE_HOST"}},
		{"no token", nil, func(t *testing.T, s *Server) { remove(t, s, "token") }, []string{"token", "node-facts mounts it"}},
		{"no authority", nil, func(t *testing.T, s *Server) { remove(t, s, "ca.crt") }, []string{"ca.crt", "node-facts mounts it"}},
		{"an empty authority", nil, func(t *testing.T, s *Server) {
			remove(t, s, "ca.crt")
			if err := os.WriteFile(filepath.Join(s.Folder, "ca.crt"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}, []string{"has no certificate"}},
		{"another authority", answer(200, `{}`), func(t *testing.T, s *Server) {
			// Any certificate that did not sign the server's.
			if err := os.WriteFile(filepath.Join(s.Folder, "ca.crt"), []byte(otherAuthority), 0o600); err != nil {
				t.Fatal(err)
			}
		}, []string{"certificate"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := answering(t, tt.handler)
			if tt.change != nil {
				tt.change(t, s)
			}
			_, err := s.published(t.Context(), "node-a")
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range append(tt.want, `read Node "node-a"`) {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not mention %q", err, want)
				}
			}
		})
	}
}

func remove(t *testing.T, s *Server, name string) {
	t.Helper()
	if err := os.Remove(filepath.Join(s.Folder, name)); err != nil {
		t.Fatal(err)
	}
}

// otherAuthority is nobody's: its key was thrown away.
const otherAuthority = `-----BEGIN CERTIFICATE-----
MIIBeDCCAR+gAwIBAgIUb5BBs588jsaR041IeIXJ3PF+FY4wCgYIKoZIzj0EAwIw
ETEPMA0GA1UEAwwGbm9ib2R5MCAXDTI2MTEyMTE0NTE1NloYDzIxMjYxMDI4MTQ1
MTU2WjARMQ8wDQYDVQQDDAZub2JvZHkwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC
AATY+FaAZt9P0g6O4I75g3/8J/P8XFWSK7N98rw5XUPmDGaExHfix+4OfU1zaBS4
CmUS6OhSJVmWGkOtKpTWbqQWo1MwUTAdBgNVHQ4EFgQUwp81vILYu0fDPmtfgjqJ
XjEioJwwHwYDVR0jBBgwFoAUwp81vILYu0fDPmtfgjqJXjEioJwwDwYDVR0TAQH/
BAUwAwEB/zAKBggqhkjOPQQDAgNHADBEAiAjd9DiUNYmPVGzr5au1jzZ5GTxJCIO
J4J5jyRhTddoHQIgQnyFoU4xVXKl8lRv3jHvVO8/ceOazaVI/fxBoddTQpQ=
-----END CERTIFICATE-----
`

// The token goes to the API server alone.
func TestServerIsNotLedAway(t *testing.T) {
	var asked atomic.Int32
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer elsewhere.Close()
	s := answering(t, func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("Authorization"); got != "Bearer the-token" {
			t.Errorf("Authorization = %q", got)
		}
		http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
	})
	if err := s.publish(t.Context(), "node-a", "{}"); err == nil || !strings.Contains(err.Error(), "307") {
		t.Errorf("error = %v, want one with the status", err)
	}
	if asked.Load() > 0 {
		t.Error("the request went elsewhere")
	}
}

// However often links change, the API server is asked no more than at a pace, and
// what is published then is what there is then.
func TestPublisherKeepsPace(t *testing.T) {
	var patches atomic.Int32
	s := answering(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPatch {
			patches.Add(1)
		}
		_, _ = io.WriteString(w, "{}")
	})
	inside(t, func() {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var log strings.Builder
		p := &Publisher{Node: "node-a", Server: s, Sysfs: t.TempDir(), Interval: time.Hour, Count: func(string) {}, Logger: slog.New(slog.NewTextHandler(&log, nil)),
			limit: rate.NewLimiter(rate.Every(pace), burst)}
		for range burst {
			p.text = "something else"
			if err := p.once(ctx); err != nil {
				t.Fatal(err)
			}
		}
		if got := patches.Load(); got != burst {
			t.Fatalf("%d patches, want %d", got, burst)
		}
		// Nothing has changed.
		if err := p.once(ctx); err != nil || patches.Load() != burst {
			t.Errorf("%d patches, %v, want %d still", patches.Load(), err, burst)
		}
		if strings.Contains(log.String(), "later") {
			t.Errorf("the first patches had to wait:\n%s", log.String())
		}
		p.text = "something else"
		cancel()
		err := p.once(ctx)
		if !errors.Is(err, context.Canceled) || patches.Load() != burst || !strings.Contains(log.String(), "publishing them later") {
			t.Errorf("%d patches, %v, want one more that waits:\n%s", patches.Load(), err, log.String())
		}
	})
}

// What goes wrong within is an error like others.
func TestPublisherSurvives(t *testing.T) {
	p := &Publisher{Node: "node-a", Sysfs: t.TempDir(), Logger: slog.New(slog.DiscardHandler)}
	// Without a server the first request panics.
	if err := p.once(t.Context()); err == nil {
		t.Error("no error")
	}
}
