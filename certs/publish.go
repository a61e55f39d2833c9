package certs

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// publishAttempts bounds how often a pass begins again because a configuration changed
// before it was written, as it does when replicas start together.
const publishAttempts = 5

// view is what a pass has read of the configurations.
type view struct {
	found []*published // nil for those that do not exist
	errs  []error      // for those that could not be read
}

// observe reads all configurations. One that cannot be read does not keep the others from
// being right.
func (s *SelfSigned) observe(ctx context.Context) *view {
	v := &view{found: make([]*published, len(s.configurations)), errs: make([]error, len(s.configurations))}
	for n, c := range s.configurations {
		v.found[n], v.errs[n] = c.observe(ctx)
		if v.errs[n] != nil {
			continue
		}
		absent := v.found[n] == nil
		if absent && !c.absent {
			s.logger.Warn("webhook configuration not found, waiting for it", "kind", c.kind, "name", c.name)
		}
		c.absent = absent
		c.seen = c.seen || !absent
	}
	var missing error
	for _, c := range s.configurations {
		// An installation that observes never has a mutating one.
		if c.absent && (c.seen || c.kind == validatingKind) {
			missing = errors.Join(missing, fmt.Errorf("%s %q does not exist, so nothing is sent here for it: apply the manifests", c.kind, c.name))
		}
	}
	s.missing.Store(&missing)
	return v
}

// trusted is what the caBundle of each webhook holds.
func (v *view) trusted() [][]*x509.Certificate {
	var all [][]*x509.Certificate
	for _, found := range v.found {
		if found != nil {
			all = append(all, found.trusted...)
		}
	}
	return all
}

// wanted is what every caBundle is to hold: what the Secret says is to be trusted, what
// signed the certificate that is served here, and for a while what else the configurations
// hold. That may be what another replica still serves under, which has not noticed yet
// that the Secret was replaced or deleted.
func (s *SelfSigned) wanted(trusted []*x509.Certificate, v *view, now time.Time) []*x509.Certificate {
	all := slices.Clone(trusted)
	if current := s.current.Load(); current != nil {
		for _, cert := range current.ca.roots() {
			if !contains(all, cert) {
				all = append(all, cert)
			}
		}
	}
	leaving := map[string]time.Time{}
	for _, published := range v.trusted() {
		for _, cert := range published {
			if contains(all, cert) {
				continue
			}
			key := string(cert.Raw)
			since, known := s.leaving[key]
			if !known {
				since = now
			}
			leaving[key] = since
			if until := since.Add(s.lives.retention()); now.Before(until) && now.Before(cert.NotAfter) {
				all = append(all, cert)
				s.due(until, now)
			}
		}
	}
	s.leaving = leaving
	return all
}

// publish brings the caBundles to what is wanted. The errors that it returns for
// configurations that have changed since they were read are conflicts.
func (s *SelfSigned) publish(ctx context.Context, wanted []*x509.Certificate, v *view) []error {
	bundle := encodeCertificates(wanted)
	root := s.CA().roots()[0]
	errs := slices.Clone(v.errs)
	for n, c := range s.configurations {
		found := v.found[n]
		if found == nil {
			continue
		}
		// An unneeded write wakes everybody who watches the configuration, GitOps
		// controllers foremost.
		var stale []int
		taken := false
		for i, have := range found.trusted {
			if !same(have, wanted) {
				stale = append(stale, i)
				taken = taken || s.stood[string(root.Raw)] && !contains(have, root)
			}
		}
		if len(stale) == 0 && found.applied() < 0 {
			continue
		}
		gone, err := c.write(ctx, found, stale, bundle)
		if err != nil {
			errs[n] = fmt.Errorf("write caBundle of %s %q: %w", c.kind, c.name, err)
			continue
		}
		if gone {
			v.found[n] = nil
			continue
		}
		for _, i := range stale {
			found.trusted[i] = wanted
		}
		logger := s.logger.With("kind", c.kind, "name", c.name)
		switch {
		case len(stale) == 0:
			logger.Info("ownership by server-side apply given up")
			continue
		case taken && s.trusted.Load():
			logger.Warn("caBundle was taken away, and is written again")
			s.tell(fmt.Sprintf("caBundle of %s %q was taken away, and is written again: find out who does that", c.kind, c.name), s.clock())
		default:
			logger.Info("caBundle written")
		}
		s.count.written(c.kind)
	}
	return errs
}

// describe makes an error of those of single configurations; nil where there is none.
func (s *SelfSigned) describe(errs []error) error {
	var all []error
	for n, err := range errs {
		c := s.configurations[n]
		switch {
		case err == nil:
		case apierrors.IsConflict(err):
			all = append(all, fmt.Errorf("write caBundle of %s %q: it changed between reading and writing, %d times in a row", c.kind, c.name, publishAttempts))
		default:
			all = append(all, err)
		}
	}
	return errors.Join(all...)
}

// same says whether a caBundle holds these certificates and no others, whatever their order.
func same(have, want []*x509.Certificate) bool {
	return len(have) == len(want) && !slices.ContainsFunc(have, func(cert *x509.Certificate) bool { return !contains(want, cert) })
}

// note remembers since when every configuration holds each of the certificates, as they are
// found. Those that could not be read are taken to be as they were.
func (s *SelfSigned) note(v *view, now time.Time) {
	trusted := v.trusted()
	unread := errors.Join(v.errs...) != nil
	s.published = len(trusted) > 0 || unread
	seen := map[string]time.Time{}
	for n, certs := range trusted {
		held := map[string]time.Time{}
		for _, cert := range certs {
			key := string(cert.Raw)
			if since, known := s.seen[key]; known {
				held[key] = since
			} else if !unread {
				held[key] = now
			}
		}
		if n > 0 {
			maps.DeleteFunc(held, func(key string, _ time.Time) bool { _, is := seen[key]; return !is })
		}
		seen = held
	}
	s.seen = seen
	for key := range seen {
		s.stood[key] = true
	}
}

// settled says whether every configuration has trusted a CA for so long that all API
// servers and all replicas know it.
func (s *SelfSigned) settled(ca *CA, now time.Time) bool {
	if !s.published {
		return true // there is nobody to wait for
	}
	since, known := s.seen[string(ca.cert.Raw)]
	if !known {
		return false
	}
	if at := since.Add(s.lives.settling()); now.Before(at) {
		s.due(at, now)
		return false
	}
	return true
}

// mistrust says which configuration trusts others, and not what is served here. One
// without a caBundle is the same for all replicas, so that it is no reason for this one to
// leave the Service.
func (s *SelfSigned) mistrust(v *view, now time.Time) error {
	current := s.current.Load()
	if current == nil {
		return errNoCertificate
	}
	for n, found := range v.found {
		if found == nil {
			continue
		}
		for _, trusted := range found.trusted {
			if len(trusted) == 0 {
				continue
			}
			if (&CA{chain: current.ca.chain, trusted: trusted}).verify(current.cert.Leaf, now) != nil {
				c := s.configurations[n]
				return fmt.Errorf("%s %q does not trust the serving certificate: its caBundle is another one", c.kind, c.name)
			}
		}
	}
	return nil
}
