package cluster

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
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
	// lacking is what it means that the cluster does not have the kind, where that is more
	// than that something is not in use; nil for any other.
	lacking error
}

// kind says how objects of one kind are read and what is kept of them.
type kind[T any] struct {
	traits
	// fillInPages says that the list which fills the cache is read page by page too:
	// the objects are far larger than what is kept of them.
	fillInPages bool
	// object and list make empty values to decode into.
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
	start    *start

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
		start:        f.start,
	}
	w.start.expect()
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
		w.logger.Info("the resource exists now, and is followed")
	}
}

// lacks says what it means that the cluster does not have the resource.
func (w *watched[T]) lacks() {
	if w.kind.lacking != nil {
		w.logger.Warn(w.kind.lacking.Error())
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
			w.lacks()
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
	for first := true; ; {
		served, err := w.served(ctx)
		if err != nil && ctx.Err() == nil {
			w.patience.failure()
			w.logger.Warn("cannot find out which resources the API server has, retrying", "error", err)
		}
		if first && err == nil {
			first = false
			if w.start.found(w.kind.GroupResource().String(), served); !served {
				w.absent.Store(true)
				w.lacks()
			}
		}
		if served {
			break
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

// present says that the API server is known to have the resource.
func (w *watched[T]) present() bool { return cache.IsDone(w.filled) && !w.absent.Load() }

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
