package server

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/url"
	"time"
)

// ClientAuthority signs client certificates.
type ClientAuthority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// NewClientAuthority makes an authority.
func NewClientAuthority() (*ClientAuthority, error) {
	return signed(&x509.Certificate{Subject: pkix.Name{CommonName: "clients"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}, nil)
}

// signed makes a key and a certificate for it. Without an authority it signs itself.
func signed(template *x509.Certificate, by *ClientAuthority) (*ClientAuthority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template.SerialNumber, template.NotBefore, template.NotAfter = big.NewInt(1), time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	if by == nil {
		by = &ClientAuthority{template, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by.certificate, &key.PublicKey, by.key)
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(der)
	return &ClientAuthority{certificate, key}, err
}

// Bundle is the authority in PEM.
func (a *ClientAuthority) Bundle() []byte { return certificatePEM(a.certificate.Raw) }

// Sign makes a client certificate and its key, in PEM, with a common name and, where they
// are not empty, a DNS name and a URI.
func (a *ClientAuthority) Sign(commonName, dnsName, uri string) (certificate, key []byte, err error) {
	template := &x509.Certificate{Subject: pkix.Name{CommonName: commonName}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	if dnsName != "" {
		template.DNSNames = []string{dnsName}
	}
	if uri != "" {
		parsed, err := url.Parse(uri)
		if err != nil {
			return nil, nil, err
		}
		template.URIs = []*url.URL{parsed}
	}
	leaf, err := signed(template, a)
	if err != nil {
		return nil, nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(leaf.key)
	return certificatePEM(leaf.certificate.Raw), keyPEM(der), err
}

func certificatePEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func keyPEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}
