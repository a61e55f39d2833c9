package certs

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
)

// The Secret's keys. The first two are what the API server demands of the type
// kubernetes.io/tls, the third is cert-manager's name for the same content.
const (
	keyCert    = corev1.TLSCertKey
	keyPrivate = corev1.TLSPrivateKeyKey
	keyBundle  = "ca.crt"
)

// fieldManager owns what this package writes, apart from whoever else manages
// the same objects.
const fieldManager = "macvlan-webhook-certs"

// ensureAttempts bounds how often the Secret is read again because another
// replica was faster. One more read is enough unless somebody also deletes it
// in between.
const ensureAttempts = 5

// SecretError says that the CA Secret exists but cannot be used. Nothing is
// written to such a Secret: it may hold the only copy of somebody's key.
type SecretError struct {
	Namespace, Name string
	Err             error // what is wrong with it
}

// Error names the Secret, what is wrong with it and the way out.
func (e *SecretError) Error() string {
	return fmt.Sprintf("secret %s/%s cannot be used as CA: %v; "+
		"put a valid CA into %s, %s and %s, or delete the secret to get a new CA",
		e.Namespace, e.Name, e.Err, keyCert, keyPrivate, keyBundle)
}

// Unwrap returns what is wrong with the Secret.
func (e *SecretError) Unwrap() error { return e.Err }

// authority is the Secret that holds the CA.
type authority struct {
	secrets         typedcorev1.SecretsGetter
	namespace, name string
	logger          *slog.Logger
}

// ensure returns the CA in the Secret, and makes one first when the Secret is
// absent or holds nothing. Replicas that do so at the same time all return the
// CA of the one that was first: create fails for the others because the name is
// taken, and update because the resource version has moved on.
func (a *authority) ensure(ctx context.Context, now time.Time) (*CA, error) {
	for range ensureAttempts {
		secret, err := a.secrets.Secrets(a.namespace).Get(ctx, a.name, metav1.GetOptions{})
		switch {
		case apierrors.IsNotFound(err):
			secret = &corev1.Secret{
				ObjectMeta: metav1.ObjectMeta{Namespace: a.namespace, Name: a.name},
				Type:       corev1.SecretTypeTLS,
			}
		case err != nil:
			return nil, fmt.Errorf("read secret %s/%s: %w", a.namespace, a.name, err)
		case !isEmpty(secret):
			ca, err := ParseCA(secret.Data[keyCert], secret.Data[keyPrivate], secret.Data[keyBundle])
			if err != nil {
				return nil, a.unusable(err)
			}
			return ca, nil
		}
		ca, won, err := a.fill(ctx, secret, now)
		if err != nil {
			return nil, err
		}
		if won {
			a.logger.Info("CA created", "secret", a.namespace+"/"+a.name, "notAfter", ca.cert.NotAfter)
			return ca, nil
		}
	}
	return nil, fmt.Errorf("write secret %s/%s: it changed between reading and writing, %d times in a row",
		a.namespace, a.name, ensureAttempts)
}

// fill writes a new CA into the Secret as it was read. It returns false, and no
// error, when somebody else wrote it since.
func (a *authority) fill(ctx context.Context, secret *corev1.Secret, now time.Time) (*CA, bool, error) {
	ca, err := NewCA(now)
	if err != nil {
		return nil, false, err
	}
	if secret.Data == nil {
		secret.Data = map[string][]byte{}
	}
	secret.Data[keyCert] = ca.CertPEM()
	secret.Data[keyPrivate] = ca.KeyPEM()
	secret.Data[keyBundle] = ca.BundlePEM()

	secrets := a.secrets.Secrets(a.namespace)
	if secret.ResourceVersion == "" {
		_, err = secrets.Create(ctx, secret, metav1.CreateOptions{FieldManager: fieldManager})
		if apierrors.IsAlreadyExists(err) {
			return nil, false, nil
		}
	} else {
		_, err = secrets.Update(ctx, secret, metav1.UpdateOptions{FieldManager: fieldManager})
		if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
			return nil, false, nil
		}
	}
	if err != nil {
		return nil, false, fmt.Errorf("write secret %s/%s: %w", a.namespace, a.name, err)
	}
	return ca, true, nil
}

func (a *authority) unusable(err error) error {
	return &SecretError{Namespace: a.namespace, Name: a.name, Err: err}
}

// isEmpty tells a placeholder, made beforehand so that nobody has to be allowed
// to create secrets, from a Secret with content. Keys with an empty value count
// as nothing, because a placeholder of type kubernetes.io/tls must have them.
func isEmpty(secret *corev1.Secret) bool {
	for _, value := range secret.Data {
		if len(value) > 0 {
			return false
		}
	}
	return true
}
