package certs

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"
	typedv1 "k8s.io/client-go/kubernetes/typed/admissionregistration/v1"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
)

// passTimeout ends a pass whose API server accepts connections but does not
// answer, so that the serving certificate is still renewed in time.
const passTimeout = 30 * time.Second

// SelfOptions says where the CA is kept and whom it serves.
type SelfOptions struct {
	Secrets  typedcorev1.SecretsGetter                // clientset.CoreV1() fits
	Webhooks typedv1.AdmissionregistrationV1Interface // clientset.AdmissionregistrationV1() fits

	// Namespace and SecretName name the Secret that holds the CA. It is made
	// when absent.
	Namespace, SecretName string

	// DNSNames and IPs are the serving certificate's subject alternative names.
	// The API server calls a Service as <name>.<namespace>.svc. At least one of
	// either is required.
	DNSNames []string
	IPs      []net.IP

	// ValidatingConfigurations and MutatingConfigurations name the webhook
	// configurations whose caBundles are kept right, in all of their webhooks.
	ValidatingConfigurations, MutatingConfigurations []string

	Clock  func() time.Time // time.Now when nil
	Logger *slog.Logger     // no logging when nil
}

// SelfSigned serves a certificate that it signs itself with the CA in a Secret.
// Its methods may be called from several goroutines.
type SelfSigned struct {
	authority      authority
	configurations []*configuration
	dnsNames       []string
	ips            []net.IP
	clock          func() time.Time
	logger         *slog.Logger
	pause          func(context.Context, time.Duration)

	pass    sync.Mutex // one Reconcile at a time
	current atomic.Pointer[serving]
	trusted atomic.Bool           // a pass has published the bundle at least once
	failure atomic.Pointer[error] // of the last pass, for Ready
}

// serving is what a replica serves and the CA it comes from. It is immutable.
type serving struct {
	ca      *CA
	cert    *tls.Certificate
	renewAt time.Time
}

// NewSelfSigned checks the options. It does not call the API server; Reconcile
// and Run do.
func NewSelfSigned(opts SelfOptions) (*SelfSigned, error) {
	switch {
	case opts.Secrets == nil || opts.Webhooks == nil:
		return nil, errors.New("self-signed certificate: a client for secrets and one for webhook configurations are required")
	case opts.Namespace == "" || opts.SecretName == "":
		return nil, fmt.Errorf("self-signed certificate: namespace %q and name %q of the CA secret must not be empty", opts.Namespace, opts.SecretName)
	case len(opts.DNSNames)+len(opts.IPs) == 0:
		return nil, errors.New("self-signed certificate: at least one DNS name or IP address is required")
	}
	for _, name := range opts.DNSNames {
		if problems := validation.IsDNS1123Subdomain(name); problems != nil {
			return nil, fmt.Errorf("self-signed certificate: DNS name %q: %s", name, strings.Join(problems, "; "))
		}
	}
	for _, ip := range opts.IPs {
		if ip.To16() == nil {
			return nil, fmt.Errorf("self-signed certificate: %d bytes are not an IP address", len(ip))
		}
	}
	if opts.Clock == nil {
		opts.Clock = time.Now
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	s := &SelfSigned{
		authority: authority{
			secrets:   opts.Secrets,
			namespace: opts.Namespace,
			name:      opts.SecretName,
			logger:    opts.Logger,
		},
		dnsNames: opts.DNSNames,
		ips:      opts.IPs,
		clock:    opts.Clock,
		logger:   opts.Logger,
		pause:    pause,
	}
	for _, name := range opts.ValidatingConfigurations {
		s.configurations = append(s.configurations, validatingConfiguration(opts.Webhooks, name))
	}
	for _, name := range opts.MutatingConfigurations {
		s.configurations = append(s.configurations, mutatingConfiguration(opts.Webhooks, name))
	}
	return s, nil
}

// Reconcile makes one pass: it reads the CA, or makes it, signs the serving
// certificate when there is none, when two thirds of its life are over or when
// the signer has changed, and writes the caBundles that differ. On error the
// certificate at hand stays in use; it is renewed even so when it is due. A
// *SecretError says that the Secret needs an administrator.
func (s *SelfSigned) Reconcile(ctx context.Context) error {
	s.pass.Lock()
	defer s.pass.Unlock()
	err := s.reconcile(ctx)
	s.failure.Store(&err)
	return err
}

func (s *SelfSigned) reconcile(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, passTimeout)
	defer cancel()

	now := s.clock()
	old := s.current.Load()
	ca, err := s.authority.ensure(ctx, now)
	if err != nil {
		return errors.Join(err, s.renew(old, now))
	}
	next, err := s.sign(old, ca, now)
	if err != nil {
		return errors.Join(s.authority.unusable(err), s.renew(old, now))
	}
	// Under a new signer the old certificate is served until the configurations
	// trust the new one. If the Secret's bundle has both, no call fails.
	if old == nil || old.due(now) || old.ca.cert.Equal(ca.cert) {
		s.current.Store(next)
	}
	if err := publishAll(ctx, s.configurations, ca.BundlePEM(), s.logger); err != nil {
		return err
	}
	s.current.Store(next)
	s.trusted.Store(true)
	return nil
}

// renew signs again with the CA at hand, for as long as the Secret has no usable
// one.
func (s *SelfSigned) renew(old *serving, now time.Time) error {
	if old == nil || !old.due(now) {
		return nil
	}
	next, err := s.sign(old, old.ca, now)
	if err != nil {
		return err
	}
	s.current.Store(next)
	return nil
}

// sign returns what is to be served under ca: the old certificate if ca signed
// it and it is not due, otherwise a new one.
func (s *SelfSigned) sign(old *serving, ca *CA, now time.Time) (*serving, error) {
	if old != nil && !old.due(now) && old.ca.cert.Equal(ca.cert) {
		return &serving{ca: ca, cert: old.cert, renewAt: old.renewAt}, nil
	}
	cert, err := ca.Sign(now, s.dnsNames, s.ips)
	if err != nil {
		return nil, err
	}
	s.logger.Info("serving certificate signed", "notAfter", cert.Leaf.NotAfter, "issuer", cert.Leaf.Issuer.String())
	return &serving{ca: ca, cert: cert, renewAt: renewalTime(now, cert.Leaf.NotAfter)}, nil
}

// GetCertificate is for tls.Config. It returns an error until the first pass
// has signed a certificate.
func (s *SelfSigned) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	current := s.current.Load()
	if current == nil {
		return nil, errNoCertificate
	}
	return current.cert, nil
}

// Leaf returns the certificate that is served, nil before there is one. It must
// not be changed.
func (s *SelfSigned) Leaf() *x509.Certificate {
	if current := s.current.Load(); current != nil {
		return current.cert.Leaf
	}
	return nil
}

// CA returns the authority that signed the certificate that is served, nil
// before there is one.
func (s *SelfSigned) CA() *CA {
	if current := s.current.Load(); current != nil {
		return current.ca
	}
	return nil
}

// Bundle returns the PEM certificates that a client has to trust, nil before
// there are any.
func (s *SelfSigned) Bundle() []byte {
	if ca := s.CA(); ca != nil {
		return ca.BundlePEM()
	}
	return nil
}

// Ready returns nil when a certificate valid at now is served and the webhook
// configurations, as far as they existed, have trusted it once. It stays nil
// while the API server is away.
func (s *SelfSigned) Ready(now time.Time) error {
	err := servable(s.Leaf(), now)
	if err == nil && !s.trusted.Load() {
		err = errors.New("the webhook configurations do not trust the serving certificate yet")
	}
	if failure := s.failure.Load(); err != nil && failure != nil && *failure != nil {
		return fmt.Errorf("%w: %w", err, *failure)
	}
	return err
}

func (s *serving) due(now time.Time) bool {
	// A clock that was set back can leave the certificate in the future.
	return !now.Before(s.renewAt) || now.Before(s.cert.Leaf.NotBefore)
}
