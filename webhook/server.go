package webhook

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// headerTimeout bounds the TLS handshake, and the header of a request, also where the
	// server gets little of a processor.
	headerTimeout = 5 * time.Second
	// writeTimeout is above the longest timeout that Kubernetes allows a webhook, 30
	// seconds: it counts from the header on. Once there is an answer, answerTimeout
	// counts.
	writeTimeout = 35 * time.Second
	// idleTimeout is above the 90 seconds after which kube-apiserver closes a
	// connection it does not use: the side that sends must be the one that
	// closes, or a request is lost on the way.
	idleTimeout = 120 * time.Second
	// shutdownTimeout is for requests still under way after the drain time.
	shutdownTimeout = 5 * time.Second
	// newPlaces and keptPlaces bound memory: with a small body and the state of TLS, a
	// connection takes some 150 KiB. An API server keeps up to 25 idle ones for each of
	// the two paths, and opens one more per request under way; those above the limits
	// wait, or are closed after their answer.
	newPlaces  = 100
	keptPlaces = 200
	// probePlaces is how many probes and scrapes may be under way.
	probePlaces = 64
	// probeTimeout bounds each step of a probe but the server's answer.
	probeTimeout   = 3 * time.Second
	maxHeaderBytes = 16 << 10
)

// Check is a condition of readiness.
type Check struct {
	Name  string
	Ready func() error
	// Advisory marks a condition that is reported and does not make the server
	// unready.
	Advisory bool
}

// Server serves the webhook over TLS, and probes and metrics over plain HTTP.
type Server struct {
	// Listen and ProbeListen are addresses such as ":9443".
	Listen, ProbeListen string
	// GetCertificate is asked at every handshake.
	GetCertificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)
	// ClientCAs sign the certificates of clients that may connect; asked at every
	// handshake. Nil lets in clients without a certificate.
	ClientCAs func() *x509.CertPool
	// ClientNames are those of the certificates that may call: common name, DNS name or
	// URI. Without one, any certificate of ClientCAs may.
	ClientNames []string
	Handler     http.Handler
	Metrics     http.Handler
	// Counts are what of the connections is counted.
	Counts *Metrics
	// Checks, besides the server's own, must pass before it is ready.
	Checks []Check
	// Drain is how long the server keeps answering after it is told to stop:
	// for so long, clients may not have noticed yet that it is not ready.
	Drain  time.Duration
	Logger *slog.Logger

	connections *connections
	self        selfCheck
	draining    atomic.Bool
}

// Run serves until ctx ends, then says that it is not ready, keeps answering for
// the drain time, lets requests under way finish, and returns.
func (s *Server) Run(ctx context.Context) error {
	listener, err := net.Listen("tcp", s.Listen)
	if err != nil {
		return fmt.Errorf("listen for admission requests: %w", err)
	}
	probeListener, err := net.Listen("tcp", s.ProbeListen)
	if err != nil {
		return errors.Join(fmt.Errorf("listen for probes: %w", err), listener.Close())
	}
	silence := silence{first: settling, later: stalling}
	s.connections = share(listener, newPlaces, keptPlaces, silence, s.Counts.evicted)
	probeConnections := share(probeListener, probePlaces, 0, silence, s.Counts.evicted)

	// Errors of single connections (a port scan, a client that does not trust
	// the certificate) are not worth a line each at the default level.
	quiet := slog.NewLogLogger(s.Logger.Handler(), slog.LevelDebug)
	admission := &http.Server{
		Handler:                      s.fromClients(s.Handler),
		DisableGeneralOptionsHandler: true,
		TLSConfig:                    s.tlsConfig(),
		Protocols:                    http1(),
		ReadHeaderTimeout:            headerTimeout,
		ReadTimeout:                  headerTimeout + bodyTimeout,
		WriteTimeout:                 writeTimeout,
		IdleTimeout:                  idleTimeout,
		MaxHeaderBytes:               maxHeaderBytes,
		ConnState:                    follow,
		ConnContext:                  withConnection,
		ErrorLog:                     quiet,
	}
	probes := &http.Server{
		Handler:                      s.probes(),
		DisableGeneralOptionsHandler: true,
		ReadHeaderTimeout:            probeTimeout,
		ReadTimeout:                  probeTimeout,
		// From the header on, so with the server's call to itself.
		WriteTimeout:   selfTimeout + probeTimeout,
		MaxHeaderBytes: maxHeaderBytes,
		ConnContext:    withConnection,
		ErrorLog:       quiet,
	}
	// A probe comes every few seconds, and its connection would only take a place.
	probes.SetKeepAlivesEnabled(false)
	s.Logger.Info("serving", "address", listener.Addr().String(), "probes", probeListener.Addr().String())

	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		return closed(admission.ServeTLS(s.connections, "", ""))
	})
	group.Go(func() error { return closed(probes.Serve(probeConnections)) })
	group.Go(func() error {
		<-ctx.Done()
		s.draining.Store(true)
		// Every answer tells the client to take another connection, and so another
		// replica, for its next request. Idle connections stay open until the end of
		// the drain time: closing one in the moment in which the API server sends a
		// request on it would lose the request.
		s.connections.drain()
		s.Logger.Info("stopping", "drain", s.Drain.String())
		time.Sleep(s.Drain)
		stop, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
		defer cancel()
		return errors.Join(admission.Shutdown(stop), probes.Shutdown(stop))
	})
	return group.Wait()
}

func closed(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// http1 is HTTP/1.1 alone: kube-apiserver speaks nothing else to webhooks, and
// not serving HTTP/2 rules out its denial-of-service weaknesses.
func http1() *http.Protocols {
	p := &http.Protocols{}
	p.SetHTTP1(true)
	return p
}

func (s *Server) tlsConfig() *tls.Config {
	config := &tls.Config{
		// crypto/tls prefers 1.3 where both sides have it.
		MinVersion:     tls.VersionTLS12,
		GetCertificate: s.GetCertificate,
		NextProtos:     []string{"http/1.1"},
	}
	config.GetConfigForClient = s.configFor(config)
	return config
}

// probes answers /healthz (the process works), /readyz (requests are answered
// rightly here) and /metrics.
func (s *Server) probes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "ok")
	})
	mux.HandleFunc("GET /readyz", s.readyz)
	mux.Handle("GET /metrics", s.Metrics)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		connectionOf(r.Context()).begin()
		mux.ServeHTTP(w, r)
	})
}

func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	checks := append([]Check{
		{Name: "not-stopping", Ready: s.notStopping},
		{Name: "certificate", Ready: s.certificateServed},
		{Name: "answer", Ready: s.answersItself},
	}, s.Checks...)
	var report strings.Builder
	ready := true
	for _, c := range checks {
		if err := c.Ready(); err != nil {
			ready = ready && c.Advisory
			fmt.Fprintf(&report, "[-]%s: %v\n", c.Name, err)
		} else {
			fmt.Fprintf(&report, "[+]%s ok\n", c.Name)
		}
	}
	if !ready {
		http.Error(w, report.String()+"not ready", http.StatusServiceUnavailable)
		return
	}
	if r.URL.Query().Has("verbose") {
		fmt.Fprint(w, report.String())
	}
	fmt.Fprintln(w, "ok")
}

func (s *Server) notStopping() error {
	if s.draining.Load() {
		return errors.New("the server is stopping")
	}
	return nil
}
