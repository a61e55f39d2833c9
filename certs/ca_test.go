package certs

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"slices"
	"strings"
	"testing"
	"time"
)

var (
	testNames = []string{"webhook.test.svc", "webhook.test.svc.cluster.local"}
	testIPs   = []net.IP{net.IPv4(127, 0, 0, 1), net.ParseIP("fd00::1")}
)

func mustCA(t testing.TB, now time.Time) *CA {
	t.Helper()
	ca, err := NewCA(now, CALifetime)
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

// customCA signs a template as an administrator's CA might look, under parent
// or under itself.
func customCA(t testing.TB, template *x509.Certificate, parent *CA) *CA {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(7)
	if template.NotAfter.IsZero() {
		template.NotBefore, template.NotAfter = epoch.Add(-time.Hour), epoch.Add(24*365*time.Hour)
	}
	signer, signerKey := template, crypto.Signer(key)
	if parent != nil {
		signer, signerKey = parent.cert, parent.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, signer, key.Public(), signerKey)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	keyPEM, err := encodeKey(key)
	if err != nil {
		t.Fatal(err)
	}
	ca := &CA{cert: cert, key: key, chain: []*x509.Certificate{cert}, trusted: []*x509.Certificate{cert}, keyPEM: keyPEM}
	if parent != nil {
		ca.trusted = parent.trusted
	}
	return ca
}

func caTemplate(name string) *x509.Certificate {
	return &x509.Certificate{Subject: pkix.Name{CommonName: name}, BasicConstraintsValid: true, IsCA: true, KeyUsage: x509.KeyUsageCertSign}
}

func TestNewCA(t *testing.T) {
	cert := mustCA(t, epoch).Certificate()
	if got, want := cert.NotBefore, epoch.Add(-time.Hour); !got.Equal(want) {
		t.Errorf("NotBefore is %v, want %v", got, want)
	}
	if got, want := cert.NotAfter, epoch.Add(CALifetime); !got.Equal(want) {
		t.Errorf("NotAfter is %v, want %v", got, want)
	}
	if !cert.BasicConstraintsValid || !cert.IsCA || cert.MaxPathLen != 0 || !cert.MaxPathLenZero {
		t.Errorf("CA %v, path length %d (zero: %v), want a CA that signs no other CA", cert.IsCA, cert.MaxPathLen, cert.MaxPathLenZero)
	}
	if want := x509.KeyUsageCertSign | x509.KeyUsageCRLSign; cert.KeyUsage != want {
		t.Errorf("key usage is %b, want %b", cert.KeyUsage, want)
	}
	checkP256(t, cert)
	if err := cert.CheckSignatureFrom(cert); err != nil {
		t.Errorf("not self-signed: %v", err)
	}
	if again := mustCA(t, epoch); again.Certificate().Equal(cert) || bytes.Equal(again.Certificate().SubjectKeyId, cert.SubjectKeyId) {
		t.Error("two CAs are the same")
	}
}

func TestSign(t *testing.T) {
	ca := mustCA(t, epoch)
	now := epoch.Add(24 * time.Hour)
	cert, err := ca.Sign(now, ServingLifetime, testNames, testIPs)
	if err != nil {
		t.Fatal(err)
	}
	leaf := cert.Leaf
	if got, want := leaf.NotBefore, now.Add(-time.Hour); !got.Equal(want) {
		t.Errorf("NotBefore is %v, want %v", got, want)
	}
	if got, want := leaf.NotAfter, now.Add(7*24*time.Hour); !got.Equal(want) {
		t.Errorf("NotAfter is %v, want %v", got, want)
	}
	if !slices.Equal(leaf.DNSNames, testNames) {
		t.Errorf("DNS names are %q, want %q", leaf.DNSNames, testNames)
	}
	if !slices.EqualFunc(leaf.IPAddresses, testIPs, net.IP.Equal) {
		t.Errorf("IP addresses are %v, want %v", leaf.IPAddresses, testIPs)
	}
	if leaf.IsCA || leaf.KeyUsage != x509.KeyUsageDigitalSignature {
		t.Errorf("CA %v, key usage %b, want a certificate for signatures in TLS", leaf.IsCA, leaf.KeyUsage)
	}
	if want := []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}; !slices.Equal(leaf.ExtKeyUsage, want) {
		t.Errorf("extended key usage is %v, want %v", leaf.ExtKeyUsage, want)
	}
	checkP256(t, leaf)
	if len(cert.Certificate) != 1 || !bytes.Equal(cert.Certificate[0], leaf.Raw) {
		t.Errorf("%d certificates are sent, want the serving certificate alone", len(cert.Certificate))
	}
	if !cert.PrivateKey.(*ecdsa.PrivateKey).PublicKey.Equal(leaf.PublicKey) {
		t.Error("the private key is another one's")
	}

	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(ca.BundlePEM()) {
		t.Fatal("the bundle holds no certificate")
	}
	for _, verify := range []struct {
		what string
		name string
		at   time.Time
		want string // part of the error, empty for none
	}{
		{"now", "webhook.test.svc", now, ""},
		{"client an hour behind", "webhook.test.svc.cluster.local", now.Add(-time.Hour), ""},
		{"client two hours behind", "webhook.test.svc", now.Add(-2 * time.Hour), "not yet valid"},
		{"last moment", "127.0.0.1", leaf.NotAfter, ""},
		{"expired", "webhook.test.svc", leaf.NotAfter.Add(time.Second), "expired"},
		{"other name", "other.test.svc", now, "not other.test.svc"},
		{"other address", "127.0.0.2", now, "not 127.0.0.2"},
	} {
		_, err := leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: verify.name, CurrentTime: verify.at})
		if verify.want == "" && err != nil || verify.want != "" && (err == nil || !strings.Contains(err.Error(), verify.want)) {
			t.Errorf("%s: error %v, want %q", verify.what, err, verify.want)
		}
	}
}

func TestSignWithoutEnoughLife(t *testing.T) {
	ca := mustCA(t, epoch)
	cert, err := ca.Sign(ca.cert.NotAfter.Add(-time.Hour), ServingLifetime, testNames, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !cert.Leaf.NotAfter.Equal(ca.cert.NotAfter) {
		t.Errorf("valid until %v, longer than the CA, %v", cert.Leaf.NotAfter, ca.cert.NotAfter)
	}
	for want, at := range map[string]time.Time{
		"expired at":          ca.cert.NotAfter.Add(time.Second),
		"is not valid before": epoch.Add(-2 * time.Hour),
	} {
		if _, err := ca.Sign(at, ServingLifetime, testNames, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("at %v: error %v, want %q", at, err, want)
		}
	}
}

func TestSignErrors(t *testing.T) {
	ours := mustCA(t, epoch)
	constrained := caTemplate("constrained")
	constrained.PermittedDNSDomains = []string{"elsewhere.svc"}
	clientOnly := caTemplate("client only")
	clientOnly.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	distrusted := *ours
	distrusted.trusted = mustCA(t, epoch).trusted

	for name, test := range map[string]struct {
		ca    *CA
		names []string
		want  string
	}{
		"no name":                {ours, nil, "no DNS name and no IP address"},
		"name that is no name":   {ours, []string{"wébhook"}, "cannot be encoded as an IA5String"},
		"names not permitted":    {customCA(t, constrained, nil), testNames, "not permitted"},
		"use not permitted":      {customCA(t, clientOnly, nil), testNames, "incompatible key usage"},
		"not in its own bundle":  {&distrusted, testNames, "signed by unknown authority"},
		"CA under path length 0": {customCA(t, caTemplate("sub"), ours), testNames, "too many intermediates"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := test.ca.Sign(epoch, ServingLifetime, test.names, nil); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
}

func TestSignSendsIntermediates(t *testing.T) {
	root := customCA(t, caTemplate("root"), nil)
	middle := customCA(t, caTemplate("middle"), root)
	ca, err := ParseCA(slices.Concat(middle.CertPEM(), root.CertPEM()), middle.KeyPEM(), root.CertPEM())
	if err != nil {
		t.Fatal(err)
	}
	cert, err := ca.Sign(epoch, ServingLifetime, testNames, nil)
	if err != nil {
		t.Fatal(err)
	}
	if want := [][]byte{cert.Leaf.Raw, middle.cert.Raw}; !slices.EqualFunc(cert.Certificate, want, bytes.Equal) {
		t.Errorf("%d certificates are sent, want the serving certificate and the intermediate", len(cert.Certificate))
	}
	if !bytes.Equal(ca.BundlePEM(), root.CertPEM()) {
		t.Errorf("the bundle is %s, want the root", ca.BundlePEM())
	}
}

func TestSerialNumbers(t *testing.T) {
	seen := map[string]bool{}
	longest := 0
	for range 100 {
		serial, err := newSerial()
		if err != nil {
			t.Fatal(err)
		}
		if serial.Sign() != 1 || serial.BitLen() > 128 || seen[serial.String()] {
			t.Fatalf("serial number %x is not positive, too long or repeated", serial)
		}
		seen[serial.String()] = true
		longest = max(longest, serial.BitLen())
	}
	// That all of 100 leave the upper 8 bits at zero happens once in 2^800.
	if longest <= 120 {
		t.Errorf("the longest of 100 serial numbers has %d bits, want 128 random bits", longest)
	}
}

func TestParseCA(t *testing.T) {
	ca, other := mustCA(t, epoch), mustCA(t, epoch)
	leaf, err := ca.Sign(epoch, ServingLifetime, testNames, nil)
	if err != nil {
		t.Fatal(err)
	}
	leafPEM := encodeCertificates([]*x509.Certificate{leaf.Leaf})
	leafKey, err := encodeKey(leaf.PrivateKey.(crypto.Signer))
	if err != nil {
		t.Fatal(err)
	}
	noSigning := caTemplate("no signing")
	noSigning.KeyUsage = x509.KeyUsageCRLSign
	mute := customCA(t, noSigning, nil)
	garbage := pem.EncodeToMemory(&pem.Block{Type: blockCertificate, Bytes: []byte("garbage")})
	both := slices.Concat(other.CertPEM(), ca.CertPEM())

	for name, test := range map[string]struct {
		cert, key, bundle []byte
		want              []byte // the bundle
		err               string
	}{
		"as written":               {ca.CertPEM(), ca.KeyPEM(), ca.BundlePEM(), ca.CertPEM(), ""},
		"no bundle":                {ca.CertPEM(), ca.KeyPEM(), nil, ca.CertPEM(), ""},
		"blank bundle":             {ca.CertPEM(), ca.KeyPEM(), []byte("\n"), ca.CertPEM(), ""},
		"overlap keeps its order":  {ca.CertPEM(), ca.KeyPEM(), both, both, ""},
		"repetition is dropped":    {ca.CertPEM(), ca.KeyPEM(), slices.Concat(both, both), both, ""},
		"key in bundle is dropped": {ca.CertPEM(), ca.KeyPEM(), slices.Concat(ca.KeyPEM(), ca.CertPEM()), ca.CertPEM(), ""},
		"text is dropped":          {ca.CertPEM(), ca.KeyPEM(), slices.Concat([]byte("# ours\n"), ca.CertPEM(), []byte("\n\n")), ca.CertPEM(), ""},

		"no certificate":            {nil, ca.KeyPEM(), nil, nil, "tls.crt is missing or empty"},
		"no key":                    {ca.CertPEM(), nil, nil, nil, "tls.key is missing or empty"},
		"certificate is not PEM":    {[]byte("x"), ca.KeyPEM(), nil, nil, "tls.crt: no PEM certificate found"},
		"certificate is garbage":    {garbage, ca.KeyPEM(), nil, nil, "tls.crt: certificate 1: x509"},
		"key is not PEM":            {ca.CertPEM(), []byte("x"), nil, nil, "tls.key does not belong to tls.crt"},
		"key of another":            {ca.CertPEM(), other.KeyPEM(), nil, nil, "tls.key does not belong to tls.crt"},
		"serving certificate":       {leafPEM, leafKey, nil, nil, "is not a CA certificate"},
		"CA that must not sign":     {mute.CertPEM(), mute.KeyPEM(), nil, nil, "does not allow signing certificates"},
		"bundle is not PEM":         {ca.CertPEM(), ca.KeyPEM(), []byte("x"), nil, "ca.crt: no PEM certificate found"},
		"second of bundle garbage":  {ca.CertPEM(), ca.KeyPEM(), slices.Concat(ca.CertPEM(), garbage), nil, "ca.crt: certificate 2: x509"},
		"certificate and key mixed": {ca.KeyPEM(), ca.CertPEM(), nil, nil, "tls.crt: no PEM certificate found"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParseCA(test.cert, test.key, test.bundle)
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Fatalf("error %v, want %q", err, test.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if !got.Certificate().Equal(ca.cert) || !bytes.Equal(got.KeyPEM(), ca.KeyPEM()) || !bytes.Equal(got.CertPEM(), ca.CertPEM()) {
				t.Error("the signer is another one")
			}
			if !bytes.Equal(got.BundlePEM(), test.want) {
				t.Errorf("the bundle is\n%s, want\n%s", got.BundlePEM(), test.want)
			}
			if _, err := got.Sign(epoch, ServingLifetime, testNames, testIPs); err != nil {
				t.Errorf("cannot sign: %v", err)
			}
		})
	}
}

// FuzzParseCA demands that no content of a Secret leads to a panic, and that
// what is accepted can be published.
func FuzzParseCA(f *testing.F) {
	ca := mustCA(f, epoch)
	f.Add(ca.CertPEM(), ca.KeyPEM(), ca.BundlePEM())
	f.Add(ca.KeyPEM(), ca.CertPEM(), []byte("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"))
	f.Add([]byte{}, []byte{0}, []byte("\n"))
	f.Fuzz(func(t *testing.T, cert, key, bundle []byte) {
		parsed, err := ParseCA(cert, key, bundle)
		if err != nil {
			return
		}
		if _, err := decodeCertificates(parsed.BundlePEM()); err != nil {
			t.Errorf("the bundle cannot be read: %v", err)
		}
		cert2, err := parsed.Sign(epoch, ServingLifetime, testNames, testIPs)
		if err == nil && cert2.Leaf == nil {
			t.Error("signed without a leaf")
		}
	})
}

func checkP256(t *testing.T, cert *x509.Certificate) {
	t.Helper()
	key, ok := cert.PublicKey.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P256() {
		t.Errorf("the key is a %T, want ECDSA on P-256", cert.PublicKey)
	}
	if cert.SerialNumber.Sign() != 1 || cert.SerialNumber.BitLen() > 128 {
		t.Errorf("serial number %x is not positive or longer than 128 bits", cert.SerialNumber)
	}
}
