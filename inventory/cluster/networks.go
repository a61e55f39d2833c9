package cluster

import (
	"cmp"
	"context"
	"iter"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/macvlan-webhook/macvlan-webhook/policy/cniconf"
)

// objectsPerPage bounds what a live list takes up at once where the kind says nothing
// else: a network or the metadata of a node has some kilobytes.
const objectsPerPage = 500

// Networks implements [inventory.Inventory] from memory. Where there is no cache, as in
// a check from the command line, the API server is asked once.
func (i *Inventory) Networks(ctx context.Context) iter.Seq[*cniconf.Network] {
	if i.networks.ready() == nil {
		return func(yield func(*cniconf.Network) bool) {
			for _, object := range i.networks.informer.GetStore().List() {
				if !yield(object.(*cached[cniconf.Network]).value) {
					return
				}
			}
		}
	}
	if i.pools.begun.Load() {
		// Those that are known so far are no answer.
		return nil
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.listed == nil {
		all, err := i.networks.list(ctx)
		if err != nil {
			i.networks.logger.Warn("the networks of the cluster cannot be listed, so none is compared with others", "error", err)
			return nil
		}
		i.listed = all
	}
	return func(yield func(*cniconf.Network) bool) {
		for _, n := range i.listed {
			if !yield(n) {
				return
			}
		}
	}
}

// list reads all objects from the API server, page by page.
func (w *watched[T]) list(ctx context.Context) ([]*T, error) {
	all := []*T{}
	options := metav1.ListOptions{Limit: cmp.Or(w.kind.perPage, objectsPerPage)}
	for {
		page := w.kind.list()
		if err := w.requestMany(metadataOfMany, options).Do(ctx).Into(page); err != nil {
			return nil, err
		}
		if err := meta.EachListItem(page, func(o runtime.Object) error {
			all = append(all, w.kind.compile(o))
			return nil
		}); err != nil {
			return nil, err
		}
		list, err := meta.ListAccessor(page)
		if err != nil {
			return nil, err
		}
		if options.Continue = list.GetContinue(); options.Continue == "" {
			return all, nil
		}
	}
}
