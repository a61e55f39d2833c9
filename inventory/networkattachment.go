package inventory

import (
	nadv1 "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"

	"github.com/macvlan-webhook/macvlan-webhook/policy/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/defaultpools"
)

// API version, kind and resource of the objects that networks are made of.
const (
	NetworkAPIVersion = "k8s.cni.cncf.io/v1"
	NetworkKind       = "NetworkAttachmentDefinition"
	NetworkResource   = "network-attachment-definitions"
)

// CompileNetwork reads what rules need from a NetworkAttachmentDefinition.
func CompileNetwork(nad *nadv1.NetworkAttachmentDefinition) *cniconf.Network {
	return defaultpools.Compile(cniconf.Source{
		Namespace:   nad.Namespace,
		Name:        nad.Name,
		Annotations: nad.Annotations,
		Labels:      nad.Labels,
		Config:      nad.Spec.Config,
	})
}
