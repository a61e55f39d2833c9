package cluster

import (
	"cmp"
	"context"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// objectsPerPage bounds what a live list takes up at once where the kind says nothing
// else: a network or the metadata of a node has some kilobytes.
const objectsPerPage = 500

// list reads all objects from the API server, page by page.
func (w *watched[T]) list(ctx context.Context) ([]*T, error) {
	all := []*T{}
	_, err := w.pages(ctx, func(o runtime.Object) error {
		all = append(all, w.kind.compile(o))
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
	options := metav1.ListOptions{Limit: cmp.Or(w.kind.perPage, objectsPerPage)}
	for {
		page := w.kind.list()
		if err := w.requestMany(metadataOfMany, options).Do(ctx).Into(page); err != nil {
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
