package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
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

// step is one of those in which the CA is replaced, as the Secret shows it.
type step string

const (
	published step = "the next CA is published"
	switched  step = "the next CA signs"
	dropped   step = "a previous CA is dropped"
)

// taken says whether the step was taken between two looks at the Secret.
func (w step) taken(before, now *corev1.Secret) bool {
	switch w {
	case published:
		return len(before.Data[nextCertKey]) == 0 && len(now.Data[nextCertKey]) > 0
	case switched:
		return !bytes.Equal(before.Data[corev1.TLSCertKey], now.Data[corev1.TLSCertKey])
	}
	remaining := certificatesOf(now.Data[bundleKey])
	return slices.ContainsFunc(certificatesOf(before.Data[bundleKey]), func(cert string) bool { return !slices.Contains(remaining, cert) })
}

// certificatesOf are the certificates of a bundle in PEM.
func certificatesOf(bundle []byte) (certificates []string) {
	for block, rest := pem.Decode(bundle); block != nil; block, rest = pem.Decode(rest) {
		certificates = append(certificates, string(block.Bytes))
	}
	return certificates
}

// stepPatience is more than passes between two steps of one kind while a CA lives for a
// minute.
const stepPatience = 2 * wait.Patience

// awaitStep waits until the step is taken from now on.
func (s *site) awaitStep(ctx context.Context, what step) error {
	before, err := s.secret(ctx)
	for end := time.Now().Add(stepPatience); err == nil && time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		var now *corev1.Secret
		if now, err = s.secret(ctx); err == nil && what.taken(before, now) {
			return nil
		}
		before = now
	}
	return errors.Join(fmt.Errorf("not within %s: %s", stepPatience, what), err)
}

func (s *site) secret(ctx context.Context) (*corev1.Secret, error) {
	return s.cluster.CoreV1().Secrets(deploy.Namespace).Get(ctx, caSecret, metav1.GetOptions{})
}

// updateSecret replaces the Secret, whatever the replicas have written meanwhile.
func (s *site) updateSecret(ctx context.Context, want *corev1.Secret) error {
	return retry.RetryOnConflict(retry.DefaultRetry, func() error {
		now, err := s.secret(ctx)
		if err != nil {
			return err
		}
		want.ResourceVersion = now.ResourceVersion
		_, err = s.cluster.CoreV1().Secrets(deploy.Namespace).Update(ctx, want, metav1.UpdateOptions{})
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
		change(ctx, api.ValidatingWebhookConfigurations(), func(c *admissionv1.ValidatingWebhookConfiguration) {
			for i := range c.Webhooks {
				c.Webhooks[i].ClientConfig.CABundle = nil
			}
		}),
		change(ctx, api.MutatingWebhookConfigurations(), func(c *admissionv1.MutatingWebhookConfiguration) {
			for i := range c.Webhooks {
				c.Webhooks[i].ClientConfig.CABundle = nil
			}
		}),
	)
}

// change changes the webhook configuration of one kind.
func change[T any](ctx context.Context, api interface {
	Get(context.Context, string, metav1.GetOptions) (*T, error)
	Update(context.Context, *T, metav1.UpdateOptions) (*T, error)
}, how func(*T)) error {
	return retry.RetryOnConflict(retry.DefaultRetry, func() error {
		object, err := api.Get(ctx, configuration, metav1.GetOptions{})
		if err != nil {
			return err
		}
		how(object)
		_, err = api.Update(ctx, object, metav1.UpdateOptions{})
		return err
	})
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
