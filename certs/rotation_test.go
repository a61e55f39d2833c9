package certs

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// phases are how a CA of our own is replaced: what makes time for each, and what shows it.
var phases = []struct {
	name    string
	advance func(lifetimes) time.Duration
	done    func(first *CA, now *corev1.Secret) bool
}{
	{"announced", func(l lifetimes) time.Duration { return l.ca * 2 / 3 }, func(first *CA, now *corev1.Secret) bool {
		return len(now.Data[keyNextCert]) > 0 && count(now.Data[keyBundle]) == 2 && bytes.Equal(now.Data[keyCert], first.CertPEM())
	}},
	{"switched", lifetimes.settling, func(first *CA, now *corev1.Secret) bool {
		return len(now.Data[keyNextCert]) == 0 && count(now.Data[keyBundle]) == 2 && !bytes.Equal(now.Data[keyCert], first.CertPEM()) &&
			bytes.Equal(now.Data[keyPrevious], first.CertPEM())
	}},
	{"dropped", func(l lifetimes) time.Duration { return 2 * l.serving }, func(_ *CA, now *corev1.Secret) bool {
		return bytes.Equal(now.Data[keyBundle], now.Data[keyCert]) && len(now.Data[keyPrevious]) == 0
	}},
}

func count(bundle []byte) int {
	certs, _ := decodeCertificates(bundle)
	return len(certs)
}

// newCallees are replicas behind webhooks that the API server calls.
func newCallees(c *cluster, replicas ...*SelfSigned) (callees []*callee) {
	c.t.Helper()
	for _, s := range replicas {
		w := newCallee(c, s)
		w.point()
		w.await("")
		callees = append(callees, w)
	}
	return callees
}

// checkCalls has the API server call each of them.
func (c *cluster) checkCalls(callees ...*callee) {
	c.t.Helper()
	for _, w := range callees {
		w.point()
		for range 1000 {
			if err := w.create(); err != nil {
				c.t.Fatal(err)
			}
			if w.reached() {
				break
			}
		}
		if !w.reached() {
			c.t.Fatal("the API server does not call the webhooks")
		}
	}
}

// TestRotation replaces a CA under the eyes of an API server that calls each of two
// replicas in each phase, before and after either has noticed.
func TestRotation(t *testing.T) {
	c := newCluster(t)
	// All phases are over within the hour that certificates are dated back: the API
	// server's clock stands still.
	c.lives = lifetimes{ca: 45 * time.Minute, serving: 9 * time.Minute}
	c.createConfigurations()
	one, other := c.replica(), c.replica()
	c.reconcile(one)
	c.reconcile(other)
	callees := newCallees(c, one, other)
	first := one.CA()
	for _, phase := range phases {
		c.reconcile(one) // sees what it has published
		c.clock.advance(phase.advance(one.lives))
		c.reconcile(one)
		if !phase.done(first, c.secret()) {
			t.Fatalf("%s: the Secret says otherwise: %d to be trusted, next %t", phase.name, count(c.secret().Data[keyBundle]), len(c.secret().Data[keyNextCert]) > 0)
		}
		if phase.name != "dropped" {
			c.checkCalls(callees...)
		}
		c.reconcile(other)
		c.checkCalls(callees...)
	}
	for _, s := range []*SelfSigned{one, other} {
		if s.CA().Certificate().Equal(first.cert) {
			t.Error("a replica still serves under the CA of before")
		}
		c.clock.advance(s.lives.retention())
		c.reconcile(s)
	}
	c.checkBundles(one.Bundle())
	for _, want := range []change{created, announced, switched, dropped} {
		if strings.Count(c.log.String(), string(want)) != 1 {
			t.Errorf("%q is not logged once:\n%s", want, c.log)
		}
	}
}

// TestRotationWithoutItsReplica has the replica that took a step vanish, in each phase, and
// another one start in its place.
func TestRotationWithoutItsReplica(t *testing.T) {
	for lost := range phases {
		t.Run(phases[lost].name, func(t *testing.T) {
			c := newCluster(t)
			c.createConfigurations()
			one, other := c.replica(), c.replica()
			c.reconcile(one)
			c.reconcile(other)
			first := one.CA()
			for n, phase := range phases {
				c.reconcile(one) // sees what is published
				c.clock.advance(phase.advance(one.lives))
				c.reconcile(one)
				if !phase.done(first, c.secret()) {
					t.Fatalf("%s is not reached", phase.name)
				}
				if n == lost {
					one = c.replica()
					c.reconcile(one)
					c.checkTrusted(one, c.secret().Data[keyBundle])
				}
				c.reconcile(other)
				c.checkTrusted(other, c.secret().Data[keyBundle])
				// A new replica has to see for itself how long all have trusted the next CA.
				c.clock.advance(one.lives.settling())
			}
		})
	}
}

// TestRotationWaits has one configuration that cannot be written: nothing is signed by a CA
// that it does not trust.
func TestRotationWaits(t *testing.T) {
	c := newCluster(t)
	c.createConfigurations()
	s := c.replica()
	c.reconcile(s)
	first := s.CA()
	c.clock.advance(s.lives.ca * 2 / 3)
	c.before(func(request *http.Request) error {
		if request.Method == http.MethodPatch && strings.Contains(request.URL.Path, "/mutating") {
			return errUnplugged
		}
		return nil
	})
	for range 3 {
		c.failing(s, "write caBundle of MutatingWebhookConfiguration")
		c.clock.advance(time.Minute)
	}
	c.checkTrusted(s, first.CertPEM())
	c.plug()
	c.reconcile(s)
	c.checkTrusted(s, first.CertPEM())
	c.settle(s)
	if s.CA().Certificate().Equal(first.cert) {
		t.Error("the new CA does not sign")
	}
}

// TestAdministratorsNext has an administrator put the next CA beside the present one: the
// servers do the rest, as with one of their own.
func TestAdministratorsNext(t *testing.T) {
	c := newCluster(t)
	c.createConfigurations()
	present, next := customCA(t, caTemplate("present"), nil), customCA(t, caTemplate("next"), nil)
	c.createSecret(corev1.SecretTypeTLS, secretContent(present))
	s := c.replica()
	c.reconcile(s)
	c.change(func(secret *corev1.Secret) {
		secret.Data[keyNextCert], secret.Data[keyNextPrivate] = next.CertPEM(), []byte("x")
	})
	c.failing(s, "next.crt and next.key: ")
	c.checkTrusted(s, present.CertPEM())
	if err := s.Ready(); err != nil {
		t.Errorf("Ready: %v", err)
	}
	c.change(func(secret *corev1.Secret) { secret.Data[keyNextPrivate] = next.KeyPEM() })
	c.reconcile(s)
	c.checkTrusted(s, present.CertPEM())
	c.checkBundles(slices.Concat(present.CertPEM(), next.CertPEM()))
	c.settle(s)
	c.checkTrusted(s, next.CertPEM())
	c.clock.advance(2 * s.lives.serving)
	c.reconcile(s)
	c.clock.advance(s.lives.retention())
	c.reconcile(s)
	c.checkBundles(next.CertPEM())
}

// TestAdministratorsCAEnds is about a CA that nobody replaces by itself.
func TestAdministratorsCAEnds(t *testing.T) {
	c := newCluster(t)
	ca := customCA(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: "ends"}, BasicConstraintsValid: true, IsCA: true, KeyUsage: x509.KeyUsageCertSign,
		NotBefore: epoch.Add(-time.Hour), NotAfter: epoch.Add(40 * day),
	}, nil)
	c.createSecret(corev1.SecretTypeTLS, secretContent(ca))
	c.createConfigurations()
	s := c.replica()
	c.reconcile(s)
	if err := s.Problem(); err != nil {
		t.Errorf("Problem with 40 days left: %v", err)
	}
	c.clock.advance(10*day + time.Second)
	c.reconcile(s)
	c.reconcile(s)
	if err := s.Problem(); err == nil || !strings.Contains(err.Error(), "expires at "+ca.cert.NotAfter.UTC().Format(time.RFC3339)) || !strings.Contains(err.Error(), "next.crt") {
		t.Errorf("Problem with less than 30 days left: %v", err)
	}
	if got := strings.Count(c.log.String(), "the CA must be replaced"); got != 1 {
		t.Errorf("it is logged %d times in a day", got)
	}
	c.clock.advance(day)
	c.reconcile(s)
	if got := strings.Count(c.log.String(), "the CA must be replaced"); got != 2 {
		t.Errorf("it is logged %d times in two days", got)
	}
	if err := s.Ready(); err != nil {
		t.Errorf("Ready: %v", err)
	}
}

// TestReadyComparesWhatIsPublished has somebody write other bundles, or none, which this
// replica may not change.
func TestReadyComparesWhatIsPublished(t *testing.T) {
	c := newCluster(t)
	c.createConfigurations()
	s := c.replica()
	c.reconcile(s)
	own, other := s.Bundle(), mustCA(t, epoch).CertPEM()
	c.before(func(request *http.Request) error {
		if request.Method == http.MethodPatch {
			return errUnplugged
		}
		return nil
	})
	for _, test := range []struct {
		name, resource string
		bundle         []byte
		ready          bool
	}{
		{"another CA in one", kinds[1], other, false},
		{"both", kinds[1], slices.Concat(other, own), true},
		// Without one no replica is trusted: to leave the Service would help nobody.
		{"none", kinds[0], []byte("\n"), true},
		{"another CA", kinds[0], other, false},
	} {
		c.patch(test.resource, `[{"op":"replace","path":"/webhooks/0/clientConfig/caBundle","value":`+quoted(t, test.bundle)+`}]`)
		c.failing(s, "write caBundle of ")
		err := s.Ready()
		if test.ready && err != nil || !test.ready && (err == nil || !strings.Contains(err.Error(), "does not trust the serving certificate")) {
			t.Errorf("%s: Ready is %v", test.name, err)
		}
		if s.Problem() == nil {
			t.Errorf("%s: nothing is said of it", test.name)
		}
	}
	c.plug()
	c.reconcile(s)
	if err := s.Ready(); err != nil {
		t.Errorf("Ready: %v", err)
	}
	c.told(s, "is written again")
}

func TestLifetimes(t *testing.T) {
	for _, test := range []struct {
		ca, serving time.Duration
		want        string
	}{
		{CALifetime, ServingLifetime, ""},
		{9 * time.Second, 3 * time.Second, ""},
		{8 * time.Second, 3 * time.Second, "at least three times"},
		{time.Hour, 2 * time.Second, "at least 3s"},
	} {
		err := lifetimes{test.ca, test.serving}.check()
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%v, %v: error %v, want %q", test.ca, test.serving, err, test.want)
		}
	}
}

// TestRotationHeldUp has somebody put the old bundle back before each pass: nothing is signed
// by a CA that does not stay published, and that is told of.
func TestRotationHeldUp(t *testing.T) {
	c := newCluster(t)
	c.createConfigurations()
	s := c.replica()
	c.reconcile(s)
	first := s.CA()
	c.clock.advance(s.lives.ca * 2 / 3)
	for range 10 {
		c.reconcile(s)
		c.patch(kinds[1], `[{"op":"replace","path":"/webhooks/0/clientConfig/caBundle","value":`+quoted(t, first.CertPEM())+`}]`)
		c.clock.advance(s.lives.retention() / 5)
	}
	c.checkTrusted(s, first.CertPEM())
	if err := s.Problem(); err == nil || !strings.Contains(err.Error(), "find out who else writes caBundle") {
		t.Errorf("Problem is %v", err)
	}
	c.settle(s)
	c.settle(s)
	if s.CA().Certificate().Equal(first.cert) {
		t.Error("the new CA does not sign although it stays published now")
	}
}

// TestNextIsKept has the next CA that somebody puts there half a one, or not valid yet: it is
// reported, and neither replaced nor used.
func TestNextIsKept(t *testing.T) {
	c := newCluster(t)
	s := c.replica()
	c.reconcile(s)
	next := mustCA(t, epoch.Add(day))
	for name, content := range map[string][2][]byte{
		"a key alone":     {nil, next.KeyPEM()},
		"valid tomorrow":  {next.CertPEM(), next.KeyPEM()},
		"no certificate":  {[]byte("x"), next.KeyPEM()},
		"another's key":   {next.CertPEM(), mustCA(t, epoch).KeyPEM()},
		"the present one": {s.CA().CertPEM(), s.CA().KeyPEM()},
	} {
		c.change(func(secret *corev1.Secret) {
			secret.Data[keyNextCert], secret.Data[keyNextPrivate] = content[0], content[1]
		})
		c.failing(s, "next.crt and next.key: ")
		if secret := c.secret(); !bytes.Equal(secret.Data[keyNextCert], content[0]) || !bytes.Equal(secret.Data[keyNextPrivate], content[1]) {
			t.Errorf("%s: it was written over", name)
		}
		c.checkTrusted(s, c.secret().Data[keyBundle])
	}
}

// TestExpiredWithNext has the signer expire with the next one announced: that takes over.
func TestExpiredWithNext(t *testing.T) {
	c := newCluster(t)
	s := c.replica()
	c.reconcile(s)
	next := mustCA(t, epoch)
	expired := mustCA(t, epoch.Add(-2*CALifetime))
	c.change(func(secret *corev1.Secret) {
		secret.Data = secretContent(expired)
		secret.Data[keyNextCert], secret.Data[keyNextPrivate] = next.CertPEM(), next.KeyPEM()
	})
	fresh := c.replica()
	c.reconcile(fresh)
	c.checkTrusted(fresh, next.CertPEM())
}

func TestOwn(t *testing.T) {
	for name, want := range map[string]bool{
		ownName + "1796037636": true, ownName + "prod": false, ownName: false, "macvlan-webhook-ca": false, "x" + ownName + "1": false,
	} {
		if got := own(customCA(t, caTemplate(name), nil).cert); got != want {
			t.Errorf("%q: own %t, want %t", name, got, want)
		}
	}
}
