package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"

	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
)

// absentInterval is how often the API server is asked whether a resource has
// been installed meanwhile.
const absentInterval = 2 * time.Second

// followed is one of the kinds that an inventory follows, whatever is kept of them.
type followed interface {
	run(context.Context)
	ready() error
	// stuck says whether the cache is not filled and need not be waited for.
	stuck() bool
	traits() *traits
	size() int
}

// traits are what a kind is to the inventory, whatever is kept of its objects.
type traits struct {
	inventory.Kind
	// gauge shows how many objects of the kind, and of others with the same gauge, are in
	// the cache; empty for none.
	gauge gauge
	// required says that no verdict can be reached without: nobody is ready before the
	// cache is filled.
	required bool
	// advice says that what the objects say is advice. They are never read by their
	// names, and it is no fault when the API server forbids to read them.
	advice bool
}

// kind says how objects of one kind are read and what is kept of them.
type kind[T any] struct {
	traits
	// fillInPages says that the list which fills the cache is read page by page too:
	// the objects are far larger than what is kept of them.
	fillInPages bool
	// object and list make empty values to decode into; where the metadata alone is asked
	// for, of [metav1.PartialObjectMetadata].
	object func() runtime.Object
	list   func() runtime.Object
	// compile makes the value that rules read of a decoded object, and unreadable what
	// stands in for it when that cannot be done; nil for nothing.
	compile    func(runtime.Object) *T
	unreadable func(object.Reference) *T
}

// of is a kind whose objects are decoded into values of one Go type.
func of[T, O any, P copier[O]](k inventory.Kind, compile func(P) *T) kind[T] {
	return kind[T]{
		traits:  traits{Kind: k},
		object:  func() runtime.Object { return P(new(O)) },
		list:    func() runtime.Object { return &list[O, P]{} },
		compile: func(o runtime.Object) *T { return compile(o.(P)) },
	}
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
	filled   cache.DoneChecker
	patience patience
	// absent says that the cluster has no such resource at all. When the resource
	// is installed it stays so until the cache is filled, and ready with it: that
	// is no time for all replicas to leave the Service at once.
	absent atomic.Bool
	// forbidden says that the API server has refused to tell since it was last heard
	// of. It is set only where the kind is advice.
	forbidden atomic.Bool
	unreadMu  sync.Mutex
	// unreadBefore are the objects that could not be read, as was logged.
	unreadBefore map[object.Reference]bool

	// heard is when the watch last brought anything, in Unix nanoseconds.
	heard atomic.Int64
}

// follow prepares to follow a kind, and adds it to the inventory's; nothing is asked
// before run.
func follow[T any](f *follower, k kind[T]) (*watched[T], error) {
	client, err := clientFor(f.config, k)
	if err != nil {
		return nil, fmt.Errorf("make a client for %s: %w", k.Resource, err)
	}
	w := &watched[T]{
		kind: k, client: client, logger: f.logger.With("resource", k.GroupResource().String()),
		unreadBefore: map[object.Reference]bool{},
		patience:     patience{now: func() time.Time { return f.now() }},
	}
	w.informer = cache.NewSharedIndexInformerWithOptions(w.listWatch(), k.object(), cache.SharedIndexInformerOptions{})
	if err := w.informer.SetTransform(w.transform); err != nil {
		return nil, err
	}
	if err := w.informer.SetWatchErrorHandlerWithContext(w.watchFailed); err != nil {
		return nil, err
	}
	w.filled = w.informer.HasSyncedChecker()
	w.reader = newReader(w.get, f.reads, readTimeout, time.Now, func(result string) { f.count.reads(k.Resource, result) })
	f.kinds = append(f.kinds, w)
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
		return fmt.Errorf("follow the changes of %s: %w", w.kind.Resource, err)
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
	gv := k.GroupVersion()
	scheme := runtime.NewScheme()
	scheme.AddKnownTypeWithName(gv.WithKind(k.Name), k.object())
	scheme.AddKnownTypeWithName(gv.WithKind(k.Name+"List"), k.list())
	metav1.AddToGroupVersion(scheme, gv)
	if k.MetadataOnly {
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
		value:      w.compiled(decoded),
	}, nil
}

// compiled is what is kept of a decoded object. A fault of the compiler must not end the
// program: each start would list the same object again.
func (w *watched[T]) compiled(o runtime.Object) (value *T) {
	defer func() {
		if fault := recover(); fault != nil {
			w.unread(o, fault)
			if ref, err := referenceOf(o); err == nil && w.kind.unreadable != nil {
				value = w.kind.unreadable(ref)
			}
		}
	}()
	return w.kind.compile(o)
}

// mostUnread bounds the memory for objects that could not be read.
const mostUnread = 1000

// unread logs that an object could not be read, once for each.
func (w *watched[T]) unread(o runtime.Object, fault any) {
	ref, _ := referenceOf(o)
	w.unreadMu.Lock()
	defer w.unreadMu.Unlock()
	if !w.unreadBefore[ref] && len(w.unreadBefore) < mostUnread {
		w.unreadBefore[ref] = true
		w.logger.Error("an object cannot be read: please report this", "namespace", ref.Namespace, "name", ref.Name, "fault", fault)
	}
}

func referenceOf(o runtime.Object) (object.Reference, error) {
	m, err := meta.Accessor(o)
	if err != nil {
		return object.Reference{}, err
	}
	return object.Reference{Namespace: m.GetNamespace(), Name: m.GetName()}, nil
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
	return w.client.Get().Resource(w.kind.Resource).SetHeader("Accept", accept(w.kind.Kind, as))
}

func (w *watched[T]) traits() *traits { return &w.kind.traits }

// all are what is in the cache.
func (w *watched[T]) all() iter.Seq[*T] {
	return func(yield func(*T) bool) {
		for _, object := range w.informer.GetStore().List() {
			if !yield(object.(*cached[T]).value) {
				return
			}
		}
	}
}

// size is how many objects are in the cache.
func (w *watched[T]) size() int { return len(w.informer.GetStore().ListKeys()) }

// accept asks for an answer of the kind "as" where the metadata alone is asked for.
func accept(kind inventory.Kind, as string) string {
	if kind.MetadataOnly {
		return "application/json;as=" + as + ";g=" + metav1.GroupName + ";v=v1"
	}
	return "application/json"
}

// requestMany begins a request for all objects that are followed.
func (w *watched[T]) requestMany(as string, options metav1.ListOptions) *rest.Request {
	options.LabelSelector, options.FieldSelector = w.kind.Labels, w.kind.Fields
	return w.request(as).NamespaceIfScoped(w.kind.Namespace, w.kind.Namespace != "").VersionedParams(&options, metav1.ParameterCodec)
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
	w.patience.progress()
	if w.forbidden.CompareAndSwap(true, false) {
		w.logger.Info("the resource can be read now")
	}
	if w.absent.Load() && cache.IsDone(w.filled) {
		w.appear()
	}
}

func (w *watched[T]) appear() {
	if w.absent.CompareAndSwap(true, false) {
		w.logger.Info("the resource exists now")
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
			w.logger.Info("the resource no longer exists")
		}
		return
	}
	w.patience.failure()
	if w.kind.advice && apierrors.IsForbidden(err) {
		if w.forbidden.CompareAndSwap(false, true) {
			w.logger.Warn("no permission to read the resource: nothing is known of it until then", "error", err)
		}
		return
	}
	w.logger.Warn("watch failed, retrying", "error", err)
}

// run fills the cache and keeps it up to date until ctx ends. A cluster without
// the resource is asked again every two seconds.
func (w *watched[T]) run(ctx context.Context) {
	w.patience.progress()
	for {
		served, err := w.served(ctx)
		if err != nil && ctx.Err() == nil {
			w.patience.failure()
			w.logger.Warn("cannot find out which resources the API server has, retrying", "error", err)
		}
		if served {
			break
		}
		if err == nil && w.absent.CompareAndSwap(false, true) {
			w.logger.Info("the resource does not exist yet")
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
	for _, r := range resources.APIResources {
		if r.Name == w.kind.Resource {
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
	return fmt.Errorf("the cache of %s is not filled yet", w.kind.Resource)
}

// stuck says whether the cache is not filled and need not be waited for.
func (w *watched[T]) stuck() bool { return w.ready() != nil && w.patience.ended() }

// get reads one object from the API server. It is not asked for what no object can
// be called, such as "vlan/100": the client would take that for a failure.
func (w *watched[T]) get(ctx context.Context, ref object.Reference) (*T, error) {
	if len(validation.IsDNS1123Subdomain(ref.Name)) > 0 {
		return nil, nil
	}
	object := w.kind.object()
	err := w.request(metadataOfOne).NamespaceIfScoped(ref.Namespace, ref.Namespace != "").Name(ref.Name).Do(ctx).Into(object)
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

// lookup answers from memory, nil when memory has nothing.
func (w *watched[T]) lookup(ref object.Reference) *T {
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
