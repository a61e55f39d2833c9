package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"

	"github.com/macvlan-webhook/macvlan-webhook/certs"
	"github.com/macvlan-webhook/macvlan-webhook/test/deploy"
	"github.com/macvlan-webhook/macvlan-webhook/test/wait"
)

// The names of what the replicas keep their CA in.
const (
	caSecret      = "macvlan-webhook-ca"
	configuration = "macvlan-webhook"
	bundleKey     = "ca.crt"
	nextCertKey   = "next.crt"
)

// phase is how far a rotation of the CA is, as the Secret shows it.
type phase string

const (
	alone     phase = "the previous CA is dropped"
	published phase = "the next CA is published"
	switched  phase = "the next CA signs"
)

func phaseOf(secret *corev1.Secret) phase {
	const begin = "-----BEGIN CERTIFICATE-----"
	count := func(key string) int { return bytes.Count(secret.Data[key], []byte(begin)) }
	switch {
	case count(nextCertKey) > 0:
		return published
	case count(bundleKey) > count(corev1.TLSCertKey):
		return switched
	}
	return alone
}

// rotationPatience is more than a rotation takes whose CA lives for a minute.
const rotationPatience = 3 * wait.Patience

// awaitPhase waits until a rotation is in the phase.
func (s *site) awaitPhase(ctx context.Context, want phase) error {
	var last phase
	for end := time.Now().Add(rotationPatience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		secret, err := s.secret(ctx)
		if err != nil {
			return err
		}
		if last = phaseOf(secret); last == want {
			return nil
		}
	}
	return fmt.Errorf("no rotation comes to where %s within %s, the last one to where %s", want, rotationPatience, last)
}

func (s *site) secret(ctx context.Context) (*corev1.Secret, error) {
	return s.cluster.CoreV1().Secrets(deploy.Namespace).Get(ctx, caSecret, metav1.GetOptions{})
}

// updateSecret puts other data into the Secret, whatever the replicas have written meanwhile.
func (s *site) updateSecret(ctx context.Context, data map[string][]byte) error {
	return retry.RetryOnConflict(retry.DefaultRetry, func() error {
		secret, err := s.secret(ctx)
		if err != nil {
			return err
		}
		secret.Data = data
		_, err = s.cluster.CoreV1().Secrets(deploy.Namespace).Update(ctx, secret, metav1.UpdateOptions{})
		return err
	})
}

// trusted returns nil when the Secret holds a CA that all replicas sign with, and every
// webhook trusts it.
func (s *site) trusted(ctx context.Context) error {
	secret, err := s.secret(ctx)
	if err != nil {
		return err
	}
	ca, err := certs.ParseCA(secret.Data[corev1.TLSCertKey], secret.Data[corev1.TLSPrivateKeyKey], secret.Data[bundleKey])
	if err != nil {
		return err
	}
	bundles, err := s.bundles(ctx)
	if err != nil {
		return err
	}
	for _, r := range s.all() {
		leaf, err := served(r.Address)
		if err != nil {
			return err
		}
		for _, bundle := range append(bundles, ca.CertPEM()) {
			roots := x509.NewCertPool()
			roots.AppendCertsFromPEM(bundle)
			if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots}); err != nil {
				return err
			}
		}
	}
	return nil
}

// awaitTrust waits until trusted returns nil.
func (s *site) awaitTrust(ctx context.Context) error {
	var last error
	err := wait.For("one CA that all replicas sign with and all webhooks trust", func() bool {
		last = s.trusted(ctx)
		return last == nil
	})
	if err != nil {
		return errors.Join(err, last)
	}
	return nil
}

// served is the certificate that a server serves.
func served(address string) (*x509.Certificate, error) {
	// It is what is looked at: nothing is to be verified yet.
	conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0], nil
}

// bundles are the caBundles of all webhooks.
func (s *site) bundles(ctx context.Context) (bundles [][]byte, err error) {
	validating, err := s.cluster.AdmissionregistrationV1().ValidatingWebhookConfigurations().Get(ctx, configuration, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	for _, webhook := range validating.Webhooks {
		bundles = append(bundles, webhook.ClientConfig.CABundle)
	}
	mutating, err := s.cluster.AdmissionregistrationV1().MutatingWebhookConfigurations().Get(ctx, configuration, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	for _, webhook := range mutating.Webhooks {
		bundles = append(bundles, webhook.ClientConfig.CABundle)
	}
	return bundles, nil
}

// strip takes the caBundles out of all webhooks, as a tool does that replaces the
// configurations by what stands in the manifests.
func (s *site) strip(ctx context.Context) error {
	api := s.cluster.AdmissionregistrationV1()
	return errors.Join(
		retry.RetryOnConflict(retry.DefaultRetry, func() error {
			object, err := api.ValidatingWebhookConfigurations().Get(ctx, configuration, metav1.GetOptions{})
			if err != nil {
				return err
			}
			for i := range object.Webhooks {
				object.Webhooks[i].ClientConfig.CABundle = nil
			}
			_, err = api.ValidatingWebhookConfigurations().Update(ctx, object, metav1.UpdateOptions{})
			return err
		}),
		retry.RetryOnConflict(retry.DefaultRetry, func() error {
			object, err := api.MutatingWebhookConfigurations().Get(ctx, configuration, metav1.GetOptions{})
			if err != nil {
				return err
			}
			for i := range object.Webhooks {
				object.Webhooks[i].ClientConfig.CABundle = nil
			}
			_, err = api.MutatingWebhookConfigurations().Update(ctx, object, metav1.UpdateOptions{})
			return err
		}),
	)
}

// reports are what the replicas say of themselves.
func (s *site) reports(ctx context.Context) (reports []string) {
	for _, r := range s.all() {
		// One that does not answer is found by the Service.
		if _, report, err := r.Probe(ctx, "/readyz?verbose"); err == nil {
			reports = append(reports, report)
		}
	}
	return reports
}

// containsFault says whether a report has a line about something that is not in order.
func containsFault(report string) bool { return strings.Contains(report, "[-]") }
