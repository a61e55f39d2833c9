package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"

	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
)

// apiPath is where the API server has a version of a group: the core group stands
// apart from the others.
func apiPath(gv schema.GroupVersion) []string {
	if gv.Group == "" {
		return []string{"/api", gv.Version}
	}
	return []string{"/apis", gv.Group, gv.Version}
}

// clientFor is a REST client of one API group. It has no rate limit: the watch
// needs none, and live reads have their own.
func clientFor[T any](config *rest.Config, k kind[T]) (*rest.RESTClient, error) {
	gv := k.GroupVersion()
	scheme := runtime.NewScheme()
	scheme.AddKnownTypeWithName(gv.WithKind(k.Name), k.object())
	scheme.AddKnownTypeWithName(gv.WithKind(k.Name+"List"), k.list())
	metav1.AddToGroupVersion(scheme, gv)
	c := rest.CopyConfig(config)
	c.GroupVersion = &gv
	c.APIPath = apiPath(gv)[0]
	c.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	c.ContentType, c.AcceptContentTypes = runtime.ContentTypeJSON, runtime.ContentTypeJSON
	c.QPS = -1
	return rest.RESTClientFor(c)
}

// request begins a request for objects of the kind.
func (w *watched[T]) request() *rest.Request {
	return w.client.Get().Resource(w.kind.Resource)
}

// accept asks for an answer of the kind "as" where the metadata alone is asked for.
func accept(kind inventory.Kind, as string) string {
	if kind.MetadataOnly {
		return "application/json;as=" + as + ";g=" + metav1.GroupName + ";v=v1"
	}
	return "application/json"
}

// requestMany begins a request for all objects that are followed.
func (w *watched[T]) requestMany(options metav1.ListOptions) *rest.Request {
	options.LabelSelector, options.FieldSelector = w.kind.Labels, w.kind.Fields
	return w.request().NamespaceIfScoped(w.kind.Namespace, w.kind.Namespace != "").VersionedParams(&options, metav1.ParameterCodec)
}

// How the API server calls the metadata of one object and of many.
const (
	metadataOfOne  = "PartialObjectMetadata"
	metadataOfMany = "PartialObjectMetadataList"
)

func (w *watched[T]) listWatch() *cache.ListWatch {
	return &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			if w.kind.fillInPages {
				return w.listCached(ctx)
			}
			list := w.kind.list()
			err := w.requestMany(options).Do(ctx).Into(list)
			if err == nil {
				w.hear()
			}
			return list, err
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			options.Watch = true
			events, err := w.requestMany(options).Watch(ctx)
			if err != nil {
				return nil, err
			}
			// Bookmarks come once a minute on a quiet cluster: they tell that
			// the cache is up to date although nothing changes.
			return watch.Filter(events, func(event watch.Event) (watch.Event, bool) {
				w.hear()
				return event, true
			}), nil
		},
	}
}

// served says whether the API server has the resource.
func (w *watched[T]) served(ctx context.Context) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	raw, err := w.client.Get().AbsPath(apiPath(w.kind.GroupVersion())...).Do(ctx).Raw()
	switch {
	case apierrors.IsNotFound(err):
		return false, nil
	case err != nil:
		return false, err
	}
	var resources metav1.APIResourceList
	if err := json.Unmarshal(raw, &resources); err != nil {
		return false, fmt.Errorf("decode the list of resources: %w", err)
	}
	return names(&resources, w.kind.Kind), nil
}

// names says whether the resources of a version have those of a kind among them.
func names(resources *metav1.APIResourceList, kind inventory.Kind) bool {
	return slices.ContainsFunc(resources.APIResources, func(r metav1.APIResource) bool { return r.Name == kind.Resource })
}

// get reads one object from the API server. It is not asked for what no object can
// be called, such as "vlan/100": the client would take that for a failure.
func (w *watched[T]) get(ctx context.Context, ref object.Reference) (*T, error) {
	if len(validation.IsDNS1123Subdomain(ref.Name)) > 0 {
		return nil, nil
	}
	object := w.kind.object()
	err := w.request().NamespaceIfScoped(ref.Namespace, ref.Namespace != "").Name(ref.Name).Do(ctx).Into(object)
	var status apierrors.APIStatus
	switch {
	case err == nil:
		return w.compiled(object), nil
	case errors.As(err, &status) && status.Status().Code == http.StatusNotFound:
		return nil, nil
	default:
		return nil, err
	}
}
