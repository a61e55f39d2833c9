package certs

import (
	"crypto/x509"
	"errors"
	"fmt"
	"time"
)

var errNoCertificate = errors.New("there is no serving certificate yet")

func servable(leaf *x509.Certificate, now time.Time) error {
	switch {
	case leaf == nil:
		return errNoCertificate
	case now.After(leaf.NotAfter):
		return fmt.Errorf("the serving certificate expired at %s", leaf.NotAfter.UTC().Format(time.RFC3339))
	case now.Before(leaf.NotBefore):
		return fmt.Errorf("the serving certificate is not valid before %s", leaf.NotBefore.UTC().Format(time.RFC3339))
	}
	return nil
}

// renewalTime is when two thirds of the life after now are over, which leaves
// the last third for an API server or a CA that is out of order.
func renewalTime(now, notAfter time.Time) time.Time {
	return now.Add(notAfter.Sub(now) * 2 / 3)
}
