package certs

import (
	"crypto/x509"
	"fmt"
	"log/slog"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// content is what the Secret says.
type content struct {
	// signer signs from now on; what is to be trusted along with it are the signers of
	// before and to come as well.
	signer *CA
	// next takes over once it is trusted everywhere; nil while none is to.
	next *CA
	// previousUntil is when what signed before is given up; zero where nothing did.
	previousUntil time.Time
	// problem is why the next signer cannot be used, or the Secret not be written.
	problem error
}

// change is a step that a replica has taken with the Secret, in words for the log.
type change string

const (
	unchanged change = ""
	created   change = "CA created"
	replaced  change = "the CA was not valid now, and is replaced by a new one"
	restored  change = "the CA Secret could not be used, and is restored"
	announced change = "a new CA is to be trusted; it signs once every webhook configuration has it"
	switched  change = "the new CA signs now; the previous one stays trusted until its last certificate has expired"
	dropped   change = "the previous CA is no longer trusted"
)

// labels are the changes in metrics.
var labels = map[change]string{
	created: "created", replaced: "replaced", restored: "restored",
	announced: "announced", switched: "switched", dropped: "dropped",
}

func (c change) level() slog.Level {
	if c == replaced || c == restored {
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

// step takes the one step that is due with the Secret: it changes the object, and says
// what it has done. Besides, it returns what the Secret says as it is; nil where that
// cannot be used.
//
// A CA of our own is replaced in three steps, and each replica may take any of them:
// another one is announced, which puts it into ca.crt; it becomes the signer once this
// replica has seen it in every configuration for a while; and the one before is given up
// when the last certificate that it signed has expired. An administrator may announce one
// too, in next.crt and next.key.
//
// mine is what signed the certificate that this replica serves, nil at the start. Where
// the Secret is spoiled, a content of our own is restored from it.
func (a *authority) step(secret *corev1.Secret, now time.Time, mine *CA, settled func(*CA, time.Time) bool) (*content, change, error) {
	if isEmpty(secret) {
		return nil, created, a.fill(secret, now)
	}
	data := secret.Data
	signer, err := ParseCA(data[keyCert], data[keyPrivate], data[keyBundle])
	ours := err == nil && own(signer.cert) && generated(secret)
	var next *CA
	var problem error
	if err == nil {
		next, problem = parseNext(data, signer, now)
		if signer.validAt(now) != nil && next != nil {
			a.promote(secret, signer, next, now)
			return nil, switched, nil
		}
	}
	if ours && signer.validAt(now) != nil {
		return nil, replaced, a.fill(secret, now)
	}
	if err == nil {
		err = signer.usable(now)
	}
	if err != nil {
		if good := restorable(secret, mine, now); good != nil {
			restore(secret, good)
			return nil, restored, nil
		}
		return nil, unchanged, a.unusable(err)
	}

	found := &content{signer: signer, next: next, problem: problem}
	if until, err := time.Parse(time.RFC3339, secret.Annotations[previousUntilAnnotation]); err == nil {
		found.previousUntil = until
	}
	if next == nil && problem == nil && ours && !now.Before(replaceAt(signer.cert)) {
		if next, err = NewCA(now, a.lives.ca); err != nil {
			return nil, unchanged, err
		}
		data[keyNextCert], data[keyNextPrivate] = next.CertPEM(), next.KeyPEM()
	}
	switch {
	case next != nil && !contains(signer.trusted, next.cert):
		data[keyBundle] = encodeCertificates(append(slices.Clip(signer.trusted), next.cert))
		return found, announced, nil
	case next != nil && settled(next, now):
		a.promote(secret, signer, next, now)
		return found, switched, nil
	case a.dropPrevious(secret, found, now):
		return found, dropped, nil
	}
	return found, unchanged, nil
}

// fill puts a new CA into a Secret, in place of all that is ours in it.
func (a *authority) fill(secret *corev1.Secret, now time.Time) error {
	ca, err := NewCA(now, a.lives.ca)
	if err != nil {
		return err
	}
	if secret.Data == nil {
		secret.Data = map[string][]byte{}
	}
	for _, key := range []string{keyNextCert, keyNextPrivate, keyPrevious} {
		delete(secret.Data, key)
	}
	delete(secret.Annotations, previousUntilAnnotation)
	put(secret, ca)
	return nil
}

// put makes a CA the signer.
func put(secret *corev1.Secret, ca *CA) {
	secret.Data[keyCert] = ca.CertPEM()
	secret.Data[keyPrivate] = ca.KeyPEM()
	secret.Data[keyBundle] = ca.BundlePEM()
	metav1.SetMetaDataAnnotation(&secret.ObjectMeta, generatedAnnotation, "true")
}

// promote makes the next signer the one that signs.
func (a *authority) promote(secret *corev1.Secret, signer, next *CA, now time.Time) {
	trusted := []*x509.Certificate{next.cert}
	for _, cert := range signer.trusted {
		if !contains(trusted, cert) {
			trusted = append(trusted, cert)
		}
	}
	if contains(signer.trusted, signer.cert) {
		secret.Data[keyPrevious] = append(signer.CertPEM(), secret.Data[keyPrevious]...)
		// A replica that cannot reach the API server goes on signing with it for a while.
		metav1.SetMetaDataAnnotation(&secret.ObjectMeta, previousUntilAnnotation, now.Add(2*a.lives.serving).UTC().Format(time.RFC3339))
	}
	secret.Data[keyCert], secret.Data[keyPrivate] = secret.Data[keyNextCert], secret.Data[keyNextPrivate]
	secret.Data[keyBundle] = encodeCertificates(trusted)
	delete(secret.Data, keyNextCert)
	delete(secret.Data, keyNextPrivate)
}

// dropPrevious takes out of the bundle what signed before and need not be trusted any
// more, and what says so. It returns false when there is nothing of the kind.
func (a *authority) dropPrevious(secret *corev1.Secret, found *content, now time.Time) bool {
	// What cannot be read here names nothing.
	previous, _ := decodeCertificates(secret.Data[keyPrevious])
	over := !found.previousUntil.IsZero() && !now.Before(found.previousUntil)
	done := func(cert *x509.Certificate) bool {
		return contains(previous, cert) && over || (own(cert) || contains(previous, cert)) && now.After(cert.NotAfter)
	}
	var stay []*x509.Certificate
	for _, cert := range found.signer.trusted {
		if cert.Equal(found.signer.cert) || found.next != nil && cert.Equal(found.next.cert) || !done(cert) {
			stay = append(stay, cert)
		}
	}
	if len(stay) == len(found.signer.trusted) && !over {
		return false
	}
	secret.Data[keyBundle] = encodeCertificates(stay)
	previous = slices.DeleteFunc(previous, done)
	secret.Data[keyPrevious] = encodeCertificates(previous)
	if len(previous) == 0 {
		delete(secret.Data, keyPrevious)
		delete(secret.Annotations, previousUntilAnnotation)
	}
	return true
}

// parseNext reads the CA that is to sign later; nil where there is none.
func parseNext(data map[string][]byte, signer *CA, now time.Time) (*CA, error) {
	if len(data[keyNextCert]) == 0 && len(data[keyNextPrivate]) == 0 {
		return nil, nil
	}
	next, err := ParseCA(data[keyNextCert], data[keyNextPrivate], nil)
	if err == nil {
		err = next.usable(now)
	}
	if err == nil && next.cert.Equal(signer.cert) {
		err = fmt.Errorf("it is the CA of %s already", keyCert)
	}
	if err != nil {
		return nil, fmt.Errorf("%s and %s: %w", keyNextCert, keyNextPrivate, err)
	}
	return next, nil
}

// restorable is what a spoiled Secret may be filled with: what this replica signs with,
// or the signer that stands in it when the bundle alone is spoiled. It is nil where the
// Secret is not ours to write.
func restorable(secret *corev1.Secret, mine *CA, now time.Time) *CA {
	chain, err := decodeCertificates(secret.Data[keyCert])
	ours := generated(secret) || mine != nil && err == nil && chain[0].Equal(mine.cert)
	alone, err := ParseCA(secret.Data[keyCert], secret.Data[keyPrivate], nil)
	switch {
	case mine != nil && ours && mine.usable(now) == nil:
		return mine
	case err == nil && own(alone.cert) && generated(secret) && alone.usable(now) == nil:
		return alone
	}
	return nil
}

// mostRejected is how long a value may be to be kept: a Secret has room for one MiB.
const mostRejected = 64 << 10

// restore puts a CA into a Secret, and keeps what it takes the place of.
func restore(secret *corev1.Secret, ca *CA) {
	for key, good := range map[string][]byte{keyCert: ca.CertPEM(), keyPrivate: ca.KeyPEM(), keyBundle: ca.BundlePEM()} {
		delete(secret.Data, rejectedPrefix+key)
		if was := secret.Data[key]; len(was) > 0 && len(was) <= mostRejected && string(was) != string(good) {
			secret.Data[rejectedPrefix+key] = was
		}
	}
	put(secret, ca)
}

func contains(certs []*x509.Certificate, cert *x509.Certificate) bool {
	return slices.ContainsFunc(certs, cert.Equal)
}
