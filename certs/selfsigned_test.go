package certs

import (
	"bytes"
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const day = 24 * time.Hour

func TestNewSelfSignedErrors(t *testing.T) {
	core, registration := clients(t, controlPlane.Config)
	for want, change := range map[string]func(*SelfOptions){
		"a client for secrets":                       func(o *SelfOptions) { o.Secrets = nil },
		"one for webhook configurations":             func(o *SelfOptions) { o.Webhooks = nil },
		`namespace ""`:                               func(o *SelfOptions) { o.Namespace = "" },
		`name ""`:                                    func(o *SelfOptions) { o.SecretName = "" },
		"at least one DNS name or IP":                func(o *SelfOptions) { o.DNSNames = nil },
		`DNS name "a b"`:                             func(o *SelfOptions) { o.DNSNames = []string{"ok.svc", "a b"} },
		"3 bytes are not an IP address":              func(o *SelfOptions) { o.IPs = []net.IP{{1, 2, 3}} },
		"there is no serving certificate yet":        func(*SelfOptions) {},
		"no serving certificate, with IPs alone yet": func(o *SelfOptions) { o.DNSNames, o.IPs = nil, testIPs },
	} {
		opts := SelfOptions{Secrets: core, Webhooks: registration, Namespace: "n", SecretName: "s", DNSNames: testNames}
		change(&opts)
		s, err := NewSelfSigned(opts)
		if strings.Contains(want, "no serving certificate") {
			if err != nil {
				t.Errorf("%s: %v", want, err)
				continue
			}
			// Nothing was read yet, so there is nothing to serve.
			if err := s.Ready(); err != errNoCertificate || s.Leaf() != nil || s.CA() != nil || s.Bundle() != nil {
				t.Errorf("before the first pass: Ready %v, Leaf %v, CA %v, Bundle %q", err, s.Leaf(), s.CA(), s.Bundle())
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

func TestRenewal(t *testing.T) {
	c := newCluster(t)
	s := c.replica()
	c.reconcile(s)
	first := s.Leaf()

	// Two thirds of seven days are 112 hours.
	c.clock.advance(112*time.Hour - time.Second)
	c.reconcile(s)
	if !s.Leaf().Equal(first) {
		t.Error("renewed before two thirds of its life were over")
	}
	c.clock.advance(time.Second)
	c.reconcile(s)
	second := s.Leaf()
	if second.Equal(first) || !second.NotAfter.Equal(c.clock.now().Add(7*day)) {
		t.Errorf("not renewed: valid until %v", second.NotAfter)
	}
	c.checkTrusted(s, c.secret().Data["ca.crt"])

	// A clock that was wrong, and is set back.
	c.clock.advance(-112 * time.Hour)
	c.reconcile(s)
	if s.Leaf().Equal(second) {
		t.Error("a certificate of the future stays in use")
	}
	c.checkTrusted(s, c.secret().Data["ca.crt"])
}

// TestReplacedCA has an administrator put another CA into the Secret, with and without the
// old one beside it: the old one is published, and served under, until all trust the new
// one, and stays published for as long as another replica may take to notice.
func TestReplacedCA(t *testing.T) {
	for name, overlap := range map[string]bool{"with overlap": true, "without overlap": false} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t)
			c.createConfigurations()
			s, other := c.replica(), c.replica()
			c.reconcile(s)
			c.reconcile(other)
			old, oldCA := s.Leaf(), s.CA()

			next := mustCA(t, epoch)
			bundle := next.CertPEM()
			if overlap {
				bundle = slices.Concat(bundle, s.Bundle())
			}
			c.putCA(next, bundle)
			both := slices.Concat(next.CertPEM(), oldCA.CertPEM())
			c.reconcile(s)
			c.checkBundles(both)
			if !s.Leaf().Equal(old) {
				t.Error("the new certificate is served before all trust it")
			}
			c.settle(s)
			if s.Leaf().Equal(old) || !s.CA().Certificate().Equal(next.cert) {
				t.Error("the new CA has not signed")
			}
			c.checkTrusted(s, next.CertPEM())
			c.checkBundles(both)

			// The other replica still serves under the old one, and notices at last.
			c.clock.advance(s.lives.retention() - s.lives.settling() - time.Second)
			c.reconcile(s)
			c.checkBundles(both)
			c.checkTrusted(other, oldCA.CertPEM())
			c.reconcile(other)
			c.clock.advance(s.lives.settling())
			c.reconcile(other)
			c.checkTrusted(other, next.CertPEM())
			c.clock.advance(s.lives.retention())
			c.reconcile(s)
			if !overlap {
				both = next.CertPEM()
			}
			c.checkBundles(both)
			if !bytes.Equal(s.Bundle(), bundle) {
				t.Errorf("Bundle is\n%s, want\n%s", s.Bundle(), bundle)
			}
		})
	}
}

// TestBundleAlone is the first step of replacing a CA: more is trusted, the
// signer stays.
func TestBundleAlone(t *testing.T) {
	c := newCluster(t)
	c.createConfigurations()
	s := c.replica()
	c.reconcile(s)
	leaf := s.Leaf()
	bundle := slices.Concat(s.Bundle(), mustCA(t, epoch).CertPEM())
	c.putCA(s.CA(), bundle)
	c.reconcile(s)
	c.checkBundles(bundle)
	if !bytes.Equal(s.Bundle(), bundle) || !s.Leaf().Equal(leaf) {
		t.Error("the bundle was not taken over, or a new certificate was signed for it")
	}
}

// TestReplacedCAUnpublished has a new CA that the configurations cannot be told: the old
// one goes on signing.
func TestReplacedCAUnpublished(t *testing.T) {
	c := newCluster(t)
	c.createConfigurations()
	s := c.replica()
	c.reconcile(s)
	old, oldCA := s.Leaf(), s.CA()
	next := mustCA(t, epoch)
	c.putCA(next, next.CertPEM())
	c.before(func(request *http.Request) error {
		if request.Method == http.MethodPatch {
			return errUnplugged
		}
		return nil
	})
	c.failing(s, "write caBundle of ")
	if !s.Leaf().Equal(old) {
		t.Error("a certificate is served that no configuration trusts")
	}
	// The old certificate must not run out over it.
	c.clock.advance(5 * day)
	c.failing(s, "write caBundle of ")
	if s.Leaf().Equal(old) {
		t.Error("the certificate was not renewed when it was due")
	}
	c.checkTrusted(s, oldCA.CertPEM())
	if err := s.Problem(); err == nil || !strings.Contains(err.Error(), "write caBundle of ") {
		t.Errorf("Problem is %v", err)
	}
	c.plug()
	c.settle(s)
	c.checkTrusted(s, next.CertPEM())
	c.told(s, "is another one all of a sudden")
}

func TestUnreachable(t *testing.T) {
	c := newCluster(t)
	s := c.replica()
	c.unplug()
	c.failing(s, "read secret "+c.namespace+"/ca: ")
	if err := s.Ready(); !errors.Is(err, errNoCertificate) || !strings.Contains(err.Error(), "read secret") {
		t.Errorf("Ready is %v before there is a certificate, and does not say why there is none", err)
	}
	c.plug()
	c.reconcile(s)
	first := s.Leaf()

	c.unplug()
	c.failing(s, "read secret "+c.namespace+"/ca: ")
	if !s.Leaf().Equal(first) {
		t.Error("another certificate is served although nothing was due")
	}
	if err := s.Ready(); err != nil {
		t.Errorf("Ready: %v", err)
	}
	c.clock.advance(5 * day)
	c.failing(s, "read secret ")
	if s.Leaf().Equal(first) {
		t.Error("not renewed without the API server")
	}
	if err := s.Ready(); err != nil {
		t.Errorf("Ready: %v", err)
	}
	c.clock.advance(CALifetime)
	c.failing(s, "the CA certificate")
	if err := s.Ready(); err == nil || !strings.Contains(err.Error(), "the serving certificate expired at") {
		t.Errorf("Ready is %v with an expired certificate", err)
	}
}

// TestSpoiledSecret has an administrator spoil the Secret of a running replica, then delete
// it.
func TestSpoiledSecret(t *testing.T) {
	other := customCA(t, caTemplate("other"), nil)
	untrusted := secretContent(other)
	untrusted[keyBundle] = mustCA(t, epoch).CertPEM()
	for want, content := range map[string]map[string][]byte{
		"tls.key is missing or empty":             {keyCert: other.CertPEM(), keyBundle: other.CertPEM()},
		"certificate signed by unknown authority": untrusted,
	} {
		t.Run(want, func(t *testing.T) {
			c := newCluster(t)
			c.createConfigurations()
			s := c.replica()
			c.reconcile(s)
			first, trusted := s.Leaf(), s.Bundle()
			c.deleteSecret()
			c.createSecret(corev1.SecretTypeOpaque, content)
			c.failing(s, want)
			if !s.Leaf().Equal(first) {
				t.Error("the certificate at hand is not served any more")
			}
			if err := s.Problem(); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("Problem is %v", err)
			}
			// The configurations are kept right all the same.
			c.patch(kinds[0], `[{"op":"remove","path":"/webhooks/0/clientConfig/caBundle"}]`)
			c.clock.advance(5 * day)
			c.failing(s, want)
			if s.Leaf().Equal(first) {
				t.Error("not renewed with the CA at hand")
			}
			c.checkTrusted(s, trusted)
			c.checkBundles(trusted)
			c.deleteSecret()
			c.reconcile(s)
			c.checkTrusted(s, trusted)
			c.checkBundles(slices.Concat(c.secret().Data["ca.crt"], trusted))
			c.settle(s)
			c.checkTrusted(s, c.secret().Data["ca.crt"])
			c.clock.advance(s.lives.retention())
			c.reconcile(s)
			c.checkBundles(c.secret().Data["ca.crt"])
		})
	}
}

func (c *cluster) deleteSecret() {
	c.t.Helper()
	if err := c.secrets.Delete(c.t.Context(), "ca", metav1.DeleteOptions{}); err != nil {
		c.t.Fatal(err)
	}
}

func (c *cluster) failing(s *SelfSigned, want string) {
	c.t.Helper()
	if err := s.Reconcile(c.t.Context()); err == nil || !strings.Contains(err.Error(), want) {
		c.t.Errorf("Reconcile: error %v, want %q", err, want)
	}
}

func TestReadyExpired(t *testing.T) {
	leaf, err := mustCA(t, epoch).Sign(epoch, ServingLifetime, testNames, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		at   time.Time
		want string
	}{
		"valid":   {epoch, ""},
		"expired": {epoch.Add(7*day + time.Second), "expired at " + epoch.Add(7*day).UTC().Format(time.RFC3339)},
		"future":  {epoch.Add(-2 * time.Hour), "is not valid before " + epoch.Add(-time.Hour).UTC().Format(time.RFC3339)},
	} {
		err := servable(leaf.Leaf, test.at)
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: error %v, want %q", name, err, test.want)
		}
	}
}
