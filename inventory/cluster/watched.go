package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"

	"github.com/macvlan-webhook/macvlan-webhook/policy"
)

// absentInterval is how often the API server is asked whether a resource has
// been installed meanwhile.
const absentInterval = 2 * time.Second

// kind says how objects of one resource are read and what is kept of them.
type kind[T any] struct {
	resource schema.GroupVersionResource
	// name is the API kind of the objects; empty where their Go type is called so.
	name string
	// namespace is the only one whose objects are followed and listed; empty for all.
	namespace string
	// selector of labels leaves the others out; empty for all. An object that is read
	// by its name is read whatever its labels are.
	selector string
	// object and list make empty values to decode into.
	object func() runtime.Object
	list   func() runtime.Object
	// perPage is how many objects a live list takes at once; 0 for objectsPerPage.
	perPage int64
	// fillInPages says that the list which fills the cache is read page by page too:
	// the objects are far larger than what is kept of them.
	fillInPages bool
	// metadataOnly asks the API server to leave out all but the metadata; then object
	// and list are of [metav1.PartialObjectMetadata].
	metadataOnly bool
	// optional says that it is no fault when the API server forbids to read them.
	optional bool
	// compile makes the value that rules read of a decoded object.
	compile func(runtime.Object) *T
}

// watched follows the objects of one resource: an informer whose store holds
// compiled values, and live reads beside it.
type watched[T any] struct {
	kind     kind[T]
	logger   *slog.Logger
	client   *rest.RESTClient
	informer cache.SharedIndexInformer
	reader   *reader[T]

	// filled is done when the informer, and what is called for its events, have
	// seen all objects that were there at first.
	filled cache.DoneChecker
	// absent says that the cluster has no such resource at all. When the resource
	// is installed it stays so until the cache is filled, and ready with it: that
	// is no time for all replicas to leave the Service at once.
	absent atomic.Bool
	// forbidden says that the API server has refused to tell since it was last heard
	// of. It is set only where the kind is optional.
	forbidden atomic.Bool
	// heard is when the watch last brought anything, in Unix nanoseconds.
	heard atomic.Int64
}

// follow prepares to follow a resource; nothing is asked before run.
func follow[T any](config *rest.Config, k kind[T], logger *slog.Logger, reads *rate.Limiter, count func(resource, result string)) (*watched[T], error) {
	client, err := clientFor(config, k)
	if err != nil {
		return nil, fmt.Errorf("make a client for %s: %w", k.resource.Resource, err)
	}
	w := &watched[T]{kind: k, logger: logger.With("resource", k.resource.GroupResource().String()), client: client}
	w.informer = cache.NewSharedIndexInformerWithOptions(w.listWatch(), k.object(), cache.SharedIndexInformerOptions{})
	if err := w.informer.SetTransform(w.transform); err != nil {
		return nil, err
	}
	if err := w.informer.SetWatchErrorHandlerWithContext(w.watchFailed); err != nil {
		return nil, err
	}
	w.filled = w.informer.HasSyncedChecker()
	w.reader = newReader(w.get, reads, time.Now, func(result string) { count(k.resource.Resource, result) })
	return w, nil
}

// onChange calls set with the key of every object that is added or changes and what
// is compiled of it, and gone with the key of every one that is deleted, one after the
// other. To be called once, before run.
func (w *watched[T]) onChange(set func(key string, value *T), gone func(key string)) error {
	changed := func(object any) {
		c := object.(*cached[T])
		set(cache.MetaObjectToName(c).String(), c.value)
	}
	handler, err := w.informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    changed,
		UpdateFunc: func(_, object any) { changed(object) },
		DeleteFunc: func(object any) {
			if key, err := cache.DeletionHandlingMetaNamespaceKeyFunc(object); err == nil {
				gone(key)
			}
		},
	})
	if err != nil {
		return fmt.Errorf("follow the changes of %s: %w", w.kind.resource.Resource, err)
	}
	w.filled = handler.HasSyncedChecker()
	return nil
}

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
	gv := k.resource.GroupVersion()
	scheme := runtime.NewScheme()
	if k.name == "" {
		scheme.AddKnownTypes(gv, k.object(), k.list())
	} else {
		scheme.AddKnownTypeWithName(gv.WithKind(k.name), k.object())
		scheme.AddKnownTypeWithName(gv.WithKind(k.name+"List"), k.list())
	}
	metav1.AddToGroupVersion(scheme, gv)
	if k.metadataOnly {
		if err := metav1.AddMetaToScheme(scheme); err != nil {
			return nil, err
		}
	}
	c := rest.CopyConfig(config)
	c.GroupVersion = &gv
	c.APIPath = apiPath(gv)[0]
	c.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	c.ContentType, c.AcceptContentTypes = runtime.ContentTypeJSON, runtime.ContentTypeJSON
	c.QPS = -1
	return rest.RESTClientFor(c)
}

// cached is what the informer's store holds of an object: the compiled value, and
// the metadata that client-go itself needs.
type cached[T any] struct {
	metav1.ObjectMeta
	value *T
}

// transform drops the object and keeps what is compiled of it.
func (w *watched[T]) transform(object any) (any, error) {
	if _, ok := object.(*cached[T]); ok {
		return object, nil
	}
	decoded, ok := object.(runtime.Object)
	if !ok {
		return object, nil
	}
	meta, ok := object.(metav1.Object)
	if !ok {
		return object, nil
	}
	return &cached[T]{
		ObjectMeta: metav1.ObjectMeta{Namespace: meta.GetNamespace(), Name: meta.GetName(), UID: meta.GetUID(), ResourceVersion: meta.GetResourceVersion()},
		value:      w.kind.compile(decoded),
	}, nil
}

// GetObjectKind implements [runtime.Object], so that a list can hold it.
func (c *cached[T]) GetObjectKind() schema.ObjectKind { return schema.EmptyObjectKind }

// DeepCopyObject implements [runtime.Object]. The value is never changed.
func (c *cached[T]) DeepCopyObject() runtime.Object { return new(*c) }

// cachedList is a list of what is kept of objects.
type cachedList[T any] struct {
	metav1.TypeMeta
	metav1.ListMeta
	Items []*cached[T]
}

// DeepCopyObject implements [runtime.Object].
func (l *cachedList[T]) DeepCopyObject() runtime.Object {
	out := *l
	out.Items = slices.Clone(l.Items)
	return &out
}

// request begins a request whose answer is of the kind "as" where the metadata alone is
// asked for.
func (w *watched[T]) request(as string) *rest.Request {
	r := w.client.Get().Resource(w.kind.resource.Resource)
	if w.kind.metadataOnly {
		r.SetHeader("Accept", "application/json;as="+as+";g="+metav1.GroupName+";v=v1")
	}
	return r
}

// requestMany begins a request for all objects that are followed.
func (w *watched[T]) requestMany(as string, options metav1.ListOptions) *rest.Request {
	options.LabelSelector = w.kind.selector
	return w.request(as).NamespaceIfScoped(w.kind.namespace, w.kind.namespace != "").VersionedParams(&options, metav1.ParameterCodec)
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
			err := w.requestMany(metadataOfMany, options).Do(ctx).Into(list)
			if err == nil {
				w.hear()
			}
			return list, err
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			options.Watch = true
			events, err := w.requestMany(metadataOfOne, options).Watch(ctx)
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

// hear notes that the API server has answered, which it can only where it has the
// resource.
func (w *watched[T]) hear() {
	w.heard.Store(time.Now().UnixNano())
	if w.forbidden.CompareAndSwap(true, false) {
		w.logger.Info("the resource may be read now")
	}
	if w.absent.Load() && cache.IsDone(w.filled) {
		w.appear()
	}
}

func (w *watched[T]) appear() {
	if w.absent.CompareAndSwap(true, false) {
		w.logger.Info("the resource is there now")
	}
}

// watchFailed says why a watch has ended. A resource that was uninstalled is looked
// for with client-go's pauses, which grow to half a minute, and said to be gone
// once.
func (w *watched[T]) watchFailed(_ context.Context, _ *cache.Reflector, err error) {
	if apierrors.IsResourceExpired(err) || apierrors.IsGone(err) {
		return
	}
	if apierrors.IsNotFound(err) {
		if w.absent.CompareAndSwap(false, true) {
			w.logger.Info("the cluster has no such resource any more")
		}
		return
	}
	if w.kind.optional && apierrors.IsForbidden(err) {
		if w.forbidden.CompareAndSwap(false, true) {
			w.logger.Warn("the resource may not be read, so nothing is known of it until it may", "error", err)
		}
		return
	}
	w.logger.Warn("watch failed, it is tried again", "error", err)
}

// run fills the cache and keeps it up to date until ctx ends. A cluster without
// the resource is asked again every two seconds.
func (w *watched[T]) run(ctx context.Context) {
	for {
		served, err := w.served(ctx)
		if err != nil && ctx.Err() == nil {
			w.logger.Warn("the API server does not say which resources it has, it is asked again", "error", err)
		}
		if served {
			break
		}
		if err == nil && w.absent.CompareAndSwap(false, true) {
			w.logger.Info("the cluster has no such resource yet")
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait.Jitter(absentInterval, 0.2)):
		}
	}
	var ended sync.WaitGroup
	ended.Go(func() {
		select {
		case <-w.filled.Done():
			w.appear()
		case <-ctx.Done():
		}
	})
	w.informer.RunWithContext(ctx)
	ended.Wait()
}

// served says whether the API server has the resource.
func (w *watched[T]) served(ctx context.Context) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	raw, err := w.client.Get().AbsPath(apiPath(w.kind.resource.GroupVersion())...).Do(ctx).Raw()
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
	for _, r := range resources.APIResources {
		if r.Name == w.kind.resource.Resource {
			return true, nil
		}
	}
	return false, nil
}

// ready is nil when the cache is filled, or when there is nothing to fill it
// with.
func (w *watched[T]) ready() error {
	if cache.IsDone(w.filled) || w.absent.Load() {
		return nil
	}
	return fmt.Errorf("the cache of %s is not filled yet", w.kind.resource.Resource)
}

// get reads one object from the API server. It is not asked for what no object can
// be called, such as "vlan/100": the client would take that for a failure.
func (w *watched[T]) get(ctx context.Context, ref policy.Reference) (*T, error) {
	if len(validation.IsDNS1123Subdomain(ref.Name)) > 0 {
		return nil, nil
	}
	object := w.kind.object()
	err := w.request(metadataOfOne).NamespaceIfScoped(ref.Namespace, ref.Namespace != "").Name(ref.Name).Do(ctx).Into(object)
	var status apierrors.APIStatus
	switch {
	case err == nil:
		return w.kind.compile(object), nil
	case errors.As(err, &status) && status.Status().Code == http.StatusNotFound:
		return nil, nil
	default:
		return nil, err
	}
}

// lookup answers from memory, nil when memory has nothing.
func (w *watched[T]) lookup(ref policy.Reference) *T {
	key := ref.Name
	if ref.Namespace != "" {
		key = ref.String()
	}
	object, ok, err := w.informer.GetStore().GetByKey(key)
	if err != nil || !ok {
		return nil
	}
	return object.(*cached[T]).value
}
