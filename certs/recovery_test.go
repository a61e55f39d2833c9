package certs

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestSecretGone has the Secret deleted or emptied under two replicas: another CA takes
// over, and both are trusted meanwhile.
func TestSecretGone(t *testing.T) {
	for name, remove := range map[string]func(*cluster){
		"deleted": (*cluster).deleteSecret,
		"emptied": func(c *cluster) {
			c.change(func(secret *corev1.Secret) { secret.Data = map[string][]byte{keyCert: {}, keyPrivate: {}} })
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t)
			c.createConfigurations()
			one, other := c.replica(), c.replica()
			c.reconcile(one)
			c.reconcile(other)
			callees := newCallees(c, one, other)
			old := one.CA()
			remove(c)
			c.reconcile(one)
			c.reconcile(other)
			c.told(other, "is another one all of a sudden")
			for _, s := range []*SelfSigned{one, other, one, other} {
				c.reconcile(s)
				c.checkCalls(callees...)
				c.clock.advance(s.lives.settling())
			}
			if bytes.Equal(c.secret().Data[keyCert], old.CertPEM()) {
				t.Error("the CA is the one of before: whoever deletes the Secret wants another")
			}
			c.checkTrusted(one, c.secret().Data[keyBundle])
			c.checkTrusted(other, c.secret().Data[keyBundle])
			c.clock.advance(one.lives.retention())
			c.reconcile(one)
			c.checkBundles(c.secret().Data[keyBundle])
			c.checkCalls(callees...)
		})
	}
}

// told expects that a replica tells of what was lost, for some minutes.
func (c *cluster) told(s *SelfSigned, want string) {
	c.t.Helper()
	if err := s.Problem(); err == nil || !strings.Contains(err.Error(), want) {
		c.t.Errorf("Problem is %v, want %q", err, want)
	}
	clock := s.clock
	s.clock = func() time.Time { return clock().Add(s.lives.retention()) }
	if err := s.Problem(); err != nil {
		c.t.Errorf("Problem, some minutes later: %v", err)
	}
	s.clock = clock
}

// change changes the Secret as somebody else would.
func (c *cluster) change(f func(*corev1.Secret)) {
	c.t.Helper()
	secret := c.secret()
	f(secret)
	if _, err := c.secrets.Update(c.t.Context(), secret, metav1.UpdateOptions{}); err != nil {
		c.t.Fatal(err)
	}
}

// TestOwnSecretSpoiled has each part of a Secret that the servers made spoiled: it is
// restored from what a replica signs with, and what stood there is kept.
func TestOwnSecretSpoiled(t *testing.T) {
	for _, key := range []string{keyCert, keyPrivate, keyBundle} {
		for name, value := range map[string][]byte{
			"garbage": []byte("x"), "nothing": nil, "another's": secretContent(mustCA(t, epoch))[key],
		} {
			if key == keyBundle && value == nil {
				continue // the signer alone is to be trusted
			}
			t.Run(key+" "+name, func(t *testing.T) {
				c := newCluster(t)
				c.createConfigurations()
				s := c.replica()
				c.reconcile(s)
				before := c.secret()
				c.change(func(secret *corev1.Secret) { secret.Data[key] = value })
				c.reconcile(s)
				after := c.secret()
				for _, key := range []string{keyCert, keyPrivate, keyBundle} {
					if !bytes.Equal(after.Data[key], before.Data[key]) {
						t.Errorf("%s is not restored", key)
					}
				}
				if !bytes.Equal(after.Data[rejectedPrefix+key], value) {
					t.Errorf("what stood in %s is not kept", key)
				}
				c.checkBundles(before.Data[keyBundle])
				if !strings.Contains(c.log.String(), "level=WARN msg=\""+string(restored)) {
					t.Errorf("nothing is logged:\n%s", c.log)
				}
				c.told(s, string(restored))
			})
		}
	}
}

// TestOwnSecretSpoiledBeforeTheStart has a first replica find a Secret of ours: the signer
// in it is good enough to restore the rest.
func TestOwnSecretSpoiledBeforeTheStart(t *testing.T) {
	c := newCluster(t)
	ca := mustCA(t, epoch)
	content := secretContent(ca)
	content[keyBundle] = []byte("x")
	c.createSecret(corev1.SecretTypeTLS, content)
	c.failing(c.replica(), "ca.crt: no PEM certificate found") // for all that is known it is somebody else's
	c.change(func(secret *corev1.Secret) { secret.Annotations = map[string]string{generatedAnnotation: "true"} })
	s := c.replica()
	c.reconcile(s)
	c.checkTrusted(s, ca.CertPEM())
}

// TestClocksApart has the CA made by a replica whose clock is far ahead, and one that has
// expired: one with the right time replaces it.
func TestClocksApart(t *testing.T) {
	for name, made := range map[string]time.Duration{"ahead": 30 * day, "expired": -2 * CALifetime} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t)
			c.createConfigurations()
			wrong := c.replica()
			wrong.clock = func() time.Time { return c.clock.now().Add(made) }
			c.reconcile(wrong)
			bad := wrong.CA()
			s := c.replica()
			c.reconcile(s)
			if s.CA().Certificate().Equal(bad.cert) {
				t.Fatal("a CA that is not valid is used")
			}
			c.checkTrusted(s, c.secret().Data[keyBundle])
			if !strings.Contains(c.log.String(), string(replaced)) {
				t.Errorf("nothing is logged:\n%s", c.log)
			}
		})
	}
}

// TestSecretCannotBeWritten has a Secret that may only be read, with a step due: what is in
// it counts for new replicas and old ones, and the error is reported.
func TestSecretCannotBeWritten(t *testing.T) {
	c := newCluster(t)
	c.createConfigurations()
	old := c.replica()
	c.reconcile(old)
	c.clock.advance(old.lives.ca * 3 / 4)
	c.before(func(request *http.Request) error {
		if request.Method == http.MethodPut || request.Method == http.MethodPost {
			return errUnplugged
		}
		return nil
	})
	fresh := c.replica()
	c.patch(kinds[0], `[{"op":"remove","path":"/webhooks/0/clientConfig/caBundle"}]`)
	for _, s := range []*SelfSigned{fresh, old} {
		c.failing(s, "write secret "+c.namespace+"/ca: ")
		c.checkTrusted(s, c.secret().Data[keyBundle])
	}
	c.checkBundles(c.secret().Data[keyBundle])
	// When it is gone and none can be made, what is in memory counts.
	c.deleteSecret()
	c.patch(kinds[0], `[{"op":"remove","path":"/webhooks/0/clientConfig/caBundle"}]`)
	c.failing(old, "write secret "+c.namespace+"/ca: ")
	c.checkBundles(old.Bundle())
}

// TestLargeSecretIsRestored has a bundle of ours spoiled by as much as a Secret may hold.
func TestLargeSecretIsRestored(t *testing.T) {
	c := newCluster(t)
	s := c.replica()
	c.reconcile(s)
	before := c.secret()
	rest := len(before.Data[keyCert]) + len(before.Data[keyPrivate])
	c.change(func(secret *corev1.Secret) {
		secret.Data[keyBundle] = bytes.Repeat([]byte("x"), corev1.MaxSecretSize-rest)
	})
	c.reconcile(s)
	if !bytes.Equal(c.secret().Data[keyBundle], before.Data[keyBundle]) {
		t.Error("it is not restored")
	}
}

// TestImmutableSecret says what to do when a step is due.
func TestImmutableSecret(t *testing.T) {
	c := newCluster(t)
	s := c.replica()
	c.reconcile(s)
	c.change(func(secret *corev1.Secret) { secret.Immutable = new(true) })
	c.clock.advance(s.lives.ca * 2 / 3)
	c.failing(s, "delete the secret to get a new CA")
}

// TestDeletedConfiguration tells of a configuration that is gone; of a mutating one only when
// there was one.
func TestDeletedConfiguration(t *testing.T) {
	c := newCluster(t)
	s := c.replica()
	c.reconcile(s)
	if err := s.Problem(); err == nil || !strings.Contains(err.Error(), "ValidatingWebhookConfiguration") || strings.Contains(err.Error(), "Mutating") {
		t.Errorf("without any: Problem is %v", err)
	}
	c.createConfigurations()
	c.reconcile(s)
	if err := s.Problem(); err != nil {
		t.Errorf("Problem: %v", err)
	}
	if err := c.webhooks.RESTClient().Delete().Resource(kinds[1]).Name(c.namespace).Do(t.Context()).Error(); err != nil {
		t.Fatal(err)
	}
	c.reconcile(s)
	if err := s.Problem(); err == nil || !strings.Contains(err.Error(), "MutatingWebhookConfiguration") {
		t.Errorf("Problem is %v", err)
	}
	if err := s.Ready(); err != nil {
		t.Errorf("Ready: %v", err)
	}
}

// TestNothingIsDueForEver has leftovers of a rotation in a Secret that was changed by hand.
func TestNothingIsDueForEver(t *testing.T) {
	c := newCluster(t)
	c.createConfigurations()
	s := c.replica()
	c.reconcile(s)
	own := customCA(t, caTemplate("own"), nil)
	c.change(func(secret *corev1.Secret) {
		secret.Data = secretContent(own)
		secret.Data[keyPrevious] = s.CA().CertPEM()
		secret.Annotations[previousUntilAnnotation] = c.clock.now().Add(-time.Hour).UTC().Format(time.RFC3339)
	})
	c.reconcile(s)
	if secret := c.secret(); len(secret.Data[keyPrevious]) > 0 || secret.Annotations[previousUntilAnnotation] != "" {
		t.Error("the leftovers are still there")
	}
	c.settle(s)
	c.clock.advance(s.lives.retention())
	c.reconcile(s)
	if got := s.untilNext(time.Hour); got != time.Hour {
		t.Errorf("the next pass is due in %v", got)
	}
}
