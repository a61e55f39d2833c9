package review

import (
	"slices"

	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/inventory/makers"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/flatnetwork"
)

// Operation is what is done to an object, in the words of admission.
type Operation string

// What is done to an object.
const (
	Create Operation = "CREATE"
	Update Operation = "UPDATE"
	Delete Operation = "DELETE"
)

// Kind is a kind of objects that are judged.
type Kind struct {
	APIVersion, Kind string
	// Resource is the name of its objects in webhook configurations.
	Resource string
	// Operations are those that admission is to ask about; none where only files are judged.
	Operations []Operation
	// Subresource is another way in, such as pods/status, by which an object of the kind is
	// written; the zero value where there is none that is judged.
	Subresource Subresource
	// Scaled says that admission is to ask about its scale as well: an update of
	// Resource/scale.
	Scaled bool

	subject subject
	// generation is that of subnets; 0 for other subjects.
	generation flatnetwork.Generation
}

// Subresource is one of a resource, such as pods/status, and what of it admission is to ask about.
type Subresource struct {
	Path       string
	Operations []Operation
}

// subject is what an object is judged as.
type subject int

const (
	ofPods subject = iota
	// ofBindings are requests that write into a pod which is stored.
	ofBindings
	ofNetworks
	// ofMadeNetworks are the objects of which a program makes networks.
	ofMadeNetworks
	ofSubnets
)

// HoldsPods says that objects of the kind are pods, or make pods of a template.
func (k Kind) HoldsPods() bool { return k.subject == ofPods }

// Stored says that objects of the kind are stored, so that a file may hold one. What is not
// stored is judged as part of a request alone.
func (k Kind) Stored() bool { return k.subject != ofBindings }

// Judges says whether admission is to ask about an operation.
func (k Kind) Judges(o Operation) bool { return slices.Contains(k.Operations, o) }

// JudgesAt says whether admission is to ask about an operation on a resource, or on a
// subresource such as pods/status.
func (k Kind) JudgesAt(resource string, o Operation) bool {
	if resource == k.Subresource.Path {
		return slices.Contains(k.Subresource.Operations, o)
	}
	return resource == k.Resource && k.Judges(o)
}

// Completes says whether admission is to ask what an operation leaves to be filled in. Nothing is
// filled in of a pod that is there already.
func (k Kind) Completes(o Operation) bool {
	return k.HoldsPods() && k.Judges(o) && (k.Kind != inventory.PodKind.Kind || o == Create)
}

var (
	creation = []Operation{Create}
	update   = []Operation{Update}
	writing  = []Operation{Create, Update}
	// That a network goes concerns the pods that use it.
	writingAndDeletion = []Operation{Create, Update, Delete}
)

var kinds = []Kind{
	// Multus reads the annotations of a pod again at each of its sandboxes, and others those of
	// running pods. So whoever writes them is asked about, whichever way they take.
	{APIVersion: "v1", Kind: "Pod", Resource: "pods", Operations: writing, Subresource: Subresource{"pods/status", update}},
	{
		APIVersion: "v1", Kind: "Binding", Resource: "bindings", Operations: creation,
		Subresource: Subresource{"pods/binding", creation}, subject: ofBindings,
	},
	{APIVersion: "apps/v1", Kind: "Deployment", Resource: "deployments", Operations: writing, Scaled: true},
	{APIVersion: "apps/v1", Kind: "StatefulSet", Resource: "statefulsets", Operations: writing, Scaled: true},
	{APIVersion: "apps/v1", Kind: "DaemonSet", Resource: "daemonsets", Operations: writing},
	{APIVersion: "apps/v1", Kind: "ReplicaSet", Resource: "replicasets", Operations: writing, Scaled: true},
	{APIVersion: "v1", Kind: "ReplicationController", Resource: "replicationcontrollers", Operations: writing, Scaled: true},
	{APIVersion: "batch/v1", Kind: "Job", Resource: "jobs", Operations: writing},
	{APIVersion: "batch/v1", Kind: "CronJob", Resource: "cronjobs", Operations: writing},
	{
		APIVersion: inventory.NetworkAPIVersion, Kind: inventory.NetworkKind, Resource: inventory.Networks.Resource,
		Operations: writingAndDeletion, subject: ofNetworks,
	},
	// In a cluster the network that is made of one is asked about.
	{APIVersion: makers.SpiderMultusConfigVersion, Kind: makers.SpiderMultusConfig, Resource: "spidermultusconfigs", subject: ofMadeNetworks},
	subnets(flatnetwork.V1),
	subnets(flatnetwork.V2),
}

// subnets is the kind of the subnets of one generation of Rancher's flat network.
func subnets(g flatnetwork.Generation) Kind {
	return Kind{
		APIVersion: inventory.FlatNetworkVersion(g).String(), Kind: g.SubnetKind(), Resource: g.SubnetResource(),
		Operations: writing, subject: ofSubnets, generation: g,
	}
}

// Kinds are all kinds of objects that are judged. The slice is the caller's own.
func Kinds() []Kind { return slices.Clone(kinds) }

// KindOf is the kind of that API version and name; false where its objects are not
// judged.
func KindOf(apiVersion, kind string) (Kind, bool) {
	for i := range kinds {
		if kinds[i].Kind == kind && kinds[i].APIVersion == apiVersion {
			return kinds[i], true
		}
	}
	return Kind{}, false
}
