package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/macvlan-webhook/macvlan-webhook/test/deploy"
	"github.com/macvlan-webhook/macvlan-webhook/test/wait"
)

// certificates are the drills in which the CA changes, by itself or by somebody's hand.
func certificates() []*drill {
	return []*drill{
		{
			name: "ca-rotations", about: "twenty CAs in a row; a CA lives for 18 s, a serving certificate for 6 s",
			mayFail: nothing, flags: lives, long: true, run: rotations,
		},
		{
			name: "replica-killed-in-rotation", about: "kill -9 of one replica in each phase of a rotation: the next CA is published, it signs, the previous one is dropped",
			mayFail: inFlight, flags: lives, run: killedInEachPhase,
		},
		{
			name: "secret-deleted", about: "the Secret with the CA is deleted",
			mayFail: nothing, run: deleteSecret,
		},
		{
			name: "secret-emptied", about: "all values of the Secret with the CA become empty",
			mayFail: nothing, run: spoil(byReplicas, func(secret *corev1.Secret) error {
				for key := range secret.Data {
					secret.Data[key] = nil
				}
				return nil
			}),
		},
		{
			name: "secret-spoiled", about: "the CA's key in the Secret becomes garbage",
			mayFail: nothing, run: spoil(byReplicasOrHand, func(secret *corev1.Secret) error {
				secret.Data[corev1.TLSPrivateKeyKey] = []byte("garbage")
				return nil
			}),
		},
		{
			name: "secret-replaced", about: "somebody puts another CA in the place of that in the Secret, without the old one in ca.crt",
			mayFail: nothing, run: spoil(byReplicas, replaceCA),
		},
		{
			name: "cabundle-stripped", about: "caBundle is taken out of all webhooks of both configurations; the API server can trust nobody until a replica has written it again",
			mayFail: aWhile, run: stripBundles,
		},
	}
}

func lives(s scale) []string {
	return []string{fmt.Sprint("--ca-lifetime=", s.caLife), fmt.Sprint("--cert-lifetime=", s.leafLife)}
}

// rotations waits until twenty new CAs have begun to sign.
func rotations(ctx context.Context, s *site) error {
	const count = 20
	for range count {
		if err := s.awaitStep(ctx, switched); err != nil {
			return err
		}
	}
	s.note("%d rotations", count)
	return nil
}

func killedInEachPhase(ctx context.Context, s *site) error {
	for _, what := range []step{published, switched, dropped} {
		if err := s.awaitStep(ctx, what); err != nil {
			return err
		}
		s.load.begin("a replica is killed: " + string(what))
		if err := s.kill(s.all()[0]); err != nil {
			return err
		}
		s.load.over()
		if _, err := s.grow(ctx); err != nil {
			return err
		}
	}
	return s.awaitTrust(ctx)
}

func deleteSecret(ctx context.Context, s *site) error {
	if err := s.cluster.CoreV1().Secrets(deploy.Namespace).Delete(ctx, caSecret, metav1.DeleteOptions{}); err != nil {
		return err
	}
	return byReplicas(ctx, s, nil)
}

// spoil changes the Secret, and has it put right again.
func spoil(right repair, change func(*corev1.Secret) error) func(context.Context, *site) error {
	return func(ctx context.Context, s *site) error {
		secret, err := s.secret(ctx)
		if err != nil {
			return err
		}
		good := secret.DeepCopy()
		if err := change(secret); err != nil {
			return err
		}
		if err := s.updateSecret(ctx, secret); err != nil {
			return err
		}
		return right(ctx, s, good)
	}
}

// replaceCA is what an administrator does who has a CA of his own and has read nothing.
func replaceCA(secret *corev1.Secret) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "the administrator's CA"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(365 * 24 * time.Hour),
		KeyUsage: x509.KeyUsageCertSign, BasicConstraintsValid: true, IsCA: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, ca, ca, key.Public(), key)
	if err != nil {
		return err
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	secret.Annotations = nil
	secret.Data = map[string][]byte{
		corev1.TLSCertKey: cert, bundleKey: cert,
		corev1.TLSPrivateKeyKey: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded}),
	}
	return nil
}

// repair sees to it that the Secret holds a CA again that all replicas sign with and both
// configurations trust. Before is the Secret as it was.
type repair func(ctx context.Context, s *site, before *corev1.Secret) error

// byReplicas leaves that to the replicas.
func byReplicas(ctx context.Context, s *site, _ *corev1.Secret) error {
	start := time.Now()
	told, err := s.watchRepair(ctx, wait.Patience)
	if err != nil {
		return err
	}
	s.note("in order again after %s, /readyz?verbose told of it: %s", seconds(time.Since(start)), yesNo(told))
	return nil
}

// byReplicasOrHand leaves it to the replicas for longer than they go without a look at the
// Secret. Then somebody writes it as it was: what is in it may be the only copy of something,
// so the replicas need not write to it.
func byReplicasOrHand(ctx context.Context, s *site, before *corev1.Secret) error {
	start := time.Now()
	told, err := s.watchRepair(ctx, s.scale.unaided)
	if err == nil {
		s.note("put right by the replicas after %s, /readyz?verbose told of it: %s", seconds(time.Since(start)), yesNo(told))
		return nil
	}
	s.note("the Secret was written as before after %s, /readyz?verbose told of it: %s", s.scale.unaided, yesNo(told))
	if err := s.updateSecret(ctx, before); err != nil {
		return err
	}
	return s.awaitTrust(ctx)
}

// watchRepair waits until all is in order, and says whether a replica has told meanwhile that
// something is not.
func (s *site) watchRepair(ctx context.Context, patience time.Duration) (told bool, err error) {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		told = told || slices.ContainsFunc(s.reports(ctx), containsFault)
		if err = s.trusted(ctx); err == nil {
			return told, nil
		}
	}
	return told, fmt.Errorf("not in order within %s: %w", patience, err)
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func stripBundles(ctx context.Context, s *site) error {
	s.load.begin("caBundle is gone")
	start := time.Now()
	if err := s.strip(ctx); err != nil {
		return err
	}
	if err := s.awaitTrust(ctx); err != nil {
		return err
	}
	// The API server takes a moment to notice; then there is a good answer.
	err := s.load.more(2 * s.scale.rate)
	s.load.over()
	s.note("caBundle was back after %s at most", seconds(time.Since(start)))
	return err
}
