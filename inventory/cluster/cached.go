package cluster

import (
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
)

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
