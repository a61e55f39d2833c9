package webhook_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/url"
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

// authority signs client certificates.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func sign(t *testing.T, template *x509.Certificate, by *authority) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber, template.NotBefore, template.NotAfter = big.NewInt(1), time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	if by == nil {
		by = &authority{template, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by.certificate, &key.PublicKey, by.key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{certificate, key}
}

func newAuthority(t *testing.T) *authority {
	return sign(t, &x509.Certificate{Subject: pkix.Name{CommonName: "clients"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}, nil)
}

// client is a client certificate with a common name, a DNS name and a URI.
func (a *authority) client(t *testing.T, commonName, dns, uri string) tls.Certificate {
	t.Helper()
	template := &x509.Certificate{Subject: pkix.Name{CommonName: commonName}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	if dns != "" {
		template.DNSNames = []string{dns}
	}
	if uri != "" {
		u, err := url.Parse(uri)
		if err != nil {
			t.Fatal(err)
		}
		template.URIs = []*url.URL{u}
	}
	signed := sign(t, template, a)
	return tls.Certificate{Certificate: [][]byte{signed.certificate.Raw}, PrivateKey: signed.key}
}

func (a *authority) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.certificate.Raw})
}

func (a *authority) pool(t *testing.T) *x509.CertPool {
	t.Helper()
	pool, err := webhook.Authorities(a.pem())
	if err != nil {
		t.Fatal(err)
	}
	return pool
}

func TestClientCertificates(t *testing.T) {
	ours, others := newAuthority(t), newAuthority(t)
	var trusted atomic.Pointer[x509.CertPool]
	trusted.Store(ours.pool(t))
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
		{"common name", named, []tls.Certificate{ours.client(t, "kube-apiserver", "", "")}, http.StatusOK},
		{"DNS name", named, []tls.Certificate{ours.client(t, "x", "api.example.org", "")}, http.StatusOK},
		{"URI", named, []tls.Certificate{ours.client(t, "x", "", "spiffe://example.org/api")}, http.StatusOK},
		{"another name", named, []tls.Certificate{ours.client(t, "x", "y.example.org", "spiffe://example.org/y")}, http.StatusForbidden},
		{"any name", unnamed, []tls.Certificate{ours.client(t, "x", "", "")}, http.StatusOK},
		{"no certificate", named, nil, refused},
		{"no certificate, no names", unnamed, nil, refused},
		{"another authority", named, []tls.Certificate{others.client(t, "kube-apiserver", "", "")}, refused},
		{"another authority, no names", unnamed, []tls.Certificate{others.client(t, "x", "", "")}, refused},
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
	trusted.Store(others.pool(t))
	for a, want := range map[*authority]bool{ours: false, others: true} {
		response, err := named.client(a.client(t, "kube-apiserver", "", "")).Post("https://"+named.address+"/validate", "application/json", strings.NewReader(request(overlayExtra, "jane")))
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
		"":                         append(a.pem(), newAuthority(t).pem()...),
		"no PEM certificate found": []byte("x"),
		`PEM block 2 is "PRIVATE KEY" and must be a CERTIFICATE`: append(a.pem(), key...),
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
		for range 10 {
			conn, err := net.Dial("tcp", r.address)
			if err != nil {
				t.Fatal(err)
			}
			conns = append(conns, conn)
		}
		if status, report := r.ready(t); status != http.StatusOK {
			t.Errorf("%d %s", status, report)
		}
		time.Sleep(1500 * time.Millisecond) // silent for long enough
	})
	for _, conn := range conns {
		if _, err := bufio.NewReader(conn).ReadByte(); err == nil {
			t.Error("a connection stays open")
		}
		conn.Close()
	}
}
