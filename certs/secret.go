package certs

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
)

// The Secret's keys. The first two are what the API server demands of the type
// kubernetes.io/tls, the third is cert-manager's name for the same content.
const (
	keyCert        = corev1.TLSCertKey
	keyPrivate     = corev1.TLSPrivateKeyKey
	keyBundle      = "ca.crt"
	keyNextCert    = "next.crt"
	keyNextPrivate = "next.key"
	keyPrevious    = "previous.crt"
	// rejectedPrefix begins the keys that hold what was unusable and is restored.
	rejectedPrefix = "rejected."
)

// The Secret's annotations.
const (
	// generatedAnnotation says that the servers made the Secret's content, and may
	// restore it. An administrator's is never written over.
	generatedAnnotation = "macvlan-webhook.io/generated"
	// previousUntilAnnotation is when previous.crt need not be trusted any more, as
	// RFC 3339 has it.
	previousUntilAnnotation = "macvlan-webhook.io/previous-until"
)

// fieldManager owns what this package writes, apart from whoever else manages
// the same objects.
const fieldManager = "macvlan-webhook-certs"

// ensureAttempts bounds how often the Secret is read again because another
// replica was faster, or because one step has led to the next.
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
	lives           lifetimes
	logger          *slog.Logger
	changed         func(change) // counts them
}

// follow returns what the Secret says, after every step that is due ([authority.step])
// was taken. Replicas that take the same step at the same time all end with the outcome
// of the one that was first: create fails for the others because the name is taken, and
// update because the resource version has moved on.
//
// The clock may be one that only the API server's answers set.
func (a *authority) follow(ctx context.Context, clock func() time.Time, mine *CA, settled func(*CA, time.Time) bool) (*content, error) {
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
		}
		found, step, err := a.step(secret, clock(), mine, settled)
		if err != nil || step == unchanged {
			return found, err
		}
		won, err := a.write(ctx, secret)
		if err != nil && found != nil {
			// What is there is good enough for now.
			found.problem = err
			return found, nil
		}
		if err != nil {
			return nil, err
		}
		if won {
			a.logger.Log(ctx, step.level(), string(step), "secret", a.namespace+"/"+a.name)
			a.changed(step)
		}
	}
	return nil, fmt.Errorf("write secret %s/%s: it changed between reading and writing, %d times in a row",
		a.namespace, a.name, ensureAttempts)
}

// write stores the Secret as it was read and changed. It returns false, and no
// error, when somebody else wrote it since.
func (a *authority) write(ctx context.Context, secret *corev1.Secret) (bool, error) {
	secrets := a.secrets.Secrets(a.namespace)
	var err error
	if secret.ResourceVersion == "" {
		_, err = secrets.Create(ctx, secret, metav1.CreateOptions{FieldManager: fieldManager})
		if apierrors.IsAlreadyExists(err) {
			return false, nil
		}
	} else {
		_, err = secrets.Update(ctx, secret, metav1.UpdateOptions{FieldManager: fieldManager})
		if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
			return false, nil
		}
	}
	if err != nil {
		err = fmt.Errorf("write secret %s/%s: %w", a.namespace, a.name, err)
		if secret.Immutable != nil && *secret.Immutable {
			err = fmt.Errorf("%w; delete the secret to get a new CA", err)
		}
		return false, &storeError{err}
	}
	return true, nil
}

// storeError says that the Secret was read, and could not be written.
type storeError struct{ err error }

// Error names the Secret and why it cannot be written.
func (e *storeError) Error() string { return e.err.Error() }

// Unwrap returns what Error says.
func (e *storeError) Unwrap() error { return e.err }

// generated says whether the servers have made a Secret's content, those of versions before
// the annotation included.
func generated(secret *corev1.Secret) bool {
	return secret.Annotations[generatedAnnotation] == "true" ||
		slices.ContainsFunc(secret.ManagedFields, func(entry metav1.ManagedFieldsEntry) bool { return entry.Manager == fieldManager })
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
