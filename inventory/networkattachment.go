package inventory

import (
	"errors"

	nadv1 "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/nad"
)

// API version and kind of the objects that networks are made of.
const (
	NetworkAPIVersion = "k8s.cni.cncf.io/v1"
	NetworkKind       = "NetworkAttachmentDefinition"
)

// Networks are those that pods may ask for.
var Networks = Kind{
	GroupVersionResource: nadv1.SchemeGroupVersion.WithResource("network-attachment-definitions"), Name: NetworkKind,
}

// ErrNoMultus is the error that a cluster does not have the kind of networks.
var ErrNoMultus = errors.New("Multus is not installed here: the cluster has no NetworkAttachmentDefinitions (" + Networks.GroupResource().String() +
	"), so no network that a pod asks for exists")

// CompileNetwork reads what rules need from a NetworkAttachmentDefinition.
func CompileNetwork(object *nadv1.NetworkAttachmentDefinition) *cniconf.Network {
	return nad.Compile(cniconf.Source{
		Namespace:   object.Namespace,
		Name:        object.Name,
		Annotations: object.Annotations,
		Labels:      object.Labels,
		Config:      object.Spec.Config,
	})
}
