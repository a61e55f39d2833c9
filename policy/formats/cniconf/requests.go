package cniconf

import (
	"slices"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf/ipam"
)

// AddressFaults says what comes in the way of the addresses that an element of a
// networks annotation asks for ("ips"). firstInterface says that it is the one of
// the default-network annotation. It is nil where the pod gets them all, and where
// nothing can be said: of IPAM plugins that are not known here, and of a network
// that no pod can use. What Multus cannot read is ignored. test/cni holds the
// verdict against the plugins.
func (n *Network) AddressFaults(ips []string, firstInterface bool) []ipam.AddressFault {
	asked := ipam.ReadAsked(ips)
	if len(asked) == 0 || n.Plugins == nil || n.Unusable != "" || n.IPAM.Fault() != "" {
		return nil
	}
	return n.IPAM.AddressFaults(asked, n.around(firstInterface))
}

// Assigns says whether an address that a pod asks for reaches its interface, where
// [Network.AddressFaults] knows nothing against it.
func (n *Network) Assigns() bool {
	return n.Unusable == "" && n.IPAM.Fault() == "" && n.IPAM.Assigns(n.around(false))
}

// around is what the IPAM plugin has to do with in the chain.
func (n *Network) around(firstInterface bool) ipam.Chain {
	return ipam.Chain{
		CNIVersion:   n.CNIVersion,
		Capability:   n.MainCapabilities.IPs && !firstInterface,
		IPsElsewhere: n.Capabilities.IPs && !n.MainCapabilities.IPs,
		PlainReader:  n.plainReader(),
	}
}

// plainReaders decode IP in CNI_ARGS as a single address without a prefix length,
// though they have no use for it, and fail otherwise: K8sArgs in
// cmd/spiderpool/cmd/cni_types.go of Spiderpool, which its coordinator shares, and
// in pkg/types of spidernet-io/cni-plugins.
var plainReaders = []string{pluginCoordinator, pluginVeth, pluginRouter}

// plainReader is the first of them to be called; empty where there is none.
func (n *Network) plainReader() string {
	for _, p := range n.Plugins {
		if slices.Contains(plainReaders, p) {
			return p
		}
	}
	return ""
}
