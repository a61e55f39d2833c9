package makers

import (
	"cmp"
	"strings"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/nad"
)

// What follows is what NVIDIA's network operator does (Mellanox/network-operator,
// pkg/state/state_*_network.go and manifests/state-*-network, August 2026). Its objects are
// in no namespace.
const (
	nvidiaGroup     = "mellanox.com"
	nvidiaResources = "nvidia.com/"
)

// nvidiaNetwork has the fields of all kinds of the operator.
type nvidiaNetwork struct {
	Metadata metadata `json:"metadata"`
	Spec     struct {
		NetworkNamespace string   `json:"networkNamespace"`
		Master           string   `json:"master"`
		Mode             string   `json:"mode"`
		MTU              int      `json:"mtu"`
		ResourceName     string   `json:"resourceName"`
		IPAM             fragment `json:"ipam"`
		MetaPlugins      fragment `json:"metaPlugins"`
	} `json:"spec"`
}

func ofMacvlanNetwork(_ string, object []byte) ([]nad.Made, error) {
	return ofNVIDIA(object, func(n *nvidiaNetwork) fields {
		main := fields{"type": "macvlan"}
		set(main, "master", n.Spec.Master)
		set(main, "mode", n.Spec.Mode)
		set(main, "mtu", n.Spec.MTU)
		return main
	})
}

func ofIPoIBNetwork(_ string, object []byte) ([]nad.Made, error) {
	return ofNVIDIA(object, func(n *nvidiaNetwork) fields {
		return fields{"type": "ipoib", "master": n.Spec.Master}
	})
}

func ofHostDeviceNetwork(_ string, object []byte) ([]nad.Made, error) {
	return ofNVIDIA(object, func(*nvidiaNetwork) fields { return fields{"type": "host-device"} })
}

func ofNVIDIA(object []byte, mainOf func(*nvidiaNetwork) fields) ([]nad.Made, error) {
	var n nvidiaNetwork
	if err := decode(object, &n); err != nil {
		return nil, err
	}
	s := &n.Spec
	source := cniconf.Source{
		Namespace: cmp.Or(s.NetworkNamespace, "default"),
		Name:      n.Metadata.Name,
		Config:    templated("0.3.1", n.Metadata.Name, mainOf(&n), s.IPAM, s.MetaPlugins),
	}
	if s.ResourceName != "" {
		source.Annotations = map[string]string{
			cniconf.ResourceNameAnnotation: nvidiaResources + strings.TrimPrefix(s.ResourceName, nvidiaResources),
		}
	}
	return []nad.Made{{Source: source}}, nil
}
