package cluster

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/client-go/metadata"

	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
)

// mostOwners bounds how far owners are followed. Kubernetes has at most two above a
// pod, and nothing keeps owner references from forming a circle.
const mostOwners = 5

// objectMeta is what is read of an object that may own others.
type objectMeta struct {
	uid string
	// ending says that the object is being deleted, and with it what it owns.
	ending bool
	// controller is the zero value when there is none.
	controller object.Identity
}

// metadataReader reads the metadata of single objects of one resource.
func metadataReader(f *follower, client metadata.Interface, kind inventory.Kind) *reader[objectMeta] {
	get := func(ctx context.Context, ref object.Reference) (*objectMeta, error) {
		// References to owners are not checked by the API server.
		if len(validation.IsDNS1123Subdomain(ref.Name)) > 0 {
			return nil, nil
		}
		o, err := client.Resource(kind.GroupVersionResource).Namespace(ref.Namespace).Get(ctx, ref.Name, metav1.GetOptions{})
		switch {
		case apierrors.IsNotFound(err):
			return nil, nil
		case err != nil:
			return nil, err
		}
		return &objectMeta{uid: string(o.UID), ending: inventory.Ending(o), controller: inventory.ControllerOf(o)}, nil
	}
	return newReader(get, f.reads, readTimeout, time.Now, func(result string) { f.count.reads(kind.Resource, result) })
}

// readMeta asks the API server for an object that is a pod or a workload. One that was
// created again under the same name is not the same.
func (h *holders) readMeta(ctx context.Context, id object.Identity) (pod.Answer[objectMeta], error) {
	read := h.metadata[id.Controller].read(ctx, object.Reference{Namespace: id.Namespace, Name: id.Name})
	if read.Err != nil {
		return read, fmt.Errorf("%s %s: %w", id.Kind, quote.Value(id.Namespace+"/"+id.Name), read.Err)
	}
	if read.Value != nil && id.UID != "" && read.Value.uid != id.UID {
		read.Value = nil
	}
	return read, nil
}

// ownership is who is above an object.
type ownership struct {
	// owners are the controllers of the object, from its own upwards.
	owners []object.Identity
	// gone says that the first of them does not exist, and ending that one of them does
	// not, or is being deleted.
	gone, ending bool
	fresh        bool
}

// above follows controllers upwards, beginning with the first, as far as their kinds
// are known.
func (h *holders) above(ctx context.Context, first object.Identity) (ownership, error) {
	o := ownership{fresh: true}
	for next := first; next.Name != "" && len(o.owners) < mostOwners; {
		o.owners = append(o.owners, next)
		if !pod.HoldsPod(next.APIVersion, next.Kind) {
			break
		}
		read, err := h.readMeta(ctx, next)
		if err != nil {
			return o, err
		}
		o.fresh = o.fresh && read.Fresh
		if read.Value == nil {
			o.gone, o.ending = len(o.owners) == 1, true
			break
		}
		o.ending = o.ending || read.Value.ending
		next = read.Value.controller
	}
	return o, nil
}
