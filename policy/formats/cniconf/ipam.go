package cniconf

import (
	"slices"

	"github.com/containernetworking/cni/libcni"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf/ipam"
)

// handsOnIPAM are the main plugins that call the IPAM plugin with their own
// configuration as it is. Others fill it in on the node first: calico puts a subnet
// for "usePodCidr", and flannel one where there is none.
var handsOnIPAM = []string{
	pluginMacvlan, pluginIPvlan, pluginSRIOV, "bridge", "dummy", pluginHostDevice, "ptp", "tap", "vlan",
}

// sourceOfIPAM is what the main plugin of a chain says about addresses.
func sourceOfIPAM(main *libcni.PluginConfig, c *chain) ipam.Source {
	return ipam.Source{
		Type:       interned(main.Network.IPAM.Type),
		Caller:     main.Network.Type,
		Main:       main.Bytes,
		Completed:  !slices.Contains(handsOnIPAM, main.Network.Type),
		Network:    c.name,
		CNIVersion: c.cniVersion,
	}
}
