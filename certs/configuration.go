package certs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	applyv1 "k8s.io/client-go/applyconfigurations/admissionregistration/v1"
	typedv1 "k8s.io/client-go/kubernetes/typed/admissionregistration/v1"
)

// configuration is one webhook configuration whose caBundle is kept right. The
// two kinds have the same shape but no common type.
type configuration struct {
	kind, name string
	// read returns the state of the object and the webhooks in their order.
	read func(context.Context) (state, []trust, error)
	// apply writes the bundle to the webhooks if the object is still in that
	// state. Otherwise the error is a conflict.
	apply func(ctx context.Context, was state, webhooks []trust, bundle []byte) error

	absent bool // as last seen, so that a change is logged once
}

// state is what an apply is bound to. Without the resource version, a webhook
// that was removed since the read would be brought back as a stump of a name and
// a caBundle. Without the UID, so would a configuration that was deleted: the
// API server takes an apply of an absent object for a create, and looks at the
// resource version too late.
type state struct {
	uid             types.UID
	resourceVersion string
}

// trust is the part of a webhook that matters here.
type trust struct {
	webhook  string
	caBundle []byte
}

// publishAttempts bounds how often a configuration is read again because it
// changed before it was written, as it does when replicas start together.
const publishAttempts = 5

// publish brings the configuration's caBundles to bundle. A configuration that
// does not exist is no error: it may be applied after the server.
func (c *configuration) publish(ctx context.Context, bundle []byte, logger *slog.Logger) error {
	logger = logger.With("kind", c.kind, "name", c.name)
	for range publishAttempts {
		was, webhooks, err := c.read(ctx)
		if apierrors.IsNotFound(err) {
			if !c.absent {
				logger.Warn("webhook configuration not found, waiting for it")
			}
			c.absent = true
			return nil
		}
		if err != nil {
			return fmt.Errorf("read %s %q: %w", c.kind, c.name, err)
		}
		c.absent = false
		// An unneeded write wakes everybody who watches the configuration,
		// GitOps controllers foremost.
		if !slices.ContainsFunc(webhooks, func(t trust) bool { return !bytes.Equal(t.caBundle, bundle) }) {
			return nil
		}
		// All webhooks, not the stale ones alone: what a manager leaves out of
		// its next apply it gives up, and the API server removes those caBundles.
		err = c.apply(ctx, was, webhooks, bundle)
		switch {
		case err == nil:
			logger.Info("caBundle written")
			return nil
		case !apierrors.IsConflict(err):
			return fmt.Errorf("write caBundle of %s %q: %w", c.kind, c.name, err)
		}
	}
	return fmt.Errorf("write caBundle of %s %q: it changed between reading and writing, %d times in a row",
		c.kind, c.name, publishAttempts)
}

// applyOptions takes the caBundle from whoever wrote another one.
var applyOptions = metav1.ApplyOptions{FieldManager: fieldManager, Force: true}

// clientConfig is all of a webhook that is ours. Server-side apply leaves every
// other field to its owner.
func clientConfig(bundle []byte) *applyv1.WebhookClientConfigApplyConfiguration {
	return applyv1.WebhookClientConfig().WithCABundle(bundle...)
}

func validatingConfiguration(client typedv1.ValidatingWebhookConfigurationsGetter, name string) *configuration {
	api := client.ValidatingWebhookConfigurations()
	return &configuration{
		kind: "ValidatingWebhookConfiguration",
		name: name,
		read: func(ctx context.Context) (state, []trust, error) {
			object, err := api.Get(ctx, name, metav1.GetOptions{})
			if err != nil {
				return state{}, nil, err
			}
			var webhooks []trust
			for _, webhook := range object.Webhooks {
				webhooks = append(webhooks, trust{webhook.Name, webhook.ClientConfig.CABundle})
			}
			return state{object.UID, object.ResourceVersion}, webhooks, nil
		},
		apply: func(ctx context.Context, was state, webhooks []trust, bundle []byte) error {
			object := applyv1.ValidatingWebhookConfiguration(name).WithUID(was.uid).WithResourceVersion(was.resourceVersion)
			for _, webhook := range webhooks {
				object.WithWebhooks(applyv1.ValidatingWebhook().WithName(webhook.webhook).WithClientConfig(clientConfig(bundle)))
			}
			_, err := api.Apply(ctx, object, applyOptions)
			return err
		},
	}
}

func mutatingConfiguration(client typedv1.MutatingWebhookConfigurationsGetter, name string) *configuration {
	api := client.MutatingWebhookConfigurations()
	return &configuration{
		kind: "MutatingWebhookConfiguration",
		name: name,
		read: func(ctx context.Context) (state, []trust, error) {
			object, err := api.Get(ctx, name, metav1.GetOptions{})
			if err != nil {
				return state{}, nil, err
			}
			var webhooks []trust
			for _, webhook := range object.Webhooks {
				webhooks = append(webhooks, trust{webhook.Name, webhook.ClientConfig.CABundle})
			}
			return state{object.UID, object.ResourceVersion}, webhooks, nil
		},
		apply: func(ctx context.Context, was state, webhooks []trust, bundle []byte) error {
			object := applyv1.MutatingWebhookConfiguration(name).WithUID(was.uid).WithResourceVersion(was.resourceVersion)
			for _, webhook := range webhooks {
				object.WithWebhooks(applyv1.MutatingWebhook().WithName(webhook.webhook).WithClientConfig(clientConfig(bundle)))
			}
			_, err := api.Apply(ctx, object, applyOptions)
			return err
		},
	}
}

// publishAll goes on after an error, so that one configuration that cannot be
// written does not keep the others from being right.
func publishAll(ctx context.Context, configurations []*configuration, bundle []byte, logger *slog.Logger) error {
	var errs []error
	for _, c := range configurations {
		errs = append(errs, c.publish(ctx, bundle, logger))
	}
	return errors.Join(errs...)
}
