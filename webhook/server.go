package webhook

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/net/netutil"
	"golang.org/x/sync/errgroup"
)

const (
	// headerTimeout bounds the TLS handshake and the header of a request.
	headerTimeout = 5 * time.Second
	// writeTimeout is above the longest timeout that Kubernetes allows a
	// webhook, 30 seconds.
	writeTimeout = 35 * time.Second
	// idleTimeout is above the 90 seconds after which kube-apiserver closes a
	// connection it does not use: the side that sends must be the one that
	// closes, or a request is lost on the way.
	idleTimeout = 120 * time.Second
	// shutdownTimeout is for requests still under way after the drain time.
	shutdownTimeout = 5 * time.Second
	// maxConnections bounds memory: with a small body and the state of TLS, a
	// connection takes some 150 KiB. An API server keeps up to 25 idle ones and
	// opens one more per request under way; those above the limit wait.
	maxConnections = 250
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
	Handler        http.Handler
	Metrics        http.Handler
	// Checks, besides the server's own, must pass before it is ready.
	Checks []Check
	// Drain is how long the server keeps answering after it is told to stop:
	// for so long, clients may not have noticed yet that it is not ready.
	Drain  time.Duration
	Logger *slog.Logger

	address  string
	draining atomic.Bool
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
	s.address = listener.Addr().String()

	// Errors of single connections (a port scan, a client that does not trust
	// the certificate) are not worth a line each at the default level.
	quiet := slog.NewLogLogger(s.Logger.Handler(), slog.LevelDebug)
	admission := &http.Server{
		Handler:           s.closeWhileDraining(s.Handler),
		TLSConfig:         s.tlsConfig(),
		Protocols:         http1(),
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       headerTimeout + bodyTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          quiet,
	}
	probes := &http.Server{
		Handler:           s.probes(),
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       headerTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          quiet,
	}
	s.Logger.Info("serving", "address", s.address, "probes", probeListener.Addr().String())

	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		return closed(admission.ServeTLS(netutil.LimitListener(listener, maxConnections), "", ""))
	})
	group.Go(func() error { return closed(probes.Serve(netutil.LimitListener(probeListener, maxConnections))) })
	group.Go(func() error {
		<-ctx.Done()
		s.draining.Store(true)
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

// closeWhileDraining makes every answer, once the server is to stop, tell the
// client to take another connection, and so another replica, for its next request.
// Idle connections stay open until the end of the drain time: closing one in the
// moment in which the API server sends a request on it would lose the request.
func (s *Server) closeWhileDraining(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.draining.Load() {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

// http1 is HTTP/1.1 alone: kube-apiserver speaks nothing else to webhooks, and
// not serving HTTP/2 rules out its denial-of-service weaknesses.
func http1() *http.Protocols {
	p := &http.Protocols{}
	p.SetHTTP1(true)
	return p
}

func (s *Server) tlsConfig() *tls.Config {
	return &tls.Config{
		// crypto/tls prefers 1.3 where both sides have it.
		MinVersion:     tls.VersionTLS12,
		GetCertificate: s.GetCertificate,
		NextProtos:     []string{"http/1.1"},
	}
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
	return mux
}

func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	checks := append([]Check{{Name: "not-stopping", Ready: s.notStopping}, {Name: "certificate", Ready: s.certificateServed}}, s.Checks...)
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

// certificateServed connects to the server as a client does and compares what is
// served with what should be.
func (s *Server) certificateServed() error {
	want, err := s.GetCertificate(&tls.ClientHelloInfo{})
	if err != nil {
		return fmt.Errorf("no certificate to serve yet: %w", err)
	}
	host, port, err := net.SplitHostPort(s.address)
	if err != nil {
		return err
	}
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "localhost"
	}
	dialer := tls.Dialer{
		NetDialer: &net.Dialer{Timeout: time.Second},
		// Compared byte by byte below, which is stricter than a verification.
		Config: &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12},
	}
	conn, err := dialer.Dial("tcp", net.JoinHostPort(host, port))
	if err != nil {
		return fmt.Errorf("connect to the server's own port: %w", err)
	}
	defer conn.Close()
	served := conn.(*tls.Conn).ConnectionState().PeerCertificates
	if len(served) == 0 || !bytes.Equal(served[0].Raw, want.Certificate[0]) {
		return errors.New("the certificate that is served is not the current one")
	}
	if now := time.Now(); now.After(served[0].NotAfter) || now.Before(served[0].NotBefore) {
		return fmt.Errorf("the certificate is valid from %s to %s only", served[0].NotBefore, served[0].NotAfter)
	}
	return nil
}
