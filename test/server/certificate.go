package server

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/macvlan-webhook/macvlan-webhook/certs"
)

// Loopback is a serving certificate for 127.0.0.1 and, in PEM, what a client has to
// trust.
func Loopback() (certificate *tls.Certificate, bundle []byte, err error) {
	ca, err := certs.NewCA(time.Now(), certs.CALifetime)
	if err != nil {
		return nil, nil, err
	}
	certificate, err = ca.Sign(time.Now(), certs.ServingLifetime, nil, []net.IP{net.IPv4(127, 0, 0, 1)})
	return certificate, ca.BundlePEM(), err
}

// Certificate writes a serving certificate for 127.0.0.1 into a folder, and
// returns a client that trusts it, and the flags that make a server use it.
func Certificate(folder string) (*http.Client, []string, error) {
	bundle, flags, err := CertificateFiles(folder)
	if err != nil {
		return nil, nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(bundle)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}}
	return client, flags, nil
}

// CertificateFiles writes a serving certificate for 127.0.0.1 into a folder, and returns, in
// PEM, what a client has to trust, and the flags that make a server use it.
func CertificateFiles(folder string) (bundle []byte, flags []string, err error) {
	leaf, bundle, err := Loopback()
	if err != nil {
		return nil, nil, err
	}
	key, err := x509.MarshalPKCS8PrivateKey(leaf.PrivateKey)
	if err != nil {
		return nil, nil, err
	}
	certFile, keyFile := filepath.Join(folder, "tls.crt"), filepath.Join(folder, "tls.key")
	var chain []byte
	for _, der := range leaf.Certificate {
		chain = append(chain, certificatePEM(der)...)
	}
	err = errors.Join(
		os.WriteFile(certFile, chain, 0o600),
		os.WriteFile(keyFile, keyPEM(key), 0o600),
	)
	return bundle, []string{"--cert-file=" + certFile, "--key-file=" + keyFile}, err
}
