package certs

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	typedv1 "k8s.io/client-go/kubernetes/typed/admissionregistration/v1"
)

// configuration is one webhook configuration whose caBundle is kept right. The
// two kinds have the same shape but no common type.
type configuration struct {
	kind, name string
	read       func(context.Context) (*published, error)
	patch      func(context.Context, []byte) error

	absent bool // as last seen, so that a change is logged once
	seen   bool // it existed once
}

const validatingKind = "ValidatingWebhookConfiguration"

// published is a configuration as it was read.
type published struct {
	metadata metav1.ObjectMeta
	// trusted is what the caBundle of each webhook holds, in their order: nothing where it
	// is empty or cannot be read.
	trusted [][]*x509.Certificate
}

// observe reads the configuration; nil where it does not exist, which is no error: it may
// be applied after the server.
func (c *configuration) observe(ctx context.Context) (*published, error) {
	found, err := c.read(ctx)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s %q: %w", c.kind, c.name, err)
	}
	return found, nil
}

// operation is one of RFC 6902.
type operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value,omitempty"`
}

// write gives webhooks, by their places, a bundle. The error is a conflict when the
// configuration has changed since it was read.
//
// It is a JSON patch, not server-side apply, by which the servers would own a part of
// every webhook: whoever deploys the configuration by server-side apply could then neither
// leave out nor rename one. What older versions of the server own is given up on the way.
// A configuration that was deleted since it was read is gone, which is no error.
func (c *configuration) write(ctx context.Context, was *published, webhooks []int, bundle []byte) (gone bool, err error) {
	// As an update does, a patch that carries another version is refused.
	patch := []operation{{"replace", "/metadata/resourceVersion", was.metadata.ResourceVersion}}
	for _, n := range webhooks {
		patch = append(patch, operation{"add", fmt.Sprintf("/webhooks/%d/clientConfig/caBundle", n), bundle})
	}
	if n := was.applied(); n >= 0 {
		patch = append(patch, operation{"remove", fmt.Sprintf("/metadata/managedFields/%d", n), nil})
	}
	text, err := json.Marshal(patch)
	if err != nil {
		return false, err
	}
	err = c.patch(ctx, text)
	if apierrors.IsNotFound(err) {
		return true, nil
	}
	// A place that is not there any more is an error before the version is looked at.
	if status := apierrors.APIStatus(nil); errors.As(err, &status) && status.Status().Code == http.StatusUnprocessableEntity {
		if now, again := c.read(ctx); again == nil && now.metadata.ResourceVersion != was.metadata.ResourceVersion {
			return false, apierrors.NewConflict(schema.GroupResource{Resource: c.kind}, c.name, err)
		}
	}
	return false, err
}

// applied is the place of what older versions of the server own by server-side apply; -1
// where that is nothing.
func (p *published) applied() int {
	for n, entry := range p.metadata.ManagedFields {
		if entry.Manager == fieldManager && entry.Operation == metav1.ManagedFieldsOperationApply {
			return n
		}
	}
	return -1
}

func validatingConfiguration(client typedv1.ValidatingWebhookConfigurationsGetter, name string) *configuration {
	return configurationOf(validatingKind, name, client.ValidatingWebhookConfigurations(),
		func(c *admissionv1.ValidatingWebhookConfiguration) *published {
			return &published{c.ObjectMeta, trustedBy(c.Webhooks, func(w admissionv1.ValidatingWebhook) []byte { return w.ClientConfig.CABundle })}
		})
}

func mutatingConfiguration(client typedv1.MutatingWebhookConfigurationsGetter, name string) *configuration {
	return configurationOf("MutatingWebhookConfiguration", name, client.MutatingWebhookConfigurations(),
		func(c *admissionv1.MutatingWebhookConfiguration) *published {
			return &published{c.ObjectMeta, trustedBy(c.Webhooks, func(w admissionv1.MutatingWebhook) []byte { return w.ClientConfig.CABundle })}
		})
}

func trustedBy[W any](webhooks []W, bundle func(W) []byte) (all [][]*x509.Certificate) {
	for _, webhook := range webhooks {
		// What cannot be read there is trusted by nobody.
		certs, _ := decodeCertificates(bundle(webhook))
		all = append(all, certs)
	}
	return all
}

// client reads and patches the configurations of one kind.
type client[T any] interface {
	Get(context.Context, string, metav1.GetOptions) (*T, error)
	Patch(context.Context, string, types.PatchType, []byte, metav1.PatchOptions, ...string) (*T, error)
}

func configurationOf[T any](kind, name string, api client[T], describe func(*T) *published) *configuration {
	return &configuration{
		kind: kind,
		name: name,
		read: func(ctx context.Context) (*published, error) {
			object, err := api.Get(ctx, name, metav1.GetOptions{})
			if err != nil {
				return nil, err
			}
			return describe(object), nil
		},
		patch: func(ctx context.Context, patch []byte) error {
			_, err := api.Patch(ctx, name, types.JSONPatchType, patch, metav1.PatchOptions{FieldManager: fieldManager})
			return err
		},
	}
}
