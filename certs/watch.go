package certs

import (
	"context"
	"sync"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	apiwatch "k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
)

// source is one object that is watched, by its name.
type source struct {
	resource, name string
	object         runtime.Object
	list           func(context.Context, metav1.ListOptions) (runtime.Object, error)
	watch          func(context.Context, metav1.ListOptions) (apiwatch.Interface, error)
}

// sources are the Secret and the webhook configurations.
func sources(opts SelfOptions) []source {
	all := []source{sourceOf("secrets", opts.SecretName, &corev1.Secret{}, opts.Secrets.Secrets(opts.Namespace))}
	for _, name := range opts.ValidatingConfigurations {
		all = append(all, sourceOf("validatingwebhookconfigurations", name, &admissionv1.ValidatingWebhookConfiguration{}, opts.Webhooks.ValidatingWebhookConfigurations()))
	}
	for _, name := range opts.MutatingConfigurations {
		all = append(all, sourceOf("mutatingwebhookconfigurations", name, &admissionv1.MutatingWebhookConfiguration{}, opts.Webhooks.MutatingWebhookConfigurations()))
	}
	return all
}

// lister lists and watches the objects of one kind.
type lister[L runtime.Object] interface {
	List(context.Context, metav1.ListOptions) (L, error)
	Watch(context.Context, metav1.ListOptions) (apiwatch.Interface, error)
}

func sourceOf[L runtime.Object](resource, name string, object runtime.Object, api lister[L]) source {
	return source{
		resource: resource, name: name, object: object,
		list:  func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) { return api.List(ctx, o) },
		watch: api.Watch,
	}
}

// watch tells of changes of the Secret and of the configurations until ctx ends. What may
// not be watched, with the ClusterRole of an older version say, is looked at once an
// interval.
func (s *SelfSigned) watch(ctx context.Context, changes chan<- struct{}) {
	wake := func(any) {
		select {
		case changes <- struct{}{}:
		default: // one is waiting to be heard
		}
	}
	var running sync.WaitGroup
	for _, source := range s.sources {
		selector := fields.OneTermEqualSelector(metav1.ObjectNameField, source.name).String()
		informer := cache.NewSharedIndexInformer(&cache.ListWatch{
			ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
				o.FieldSelector = selector
				return source.list(ctx, o)
			},
			WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (apiwatch.Interface, error) {
				o.FieldSelector = selector
				return source.watch(ctx, o)
			},
		}, source.object, 0, nil)
		logger := s.logger.With("resource", source.resource, "name", source.name)
		forbidden := false
		// Both fail only for an informer that runs already.
		_ = informer.SetWatchErrorHandlerWithContext(func(_ context.Context, _ *cache.Reflector, err error) {
			if apierrors.IsForbidden(err) && !forbidden {
				forbidden = true
				logger.Warn("no permission to watch: changes are noticed within about a minute", "error", err)
			} else {
				logger.Debug("watch ended", "error", err)
			}
		})
		_, _ = informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
			AddFunc:    wake,
			UpdateFunc: func(_, object any) { wake(object) },
			DeleteFunc: wake,
		})
		running.Go(func() { informer.RunWithContext(ctx) })
	}
	running.Wait()
}
