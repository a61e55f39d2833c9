package certs

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/certwatcher"
)

// FromFiles serves a certificate from files that somebody else keeps valid. Its
// methods may be called from several goroutines.
type FromFiles struct {
	watcher *certwatcher.CertWatcher
}

// NewFromFiles reads a PEM certificate, followed by its intermediates, and its
// private key. A nil logger logs nothing; what goes wrong with a later reload
// is logged by controller-runtime, through the logger given to it.
func NewFromFiles(certFile, keyFile string, logger *slog.Logger) (*FromFiles, error) {
	watcher, err := certwatcher.New(certFile, keyFile)
	if err != nil {
		return nil, fmt.Errorf("read serving certificate %q with key %q: %w", certFile, keyFile, err)
	}
	if logger != nil {
		watcher.RegisterCallback(func(cert tls.Certificate) {
			logger.Info("serving certificate loaded", "file", certFile, "notAfter", cert.Leaf.NotAfter)
		})
	}
	return &FromFiles{watcher: watcher}, nil
}

// Run reads the files again when they change, and every ten seconds in case the
// change was not noticed, until ctx ends. A pair that cannot be read or does not
// match is not taken over: the one before stays in use.
func (f *FromFiles) Run(ctx context.Context) error {
	if err := f.watcher.Start(ctx); err != nil && ctx.Err() == nil {
		return fmt.Errorf("watch serving certificate: %w", err)
	}
	return nil
}

// GetCertificate is for tls.Config.
func (f *FromFiles) GetCertificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	return f.watcher.GetCertificate(hello)
}

// Leaf returns the certificate that is served. It must not be changed.
func (f *FromFiles) Leaf() *x509.Certificate {
	if cert, err := f.watcher.GetCertificate(nil); err == nil && cert != nil {
		return cert.Leaf
	}
	return nil
}

// Ready returns nil when the certificate that is served is valid now.
func (f *FromFiles) Ready() error { return servable(f.Leaf(), time.Now()) }
