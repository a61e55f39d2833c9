package certs

import (
	"errors"
	"fmt"
	"time"
)

// event is something that is told of for a while.
type event struct {
	text  string
	until time.Time
}

// changed takes note of a step that was taken with the Secret.
func (s *SelfSigned) changed(step change) {
	s.count.changed(step)
	if step == restored || step == replaced {
		s.tell(string(step), s.clock())
	}
}

// tell has something that was lost, and is there again, told of for a while.
func (s *SelfSigned) tell(text string, now time.Time) {
	s.recovered.Store(&event{text: text, until: now.Add(s.lives.retention())})
}

// Ready returns nil when a certificate that is valid now is served, and the webhook
// configurations, as far as they existed when they were last read, trust it.
func (s *SelfSigned) Ready() error {
	err := servable(s.Leaf(), s.clock())
	if untrusted := s.untrusted.Load(); err == nil && untrusted != nil {
		err = *untrusted
	}
	if err == nil && !s.trusted.Load() {
		err = errors.New("the webhook configurations do not trust the serving certificate yet")
	}
	if failure := s.failure.Load(); err != nil && failure != nil && *failure != nil {
		return fmt.Errorf("%w: %w", err, *failure)
	}
	return err
}

// Problem returns what needs somebody's attention although calls are answered: what kept
// the last pass from its end, what was lost some minutes ago and is there again, and a CA
// that nobody replaces before it expires. It is nil when all is well.
func (s *SelfSigned) Problem() error {
	if failure := s.failure.Load(); failure != nil && *failure != nil {
		return *failure
	}
	if missing := s.missing.Load(); missing != nil && *missing != nil {
		return *missing
	}
	if told := s.recovered.Load(); told != nil && s.clock().Before(told.until) {
		return errors.New(told.text)
	}
	return s.ending(s.clock())
}

// ending says that the CA expires soon. One of our own is replaced long before.
func (s *SelfSigned) ending(now time.Time) error {
	ca := s.CA()
	if ca == nil || own(ca.cert) || now.Before(ca.cert.NotAfter.Add(-warningTime)) {
		return nil
	}
	return fmt.Errorf("the CA certificate %q in secret %s/%s expires at %s: put its successor into %s and %s, which is then published beside it, and signs when all trust it",
		ca.cert.Subject, s.authority.namespace, s.authority.name, ca.cert.NotAfter.UTC().Format(time.RFC3339), keyNextCert, keyNextPrivate)
}
