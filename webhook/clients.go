package webhook

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
)

// Authorities reads a PEM bundle of the authorities that sign client certificates. It
// takes nothing else: a bundle that is cut off must not shut out half of the API servers.
func Authorities(bundle []byte) (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	for n := 1; ; n++ {
		var block *pem.Block
		if block, bundle = pem.Decode(bundle); block == nil {
			if n == 1 {
				return nil, errors.New("no PEM certificate found")
			}
			return pool, nil
		}
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("PEM block %d is %s and must be a CERTIFICATE", n, quote.Value(block.Type))
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d: %w", n, err)
		}
		pool.AddCert(certificate)
	}
}

// configFor makes the TLS configuration for one handshake. With client certificates, each
// is verified against the authorities as they are now.
func (s *Server) configFor(base *tls.Config) func(*tls.ClientHelloInfo) (*tls.Config, error) {
	own := base.Clone()
	// A ticket that is sent and not read would block the pipe.
	own.SessionTicketsDisabled = true
	return func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if c := tracked(hello.Conn); c != nil && c.own {
			return own, nil
		}
		if s.ClientCAs == nil {
			return nil, nil // base
		}
		config := base.Clone()
		config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, s.ClientCAs()
		// A resumed session would not show its certificate again.
		config.SessionTicketsDisabled = true
		return config, nil
	}
}

// fromClients passes requests of clients whose certificate has one of the names.
func (s *Server) fromClients(next http.Handler) http.Handler {
	if s.ClientCAs == nil || len(s.ClientNames) == 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c := connectionOf(r.Context()); c != nil && c.own {
			next.ServeHTTP(w, r)
			return
		}
		certificate := r.TLS.PeerCertificates[0]
		if !slices.ContainsFunc(namesOf(certificate), func(name string) bool { return slices.Contains(s.ClientNames, name) }) {
			s.Counts.stranger()
			w.Header().Set("Connection", "close")
			http.Error(w, fmt.Sprintf("the client certificate of %s is not one that may call: allow one of its names with --client-name, or call with another certificate",
				quote.Value(certificate.Subject.CommonName)), http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// namesOf are the common name, and the DNS names and URIs among the alternative ones.
func namesOf(certificate *x509.Certificate) []string {
	names := append([]string{certificate.Subject.CommonName}, certificate.DNSNames...)
	for _, uri := range certificate.URIs {
		names = append(names, uri.String())
	}
	return names
}
