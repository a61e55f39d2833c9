package inventory

import (
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
)

// Kind says where the API server has the objects of one kind, and which of them count.
type Kind struct {
	schema.GroupVersionResource
	// Name is what the API calls the kind, such as Pod.
	Name string
	// Namespace is the only one whose objects count; empty for all.
	Namespace string
	// Labels and Fields select the objects of a list; empty for all. An object that is
	// read by its name is read whatever it has.
	Labels, Fields string
	// PerPage bounds what a list takes up at once, where an object is larger than a few
	// kilobytes; 0 for the usual number of objects.
	PerPage int64
	// MetadataOnly asks the API server to leave out all but the metadata.
	MetadataOnly bool
}

// objectsPerPage is for objects of some kilobytes, such as a network or the metadata of a
// node.
const objectsPerPage = 500

// PageSize is how many objects a list takes at once.
func (k Kind) PageSize() int64 {
	if k.PerPage > 0 {
		return k.PerPage
	}
	return objectsPerPage
}

// Controller is the kind as owner references name it.
func (k Kind) Controller() object.Controller {
	return object.Controller{APIVersion: k.GroupVersion().String(), Kind: k.Name}
}
