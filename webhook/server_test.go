package webhook_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/test/server"
	"github.com/macvlan-webhook/macvlan-webhook/test/wait"
	"github.com/macvlan-webhook/macvlan-webhook/webhook"
)

// running is a server that runs, and what a client trusts.
type running struct {
	address, probes string
	roots           *x509.CertPool
	registry        *prometheus.Registry
}

// run runs a server, as changed, until the test ends.
func run(t *testing.T, change func(*webhook.Server)) *running {
	t.Helper()
	certificate, bundle, err := server.Loopback()
	if err != nil {
		t.Fatal(err)
	}
	r := &running{registry: prometheus.NewRegistry(), roots: x509.NewCertPool()}
	r.roots.AppendCertsFromPEM(bundle)
	metrics, err := webhook.NewMetrics(r.registry)
	if err != nil {
		t.Fatal(err)
	}
	var logs wait.Log
	logger := slog.New(slog.NewJSONHandler(&logs, nil))
	decider := &webhook.Decider{Config: config.Default, Inventory: fixtureNetworks(t), Metrics: metrics, Logger: logger}
	s := &webhook.Server{
		Listen: "127.0.0.1:0", ProbeListen: "127.0.0.1:0",
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return certificate, nil },
		Handler:        decider.Handler(time.Minute),
		Metrics:        promhttp.HandlerFor(r.registry, promhttp.HandlerOpts{}),
		Counts:         metrics,
		Logger:         logger,
	}
	change(s)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	wait.Until(t, "the server listens", func() bool {
		var line struct{ Address, Probes string }
		if err := json.NewDecoder(strings.NewReader(logs.String())).Decode(&line); err != nil {
			return false
		}
		r.address, r.probes = line.Address, line.Probes
		return true
	})
	return r
}

// ready asks for readiness.
func (r *running) ready(t *testing.T) (status int, report string) {
	t.Helper()
	response, err := http.Get("http://" + r.probes + "/readyz?verbose")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if !response.Close {
		t.Error("a probe's connection stays open")
	}
	return response.StatusCode, string(text)
}

func (r *running) client(certificates ...tls.Certificate) *http.Client {
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: r.roots, Certificates: certificates}}}
}

// The server finds out itself whether it answers, and leaves no trace of that.
func TestReadiness(t *testing.T) {
	r := run(t, func(*webhook.Server) {})
	if status, report := r.ready(t); status != http.StatusOK || report != "[+]not-stopping ok\n[+]certificate ok\n[+]answer ok\nok\n" {
		t.Errorf("%d %s", status, report)
	}
	if n, err := testutil.GatherAndCount(r.registry, "macvlan_webhook_decisions_total", "macvlan_webhook_request_duration_seconds"); err != nil || n != 0 {
		t.Errorf("%d, %v", n, err)
	}
	response, err := r.client().Post("https://"+r.address+"/self", "application/json", strings.NewReader(request(overlayFirst, "jane")))
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusNotFound {
		t.Errorf("another client gets %s where the server asks itself", response.Status)
	}
}

func TestNotReady(t *testing.T) {
	other, _, err := server.Loopback()
	if err != nil {
		t.Fatal(err)
	}
	for says, change := range map[string]func(*webhook.Server){
		"[-]certificate: the certificate that is served is not the current one": func(s *webhook.Server) {
			current := s.GetCertificate
			s.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
				if hello.Conn != nil { // a handshake
					return other, nil
				}
				return current(hello)
			}
		},
		"[-]certificate: no certificate to serve yet: later": func(s *webhook.Server) {
			s.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, fmt.Errorf("later") }
		},
		"[-]answer: the server answers its own AdmissionReview with status 418": func(s *webhook.Server) {
			s.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
		},
		"[-]answer: the server fails to judge a pod: the log says why": func(s *webhook.Server) {
			metrics, err := webhook.NewMetrics(prometheus.NewRegistry())
			if err != nil {
				t.Fatal(err)
			}
			decider := &webhook.Decider{Config: func() *config.Config { panic("out of order") }, Metrics: metrics, Logger: s.Logger}
			s.Handler = decider.Handler(time.Minute)
		},
		"[-]other: not now": func(s *webhook.Server) {
			s.Checks = []webhook.Check{{Name: "other", Ready: func() error { return fmt.Errorf("not now") }}}
		},
	} {
		t.Run(says, func(t *testing.T) {
			if status, report := run(t, change).ready(t); status != http.StatusServiceUnavailable || !strings.Contains(report, says+"\n") {
				t.Errorf("%d %s", status, report)
			}
		})
	}
}

// A certificate that is renewed in the middle of a probe is no reason to fail it.
func TestReadyDuringRenewal(t *testing.T) {
	renewed, _, err := server.Loopback()
	if err != nil {
		t.Fatal(err)
	}
	var handshakes atomic.Int32
	r := run(t, func(s *webhook.Server) {
		before := s.GetCertificate
		s.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			if hello.Conn != nil {
				handshakes.Add(1)
			}
			if handshakes.Load() == 0 {
				return before(hello)
			}
			return renewed, nil
		}
	})
	if status, report := r.ready(t); status != http.StatusOK || handshakes.Load() != 1 {
		t.Errorf("%d %s after %d handshakes", status, report, handshakes.Load())
	}
}

func newAuthority(t *testing.T) *server.ClientAuthority {
	t.Helper()
	a, err := server.NewClientAuthority()
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// signed is a client certificate.
func signed(t *testing.T, by *server.ClientAuthority, commonName, dnsName, uri string) tls.Certificate {
	t.Helper()
	certificate, key, err := by.Sign(commonName, dnsName, uri)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

func pool(t *testing.T, a *server.ClientAuthority) *x509.CertPool {
	t.Helper()
	pool, err := webhook.Authorities(a.Bundle())
	if err != nil {
		t.Fatal(err)
	}
	return pool
}

func TestClientCertificates(t *testing.T) {
	ours, others := newAuthority(t), newAuthority(t)
	var trusted atomic.Pointer[x509.CertPool]
	trusted.Store(pool(t, ours))
	names := []string{"kube-apiserver", "api.example.org", "spiffe://example.org/api"}
	named := run(t, func(s *webhook.Server) { s.ClientCAs, s.ClientNames = trusted.Load, names })
	unnamed := run(t, func(s *webhook.Server) { s.ClientCAs = trusted.Load })
	const refused = 0 // in the handshake
	for _, test := range []struct {
		name        string
		server      *running
		certificate []tls.Certificate
		status      int
	}{
		{"common name", named, []tls.Certificate{signed(t, ours, "kube-apiserver", "", "")}, http.StatusOK},
		{"DNS name", named, []tls.Certificate{signed(t, ours, "x", "api.example.org", "")}, http.StatusOK},
		{"URI", named, []tls.Certificate{signed(t, ours, "x", "", "spiffe://example.org/api")}, http.StatusOK},
		{"another name", named, []tls.Certificate{signed(t, ours, "x", "y.example.org", "spiffe://example.org/y")}, http.StatusForbidden},
		{"any name", unnamed, []tls.Certificate{signed(t, ours, "x", "", "")}, http.StatusOK},
		{"no certificate", named, nil, refused},
		{"no certificate, no names", unnamed, nil, refused},
		{"another authority", named, []tls.Certificate{signed(t, others, "kube-apiserver", "", "")}, refused},
		{"another authority, no names", unnamed, []tls.Certificate{signed(t, others, "x", "", "")}, refused},
	} {
		t.Run(test.name, func(t *testing.T) {
			response, err := test.server.client(test.certificate...).Post("https://"+test.server.address+"/validate", "application/json", strings.NewReader(request(overlayExtra, "jane")))
			if test.status == refused {
				if err == nil {
					response.Body.Close()
					t.Errorf("answered with %s", response.Status)
				} else if !strings.Contains(err.Error(), "tls: ") {
					t.Error(err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			text, err := io.ReadAll(response.Body)
			if err != nil || response.StatusCode != test.status {
				t.Fatalf("%s: %s %v", response.Status, text, err)
			}
			if test.status == http.StatusForbidden && (!strings.Contains(string(text), `the client certificate of "x" is not one that may call`) || !response.Close) {
				t.Errorf("closed: %t, %s", response.Close, text)
			}
		})
	}
	want := "# HELP macvlan_webhook_refused_clients_total Requests refused because the client certificate has none of the names in --client-name.\n" +
		"# TYPE macvlan_webhook_refused_clients_total counter\nmacvlan_webhook_refused_clients_total 1\n"
	if err := testutil.GatherAndCompare(named.registry, strings.NewReader(want), "macvlan_webhook_refused_clients_total"); err != nil {
		t.Error(err)
	}
	for _, s := range []*running{named, unnamed} {
		if status, report := s.ready(t); status != http.StatusOK {
			t.Errorf("%d %s", status, report)
		}
	}

	// Another authority, from the next connection on.
	trusted.Store(pool(t, others))
	for a, want := range map[*server.ClientAuthority]bool{ours: false, others: true} {
		response, err := named.client(signed(t, a, "kube-apiserver", "", "")).Post("https://"+named.address+"/validate", "application/json", strings.NewReader(request(overlayExtra, "jane")))
		if err == nil {
			response.Body.Close()
		}
		if (err == nil) != want {
			t.Errorf("after the change: %v", err)
		}
	}
}

func TestAuthorities(t *testing.T) {
	a := newAuthority(t)
	key := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("x")})
	for says, bundle := range map[string][]byte{
		"":                         append(a.Bundle(), newAuthority(t).Bundle()...),
		"no PEM certificate found": []byte("x"),
		`PEM block 2 is "PRIVATE KEY" and must be a CERTIFICATE`: append(a.Bundle(), key...),
		"certificate 1: x509": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")}),
	} {
		_, err := webhook.Authorities(bundle)
		if (err == nil) != (says == "") || err != nil && !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", says, err)
		}
	}
}

// A server that is told to stop is not kept by clients that never send anything.
func TestStopWithSilentClients(t *testing.T) {
	var conns []net.Conn
	t.Run("server", func(t *testing.T) {
		r := run(t, func(*webhook.Server) {})
		for range 5 {
			conn, err := net.Dial("tcp", r.address)
			if err != nil {
				t.Fatal(err)
			}
			// As an API server has some that it did not need in the end.
			unused, err := tls.Dial("tcp", r.address, &tls.Config{RootCAs: r.roots})
			if err != nil {
				t.Fatal(err)
			}
			conns = append(conns, conn, unused)
		}
		if status, report := r.ready(t); status != http.StatusOK {
			t.Errorf("%d %s", status, report)
		}
	})
	for _, conn := range conns {
		if _, err := bufio.NewReader(conn).ReadByte(); err == nil {
			t.Error("a connection stays open")
		}
		conn.Close()
	}
}
