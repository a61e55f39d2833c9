package certs

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net"
	"strconv"
	"strings"
	"time"
)

const (
	// CALifetime is how long a CA of our own is valid, unless something else is asked
	// for. It is replaced after two thirds of that. A year is short enough for the
	// replacement to be a habit, and long enough to live through anything.
	CALifetime = 365 * 24 * time.Hour

	// ServingLifetime is how long a serving certificate is valid, unless something else
	// is asked for. A week lets a replica live through a weekend without the API server
	// with days to spare, and makes a stolen key of little use, as there is no
	// revocation here.
	ServingLifetime = 7 * 24 * time.Hour

	// clockSkew is how far NotBefore lies in the past, so that a certificate that
	// was just signed is valid to an API server whose clock is behind.
	clockSkew = time.Hour

	// serialBits is the size of a serial number. 128 random bits never repeat in
	// practice and stay below the 20 octets that RFC 5280, 4.1.2.2 allows.
	serialBits = 128

	// ownName begins the common name of each CA that NewCA makes.
	ownName = "macvlan-webhook CA "
)

// CA is a certificate authority: what it signs with, and what is to be trusted
// along with it. It is immutable.
type CA struct {
	cert    *x509.Certificate
	key     crypto.Signer
	chain   []*x509.Certificate // signer first, as in tls.crt
	trusted []*x509.Certificate
	keyPEM  []byte
}

// NewCA makes a self-signed CA with an ECDSA P-256 key that is valid from an
// hour before now until the end of its life after it.
func NewCA(now time.Time, life time.Duration) (*CA, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("generate CA key: %w", err)
	}
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		// The time sets two CAs of one installation apart for people who read a
		// bundle; certificates are matched by their key identifiers.
		Subject:               pkix.Name{CommonName: fmt.Sprintf("%s%d", ownName, now.Unix())},
		NotBefore:             now.Add(-clockSkew),
		NotAfter:              now.Add(life),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("sign CA certificate: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("parse CA certificate: %w", err)
	}
	keyPEM, err := encodeKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode CA key: %w", err)
	}
	only := []*x509.Certificate{cert}
	return &CA{cert: cert, key: key, chain: only, trusted: only, keyPEM: keyPEM}, nil
}

// ParseCA reads a CA from PEM: the signer's certificate followed by its
// intermediates, the signer's private key, and the certificates to trust. With
// an empty bundle the signer alone is trusted, as in a Secret made by
// `kubectl create secret tls`. Any key type that crypto/x509 can sign with is
// accepted, since an administrator's CA need not look like ours. Errors begin
// with the Secret's key that is at fault. Times are not looked at; Sign does.
func ParseCA(certPEM, keyPEM, bundlePEM []byte) (*CA, error) {
	for _, part := range []struct {
		key   string
		value []byte
	}{{keyCert, certPEM}, {keyPrivate, keyPEM}} {
		if len(bytes.TrimSpace(part.value)) == 0 {
			return nil, fmt.Errorf("%s is missing or empty", part.key)
		}
	}
	chain, err := decodeCertificates(certPEM)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", keyCert, err)
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return nil, fmt.Errorf("%s does not belong to %s: %w", keyPrivate, keyCert, err)
	}
	key, ok := pair.PrivateKey.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("%s: a key of type %T cannot sign", keyPrivate, pair.PrivateKey)
	}
	cert := chain[0]
	if !cert.BasicConstraintsValid || !cert.IsCA {
		return nil, fmt.Errorf("%s: %q is not a CA certificate", keyCert, cert.Subject)
	}
	if cert.KeyUsage != 0 && cert.KeyUsage&x509.KeyUsageCertSign == 0 {
		return nil, fmt.Errorf("%s: the key usage of %q does not allow signing certificates", keyCert, cert.Subject)
	}
	trusted := chain[:1]
	if len(bytes.TrimSpace(bundlePEM)) > 0 {
		if trusted, err = decodeCertificates(bundlePEM); err != nil {
			return nil, fmt.Errorf("%s: %w", keyBundle, err)
		}
	}
	return &CA{cert: cert, key: key, chain: chain, trusted: trusted, keyPEM: keyPEM}, nil
}

// Certificate returns the signer's certificate. It must not be changed.
func (ca *CA) Certificate() *x509.Certificate { return ca.cert }

// CertPEM returns the signer's certificate and its intermediates.
func (ca *CA) CertPEM() []byte { return encodeCertificates(ca.chain) }

// KeyPEM returns the signer's private key.
func (ca *CA) KeyPEM() []byte { return bytes.Clone(ca.keyPEM) }

// BundlePEM returns every certificate to trust, in the order in which they were
// given and without repetition. It holds certificates only, whatever else stood
// in the PEM that ParseCA read: the result is published.
func (ca *CA) BundlePEM() []byte { return encodeCertificates(ca.trusted) }

// Sign makes a serving certificate for the given names and addresses, of which
// there must be at least one, with a new ECDSA P-256 key. It is valid from an
// hour before now until the end of its life after it, but never longer than the CA.
// Before it is returned it is verified as a client that trusts BundlePEM would,
// so that a CA which is expired, not trusted by its own bundle, or not allowed
// to sign for these names shows as an error here, not in the API server's log.
func (ca *CA) Sign(now time.Time, life time.Duration, dnsNames []string, ips []net.IP) (*tls.Certificate, error) {
	if len(dnsNames)+len(ips) == 0 {
		return nil, errors.New("sign serving certificate: no DNS name and no IP address given")
	}
	if err := ca.validAt(now); err != nil {
		return nil, fmt.Errorf("sign serving certificate: %w", err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("generate serving key: %w", err)
	}
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	notAfter := now.Add(life)
	if notAfter.After(ca.cert.NotAfter) {
		notAfter = ca.cert.NotAfter
	}
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: "macvlan-webhook"},
		NotBefore:             now.Add(-clockSkew),
		NotAfter:              notAfter,
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		DNSNames:              dnsNames,
		IPAddresses:           ips,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca.cert, key.Public(), ca.key)
	if err != nil {
		return nil, fmt.Errorf("sign serving certificate: %w", err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("parse serving certificate: %w", err)
	}
	if err := ca.verify(leaf, now); err != nil {
		return nil, fmt.Errorf("verify serving certificate: %w", err)
	}
	served := &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
	for _, cert := range ca.chain {
		// A root is trusted by being in the bundle or not at all; sending it
		// makes every handshake longer for nothing.
		if !bytes.Equal(cert.RawSubject, cert.RawIssuer) {
			served.Certificate = append(served.Certificate, cert.Raw)
		}
	}
	return served, nil
}

// own says whether a CA's certificate looks as NewCA makes them.
func own(cert *x509.Certificate) bool {
	made, named := strings.CutPrefix(cert.Subject.CommonName, ownName)
	_, err := strconv.ParseUint(made, 10, 64)
	return named && err == nil && bytes.Equal(cert.RawSubject, cert.RawIssuer)
}

// replaceAt is when two thirds of the life of a CA of our own are over.
func replaceAt(cert *x509.Certificate) time.Time {
	return renewalTime(cert.NotBefore.Add(clockSkew), cert.NotAfter)
}

// validAt says in words for an administrator why the signer cannot be used.
func (ca *CA) validAt(now time.Time) error {
	switch {
	case now.After(ca.cert.NotAfter):
		return fmt.Errorf("the CA certificate %q expired at %s", ca.cert.Subject, ca.cert.NotAfter.UTC().Format(time.RFC3339))
	case now.Before(ca.cert.NotBefore):
		return fmt.Errorf("the CA certificate %q is not valid before %s", ca.cert.Subject, ca.cert.NotBefore.UTC().Format(time.RFC3339))
	}
	return nil
}

// roots are what a client has to trust for what the CA signs: itself, or all that is to be
// trusted along with it where others stand above it.
func (ca *CA) roots() []*x509.Certificate {
	if contains(ca.trusted, ca.cert) {
		return []*x509.Certificate{ca.cert}
	}
	return ca.trusted
}

// usable says why a CA cannot be used at a time: it is not valid then, or is not trusted
// by its own bundle.
func (ca *CA) usable(now time.Time) error {
	if err := ca.validAt(now); err != nil {
		return err
	}
	return ca.verify(ca.cert, now)
}

func (ca *CA) verify(leaf *x509.Certificate, now time.Time) error {
	options := x509.VerifyOptions{
		Roots:         x509.NewCertPool(),
		Intermediates: x509.NewCertPool(),
		CurrentTime:   now,
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, cert := range ca.trusted {
		options.Roots.AddCert(cert)
	}
	for _, cert := range ca.chain {
		options.Intermediates.AddCert(cert)
	}
	if _, err := leaf.Verify(options); err != nil {
		return fmt.Errorf("against the certificates to trust: %w", err)
	}
	return nil
}

func newSerial() (*big.Int, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), serialBits))
	if err != nil {
		return nil, fmt.Errorf("generate serial number: %w", err)
	}
	// RFC 5280 wants a positive number, and rand.Int can return zero.
	return serial.Or(serial, big.NewInt(1)), nil
}
