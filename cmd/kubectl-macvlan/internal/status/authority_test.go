package status

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
)

// authority is a certificate in PEM with that validity.
func authority(t *testing.T, from, to time.Time) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: from, NotAfter: to, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func TestAuthorityLines(t *testing.T) {
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	day := 24 * time.Hour
	good := authority(t, now.Add(-day), now.Add(100*day))
	other := authority(t, now.Add(-day), now.Add(200*day))
	expired := authority(t, now.Add(-10*day), now.Add(-day))
	const unknown = `failed calling webhook "a": failed to call webhook: Post "https://x": tls: failed to verify certificate: x509: certificate signed by unknown authority`
	tests := []struct {
		name    string
		bundles [][]byte
		called  calls
		state   State
		says    string
	}{
		{"good", [][]byte{good, good}, calls{}, OK, "1 authority, valid for 100 days (until 2027-03-10)"},
		{"seen to work", [][]byte{good}, calls{answered: map[string]bool{"a": true}}, OK, "; the API server accepts the serving certificate"},
		{"two", [][]byte{bytes.Join([][]byte{good, other}, nil)}, calls{}, OK, "2 authorities, valid for 200 days"},
		{"an old one beside", [][]byte{bytes.Join([][]byte{expired, good}, nil)}, calls{}, OK, "2 authorities, valid for 100 days"},
		{"not alike", [][]byte{good, other}, calls{}, Note, "the webhooks do not all have the same one"},
		{"soon", [][]byte{authority(t, now.Add(-day), now.Add(29*day))}, calls{}, Note, "1 authority, of which the last ends in 29 days, on 2026-12-29"},
		{"expired", [][]byte{good, expired}, calls{}, Problem, `expired in "b", on 2026-11-29`},
		{"early", [][]byte{authority(t, now.Add(time.Hour), now.Add(day))}, calls{}, Problem, `not valid in "a" before 2026-11-30T13:00:00Z`},
		{"no PEM", [][]byte{[]byte("hello")}, calls{}, Problem, `cannot be read in "a": `},
		{"none", [][]byte{good, nil}, calls{}, Problem, `not set in "b": the API server trusts no replica`},
		{"none, and answered", [][]byte{nil}, calls{answered: map[string]bool{"a": true}}, OK, "not set, and not needed"},
		{"another authority", [][]byte{good}, calls{failed: map[string]string{"a": unknown}}, Problem, "does not accept the serving certificate: x509: certificate signed by unknown authority"},
		{"nobody there", [][]byte{good}, calls{failed: map[string]string{"a": "connect: connection refused"}}, OK, "valid for 100 days"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := &configuration{kind: "ValidatingWebhookConfiguration", name: "c"}
			for i, bundle := range tt.bundles {
				c.entries = append(c.entries, entry{name: string(rune('a' + i)), client: admissionv1.WebhookClientConfig{CABundle: bundle}})
			}
			lines := authorityLines(c, tt.called, now)
			if len(lines) != 1 || lines[0].State != tt.state || !strings.Contains(lines[0].Message, tt.says) || tt.state == Problem && lines[0].Remedy == "" {
				t.Errorf("lines %+v, want %s: %s", lines, tt.state, tt.says)
			}
		})
	}
	if lines := authorityLines(&configuration{absent: true}, calls{}, now); len(lines) > 0 {
		t.Errorf("without a configuration: %+v", lines)
	}
}
