package cluster

import (
	"context"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// pageTimeout bounds the read of one page of a list. A page is some megabytes at most, and
// a list as long as there are pages.
const pageTimeout = 15 * time.Second

// list reads all objects from the API server, page by page.
func (w *watched[T]) list(ctx context.Context) ([]*T, error) {
	all := []*T{}
	_, err := w.pages(ctx, func(o runtime.Object) error {
		all = append(all, w.compiled(o))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// listCached reads all objects for the cache, page by page, and drops each page for
// what is kept of it. An API server that streams the objects to a watch is not asked.
func (w *watched[T]) listCached(ctx context.Context) (runtime.Object, error) {
	all := &cachedList[T]{}
	last, err := w.pages(ctx, func(o runtime.Object) error {
		w.patience.progress()
		kept, err := w.transform(o)
		if err != nil {
			return err
		}
		all.Items = append(all.Items, kept.(*cached[T]))
		return nil
	})
	if err != nil {
		return nil, err
	}
	all.ResourceVersion = last.GetResourceVersion()
	w.hear()
	return all, nil
}

// pages visits all objects. All pages are of one state of the cluster, which the last
// of them names.
func (w *watched[T]) pages(ctx context.Context, visit func(runtime.Object) error) (last metav1.ListInterface, err error) {
	options := metav1.ListOptions{Limit: w.kind.PageSize()}
	for {
		page, err := w.page(ctx, options)
		if err != nil {
			return nil, err
		}
		if err := meta.EachListItem(page, visit); err != nil {
			return nil, err
		}
		if last, err = meta.ListAccessor(page); err != nil {
			return nil, err
		}
		if options.Continue = last.GetContinue(); options.Continue == "" {
			return last, nil
		}
	}
}

func (w *watched[T]) page(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
	ctx, cancel := context.WithTimeout(ctx, pageTimeout)
	defer cancel()
	page := w.kind.list()
	return page, w.requestMany(options).Do(ctx).Into(page)
}

// copier is an object that client-go can copy.
type copier[T any] interface {
	*T
	runtime.Object
}

// list is a list of objects, for client-go to decode into.
type list[T any, P copier[T]] struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata"`
	Items           []T `json:"items"`
}

// DeepCopyObject implements [runtime.Object].
func (l *list[T, P]) DeepCopyObject() runtime.Object {
	out := *l
	out.Items = slices.Clone(l.Items)
	for i := range out.Items {
		out.Items[i] = *P(&l.Items[i]).DeepCopyObject().(P)
	}
	return &out
}
