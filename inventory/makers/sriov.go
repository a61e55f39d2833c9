package makers

import (
	"cmp"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/nad"
)

// What follows is what the SR-IOV network operator does
// (k8snetworkplumbingwg/sriov-network-operator, api/v1/helper.go and
// bindata/manifests/cni-config, August 2026).
const (
	sriovGroup = "sriovnetwork.openshift.io"
	// sriovResources is the domain of its resources, unless RESOURCE_PREFIX says another.
	sriovResources = "openshift.io"
)

// sriovNetwork has the fields of all kinds of the operator. Of what only describes the
// device no rule reads anything.
type sriovNetwork struct {
	Metadata metadata `json:"metadata"`
	Spec     struct {
		NetworkNamespace string   `json:"networkNamespace"`
		ResourceName     string   `json:"resourceName"`
		Capabilities     fragment `json:"capabilities"`
		IPAM             fragment `json:"ipam"`
		MetaPlugins      fragment `json:"metaPlugins"`
		LinkState        string   `json:"linkState"`
		VLAN             int      `json:"vlan"`
		VLANQoS          int      `json:"vlanQoS"`
		VLANProto        string   `json:"vlanProto"`
		SpoofChk         string   `json:"spoofChk"`
		Trust            string   `json:"trust"`
		MinTxRate        *int     `json:"minTxRate"`
		MaxTxRate        *int     `json:"maxTxRate"`
		Bridge           string   `json:"bridge"`
		MTU              int      `json:"mtu"`
		Trunk            []any    `json:"trunk"`
		InterfaceType    string   `json:"interfaceType"`
	} `json:"spec"`
}

func ofSriovNetwork(namespace string, object []byte) ([]nad.Made, error) {
	return ofSriov(namespace, object, func(n *sriovNetwork) fields {
		s := &n.Spec
		main := fields{"type": "sriov", "vlan": s.VLAN, "vlanQoS": s.VLANQoS}
		set(main, "vlanProto", s.VLANProto)
		set(main, "spoofchk", s.SpoofChk)
		set(main, "trust", s.Trust)
		set(main, "link_state", s.LinkState)
		setGiven(main, "min_tx_rate", s.MinTxRate)
		setGiven(main, "max_tx_rate", s.MaxTxRate)
		return main
	})
}

func ofSriovIBNetwork(namespace string, object []byte) ([]nad.Made, error) {
	return ofSriov(namespace, object, func(n *sriovNetwork) fields {
		main := fields{"type": "ib-sriov"}
		set(main, "link_state", n.Spec.LinkState)
		return main
	})
}

func ofOVSNetwork(namespace string, object []byte) ([]nad.Made, error) {
	return ofSriov(namespace, object, func(n *sriovNetwork) fields {
		s := &n.Spec
		main := fields{"type": "ovs"}
		set(main, "bridge", s.Bridge)
		set(main, "vlan", s.VLAN)
		set(main, "mtu", s.MTU)
		set(main, "interface_type", s.InterfaceType)
		if len(s.Trunk) > 0 {
			main["trunk"] = s.Trunk
		}
		return main
	})
}

func ofSriov(namespace string, object []byte, mainOf func(*sriovNetwork) fields) ([]nad.Made, error) {
	var n sriovNetwork
	if err := decode(object, &n); err != nil {
		return nil, err
	}
	s := &n.Spec
	source := cniconf.Source{
		Namespace: cmp.Or(s.NetworkNamespace, namespace, n.Metadata.Namespace),
		Name:      n.Metadata.Name,
	}
	if s.ResourceName != "" {
		source.Annotations = map[string]string{cniconf.ResourceNameAnnotation: sriovResources + "/" + s.ResourceName}
	}
	main := mainOf(&n)
	capabilities, ok := s.Capabilities.json("null")
	if ok && string(capabilities) != "null" {
		main["capabilities"] = capabilities
	}
	if ok {
		source.Config = templated("1.0.0", n.Metadata.Name, main, s.IPAM, s.MetaPlugins)
	}
	return []nad.Made{{Source: source}}, nil
}
