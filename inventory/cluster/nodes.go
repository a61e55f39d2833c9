package cluster

import (
	"context"
	"iter"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/policy"
)

// Of a Node, which has a long status, the metadata is enough.
var nodeKind = kind[policy.Node]{
	resource:     corev1.SchemeGroupVersion.WithResource(inventory.NodeResource),
	object:       func() runtime.Object { return &metav1.PartialObjectMetadata{} },
	list:         func() runtime.Object { return &metav1.PartialObjectMetadataList{} },
	metadataOnly: true,
	optional:     true,
	compile: func(o runtime.Object) *policy.Node {
		return inventory.CompileNode(o.(*metav1.PartialObjectMetadata))
	},
}

// Nodes implements [inventory.Inventory] from memory. Where there is no cache, as in a
// check from the command line, the API server is asked once.
func (i *Inventory) Nodes(ctx context.Context) iter.Seq[*policy.Node] {
	return func(yield func(*policy.Node) bool) {
		switch {
		case i.nodes == nil:
		case i.pools.begun.Load():
			// Some of them, or those of before, are no answer.
			if i.nodes.ready() != nil || i.nodes.forbidden.Load() {
				return
			}
			for _, object := range i.nodes.informer.GetStore().List() {
				if !yield(object.(*cached[policy.Node]).value) {
					return
				}
			}
		default:
			for _, n := range i.listNodes(ctx) {
				if !yield(n) {
					return
				}
			}
		}
	}
}

// listNodes asks the API server the first time. Many who may write networks may not
// list nodes, which is said once.
func (i *Inventory) listNodes(ctx context.Context) []*policy.Node {
	i.nodesOnce.Do(func() {
		var err error
		if i.listedNodes, err = i.nodes.list(ctx); err != nil {
			i.nodes.logger.Warn("the nodes of the cluster cannot be listed, so masters are not looked for on them", "error", err)
		}
	})
	return i.listedNodes
}
