package certs

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
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

	// CALifetime and ServingLifetime are how long a CA that is made, and a serving
	// certificate, are valid; the package's own where they are zero. A CA has to live
	// through at least three serving certificates.
	CALifetime, ServingLifetime time.Duration

	Clock   func() time.Time      // time.Now when nil
	Logger  *slog.Logger          // no logging when nil
	Metrics prometheus.Registerer // no metrics when nil
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
	sources        []source
	pause          func(context.Context, time.Duration, <-chan struct{}) bool
	lives          lifetimes
	count          *counters

	current   atomic.Pointer[serving]
	trusted   atomic.Bool           // a pass has published the bundle at least once
	failure   atomic.Pointer[error] // of the last pass
	untrusted atomic.Pointer[error] // what mistrust says since the last pass that could read
	recovered atomic.Pointer[event] // what was lost last, and is there again
	missing   atomic.Pointer[error] // which configurations do not exist

	// pass is held by one Reconcile at a time, and guards what follows.
	pass sync.Mutex
	// seen is since when all configurations hold a certificate, by its DER, and stood what
	// all have ever held. published says that there are any.
	seen      map[string]time.Time
	stood     map[string]bool
	published bool
	// waiting is since when a CA is to sign and cannot yet.
	waiting time.Time
	// leaving is since when a certificate is published that nothing asks for.
	leaving map[string]time.Time
	// next is when something is due before the usual interval is over; zero for nothing.
	next time.Time
	// warned is when the end of the CA was last logged.
	warned time.Time
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
	lives := lifetimes{ca: cmp.Or(opts.CALifetime, CALifetime), serving: cmp.Or(opts.ServingLifetime, ServingLifetime)}
	if err := lives.check(); err != nil {
		return nil, fmt.Errorf("self-signed certificate: %w", err)
	}
	if opts.Clock == nil {
		opts.Clock = time.Now
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	count := &counters{}
	s := &SelfSigned{
		authority: authority{
			secrets:   opts.Secrets,
			namespace: opts.Namespace,
			name:      opts.SecretName,
			lives:     lives,
			logger:    opts.Logger,
		},
		lives:    lives,
		stood:    map[string]bool{},
		count:    count,
		dnsNames: opts.DNSNames,
		ips:      opts.IPs,
		clock:    opts.Clock,
		logger:   opts.Logger,
		sources:  sources(opts),
		pause:    pause,
	}
	s.authority.changed = s.changed
	for _, name := range opts.ValidatingConfigurations {
		s.configurations = append(s.configurations, validatingConfiguration(opts.Webhooks, name))
	}
	for _, name := range opts.MutatingConfigurations {
		s.configurations = append(s.configurations, mutatingConfiguration(opts.Webhooks, name))
	}
	if opts.Metrics != nil {
		if err := s.register(opts.Metrics); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Reconcile makes one pass: it reads the configurations and the CA, takes the step that is
// due with the CA ([authority.step]), signs the serving certificate when there is none,
// when two thirds of its life are over or when another CA signs and is trusted
// everywhere, and writes the caBundles that differ. On error the certificate at hand
// stays in use; it is renewed even so when it is due. A *SecretError says that the Secret
// needs an administrator.
func (s *SelfSigned) Reconcile(ctx context.Context) error {
	s.pass.Lock()
	defer s.pass.Unlock()
	ctx, cancel := context.WithTimeout(ctx, passTimeout)
	defer cancel()
	err := s.reconcile(ctx)
	s.failure.Store(&err)
	return err
}

func (s *SelfSigned) reconcile(ctx context.Context) error {
	for attempt := 1; ; attempt++ {
		errs, err := s.try(ctx)
		if err != nil {
			return err
		}
		if attempt == publishAttempts || !slices.ContainsFunc(errs, apierrors.IsConflict) {
			return s.describe(errs)
		}
	}
}

// try is one attempt at a pass. It returns the errors of the configurations, one for each,
// and what keeps it from writing any.
//
// The configurations are read before the Secret. So none is written with a bundle that is
// older than the one it has: who wrote that has written the Secret before, and the
// configuration is another version now.
func (s *SelfSigned) try(ctx context.Context) ([]error, error) {
	s.next = time.Time{}
	v := s.observe(ctx)
	s.note(v, s.clock())
	old := s.current.Load()
	found, err := s.authority.follow(ctx, s.clock, old.signer(), s.settled)
	now := s.clock()
	if err != nil {
		err = errors.Join(err, s.renew(old, now))
		// While the Secret has no usable CA, and none can be written into it, the CA at hand
		// is the one that counts.
		_, unusable := errors.AsType[*SecretError](err)
		_, unstored := errors.AsType[*storeError](err)
		if !unusable && !unstored || old == nil {
			return nil, err
		}
		found = &content{signer: s.current.Load().ca}
	} else if err = s.serve(old, found.signer, now); err != nil {
		return nil, err
	}
	wanted := s.wanted(found.signer.trusted, v, now)
	errs := s.publish(ctx, wanted, v)
	untrusted := s.mistrust(v, now)
	s.untrusted.Store(&untrusted)
	if errors.Join(errs...) == nil {
		s.trusted.Store(true)
	}
	s.plan(found, now)
	return errs, cmp.Or(err, found.problem)
}

// serve decides what is served. Under a new signer the old certificate is served until the
// configurations trust the new one everywhere, unless nothing more can be signed by the
// old one.
func (s *SelfSigned) serve(old *serving, signer *CA, now time.Time) error {
	if old != nil && !contains(signer.trusted, old.ca.cert) {
		s.tell(fmt.Sprintf("the CA in secret %s/%s is another one all of a sudden: the one before stays published until all replicas have changed",
			s.authority.namespace, s.authority.name), now)
	}
	if old != nil && !old.ca.cert.Equal(signer.cert) && !s.settled(signer, now) && old.ca.usable(now) == nil {
		return s.renew(old, now)
	}
	next, err := s.sign(old, signer, now)
	if err != nil {
		return errors.Join(s.authority.unusable(err), s.renew(old, now))
	}
	s.current.Store(next)
	return nil
}

// renew signs again with the CA at hand when that is due.
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
	cert, err := ca.Sign(now, s.lives.serving, s.dnsNames, s.ips)
	if err != nil {
		return nil, err
	}
	s.logger.Info("serving certificate signed", "notAfter", cert.Leaf.NotAfter, "issuer", cert.Leaf.Issuer.String())
	return &serving{ca: ca, cert: cert, renewAt: renewalTime(now, cert.Leaf.NotAfter)}, nil
}

// plan notes when something is due by itself, and says in the log when the CA is near its
// end and nobody replaces it.
func (s *SelfSigned) plan(found *content, now time.Time) {
	s.due(s.current.Load().renewAt, now)
	s.due(found.previousUntil, now)
	s.due(replaceAt(found.signer.cert), now)
	waits := false
	for _, ca := range []*CA{found.signer, found.next} {
		if ca != nil && !ca.cert.Equal(s.CA().cert) && !s.settled(ca, now) {
			// What was written in this pass is seen in the next one.
			s.due(now.Add(s.lives.settling()), now)
			waits = true
		}
	}
	switch {
	case !waits:
		s.waiting = time.Time{}
	case s.waiting.IsZero():
		s.waiting = now
	case now.Sub(s.waiting) > s.lives.retention():
		s.tell("a new CA does not stay in the caBundle of every webhook configuration, so nothing is signed by it: find out who else writes caBundle", now)
	}
	if err := s.ending(now); err != nil && now.Sub(s.warned) >= warningInterval {
		s.logger.Warn("the CA must be replaced", "error", err)
		s.warned = now
	}
}

// due has the next pass begin at a time at the latest. What was due before now, and is not
// done, waits for the usual interval.
func (s *SelfSigned) due(at, now time.Time) {
	if at.After(now) && (s.next.IsZero() || at.Before(s.next)) {
		s.next = at
	}
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
func (s *SelfSigned) CA() *CA { return s.current.Load().signer() }

// Bundle returns the PEM certificates that a client has to trust, nil before
// there are any.
func (s *SelfSigned) Bundle() []byte {
	if ca := s.CA(); ca != nil {
		return ca.BundlePEM()
	}
	return nil
}

// signer is what signed the certificate that is served; nil where there is none.
func (s *serving) signer() *CA {
	if s == nil {
		return nil
	}
	return s.ca
}

func (s *serving) due(now time.Time) bool {
	// A clock that was set back can leave the certificate in the future.
	return !now.Before(s.renewAt) || now.Before(s.cert.Leaf.NotBefore)
}
