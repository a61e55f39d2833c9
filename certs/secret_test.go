package certs

import (
	"bytes"
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestSecretAbsent(t *testing.T) {
	c := newCluster(t)
	s := c.replica()
	c.reconcile(s)

	secret := c.secret()
	if secret.Type != corev1.SecretTypeTLS {
		t.Errorf("type is %q, want %q", secret.Type, corev1.SecretTypeTLS)
	}
	if got, want := slices.Sorted(maps.Keys(secret.Data)), []string{"ca.crt", "tls.crt", "tls.key"}; !slices.Equal(got, want) {
		t.Errorf("keys are %q, want %q", got, want)
	}
	if !bytes.Equal(s.Bundle(), secret.Data["ca.crt"]) {
		t.Errorf("Bundle is\n%s, the Secret's is\n%s", s.Bundle(), secret.Data["ca.crt"])
	}
	c.checkTrusted(s, s.Bundle())

	serving := s.Leaf()
	c.reconcile(s)
	if c.secret().ResourceVersion != secret.ResourceVersion {
		t.Error("the second pass wrote the Secret")
	}
	if !s.Leaf().Equal(serving) {
		t.Error("the second pass signed another certificate")
	}
}

// TestSecretTogether starts replicas at the same moment, on no Secret and on a
// placeholder: all must end with the CA that is in the Secret.
func TestSecretTogether(t *testing.T) {
	for name, prepare := range map[string]func(*cluster){
		"absent":      func(*cluster) {},
		"placeholder": func(c *cluster) { c.createSecret(corev1.SecretTypeOpaque, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t)
			prepare(c)
			c.createConfigurations()
			replicas := make([]*SelfSigned, 6)
			errs := make([]error, len(replicas))
			var started sync.WaitGroup
			for i := range replicas {
				replicas[i] = c.replica()
			}
			for i := range replicas {
				started.Go(func() { errs[i] = replicas[i].Reconcile(context.Background()) })
			}
			started.Wait()
			if err := errors.Join(errs...); err != nil {
				t.Fatal(err)
			}
			bundle := c.secret().Data["ca.crt"]
			for _, s := range replicas {
				if !bytes.Equal(s.Bundle(), bundle) {
					t.Error("a replica has another CA than the Secret")
				}
				c.checkTrusted(s, bundle)
			}
			c.checkBundles(bundle)
		})
	}
}

// TestSecretLostRace has the Secret written by another replica between reading
// and writing, which TestSecretTogether can only hope for.
func TestSecretLostRace(t *testing.T) {
	for method, prepare := range map[string]func(*cluster){
		"POST": func(*cluster) {},
		"PUT":  func(c *cluster) { c.createSecret(corev1.SecretTypeOpaque, nil) },
	} {
		t.Run(method, func(t *testing.T) {
			c := newCluster(t)
			prepare(c)
			late, first := c.replica(), c.replica()
			c.beforeFirst(method, func() {
				if err := first.Reconcile(context.Background()); err != nil {
					t.Error(err)
				}
			})
			c.reconcile(late)
			if first.CA() == nil || !first.CA().Certificate().Equal(late.CA().Certificate()) {
				t.Error("the replicas have different CAs")
			}
		})
	}
}

func TestSecretChangesEachTime(t *testing.T) {
	c := newCluster(t)
	s := c.replica()
	writes := 0
	c.before(func(request *http.Request) error {
		switch request.Method {
		case http.MethodPost:
			c.createSecret(corev1.SecretTypeOpaque, nil)
		case http.MethodPut:
			writes++
			secret := c.secret()
			metav1.SetMetaDataAnnotation(&secret.ObjectMeta, "writes", strconv.Itoa(writes))
			if _, err := c.secrets.Update(t.Context(), secret, metav1.UpdateOptions{}); err != nil {
				t.Error(err)
			}
		}
		return nil
	})
	err := s.Reconcile(t.Context())
	if err == nil || !strings.Contains(err.Error(), "write secret "+c.namespace+"/ca: it changed between reading and writing, 5 times") {
		t.Errorf("error %v, want one that gives up", err)
	}
}

func TestSecretPlaceholder(t *testing.T) {
	for name, test := range map[string]struct {
		kind    corev1.SecretType
		content map[string][]byte
	}{
		"no keys":                {corev1.SecretTypeOpaque, nil},
		"empty keys of its type": {corev1.SecretTypeTLS, map[string][]byte{"tls.crt": {}, "tls.key": {}}},
		"unknown empty key":      {corev1.SecretTypeOpaque, map[string][]byte{"note": {}}},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t)
			c.createSecret(test.kind, test.content)
			before := c.secret()
			s := c.replica()
			c.reconcile(s)
			after := c.secret()
			if after.UID != before.UID || after.Type != test.kind {
				t.Error("the Secret was replaced, not filled")
			}
			for key := range test.content {
				if _, ok := after.Data[key]; !ok {
					t.Errorf("key %q is gone", key)
				}
			}
			if !bytes.Equal(after.Data["ca.crt"], s.Bundle()) {
				t.Error("the CA is not in the Secret")
			}
		})
	}
}

func TestSecretUnusable(t *testing.T) {
	ca, other := customCA(t, caTemplate("ca"), nil), mustCA(t, epoch)
	expired := customCA(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: "expired"}, BasicConstraintsValid: true, IsCA: true, KeyUsage: x509.KeyUsageCertSign,
		NotBefore: epoch.Add(-2 * day), NotAfter: epoch.Add(-day),
	}, nil)
	future := customCA(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: "future"}, BasicConstraintsValid: true, IsCA: true, KeyUsage: x509.KeyUsageCertSign,
		NotBefore: epoch.Add(2 * time.Hour), NotAfter: epoch.Add(day),
	}, nil)
	with := func(key string, value []byte) map[string][]byte {
		content := secretContent(ca)
		content[key] = value
		return content
	}
	for name, test := range map[string]struct {
		content map[string][]byte
		want    string
	}{
		"somebody else's":      {map[string][]byte{"password": []byte("x")}, "tls.crt is missing or empty"},
		"bundle alone":         {map[string][]byte{"ca.crt": ca.CertPEM()}, "tls.crt is missing or empty"},
		"certificate empty":    {with("tls.crt", nil), "tls.crt is missing or empty"},
		"key empty":            {with("tls.key", nil), "tls.key is missing or empty"},
		"certificate corrupt":  {with("tls.crt", []byte("x")), "tls.crt: no PEM certificate found"},
		"key of another":       {with("tls.key", other.KeyPEM()), "tls.key does not belong to tls.crt"},
		"bundle corrupt":       {with("ca.crt", []byte("x")), "ca.crt: no PEM certificate found"},
		"bundle without it":    {with("ca.crt", other.CertPEM()), "signed by unknown authority"},
		"expired":              {secretContent(expired), "expired at " + expired.cert.NotAfter.UTC().Format(time.RFC3339)},
		"valid from later on":  {secretContent(future), "is not valid before "},
		"second cert in chain": {with("tls.crt", slices.Concat(other.CertPEM(), ca.CertPEM())), "tls.key does not belong to tls.crt"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t)
			c.createSecret(corev1.SecretTypeOpaque, test.content)
			before := c.secret()
			s := c.replica()
			err := s.Reconcile(t.Context())
			var unusable *SecretError
			if !errors.As(err, &unusable) {
				t.Fatalf("error %v, want a *SecretError", err)
			}
			if unusable.Namespace != c.namespace || unusable.Name != "ca" {
				t.Errorf("the error names %s/%s", unusable.Namespace, unusable.Name)
			}
			for _, want := range []string{"secret " + c.namespace + "/ca ", test.want, "delete the secret to get a new CA"} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q lacks %q", err, want)
				}
			}
			if c.secret().ResourceVersion != before.ResourceVersion {
				t.Error("the Secret was written")
			}
			if cert, err := s.GetCertificate(nil); err == nil || cert != nil {
				t.Errorf("GetCertificate is %v, %v, want an error", cert, err)
			}

			// The way out that the error names.
			if err := c.secrets.Delete(t.Context(), "ca", metav1.DeleteOptions{}); err != nil {
				t.Fatal(err)
			}
			c.reconcile(s)
			c.checkTrusted(s, c.secret().Data["ca.crt"])
		})
	}
}

func TestSecretNamespaceMissing(t *testing.T) {
	c := newCluster(t)
	c.namespace += "-missing"
	err := c.replica().Reconcile(t.Context())
	if !apierrors.IsNotFound(err) || !strings.Contains(err.Error(), "write secret "+c.namespace+"/ca: ") {
		t.Errorf("error %v, want that the namespace is not found", err)
	}
}

// checkTrusted verifies what the replica serves as a client with the bundle.
func (c *cluster) checkTrusted(s *SelfSigned, bundle []byte) {
	c.t.Helper()
	cert, err := s.GetCertificate(nil)
	if err != nil {
		c.t.Fatal(err)
	}
	if !cert.Leaf.Equal(s.Leaf()) {
		c.t.Error("Leaf is not what is served")
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(bundle)
	if _, err := cert.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: testNames[0], CurrentTime: c.clock.now()}); err != nil {
		c.t.Errorf("what is served is not trusted: %v", err)
	}
	if err := s.Ready(); err != nil {
		c.t.Errorf("Ready: %v", err)
	}
}
