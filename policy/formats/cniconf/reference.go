package cniconf

import (
	"encoding/json"
	"slices"

	"github.com/containernetworking/cni/pkg/version"
)

// referenceMains and referenceMetas are the plugins of containernetworking/plugins 1.9.1
// that make an interface, and that change what another has made. What they answer with is
// known: an interface of the name that was asked for, and the addresses that the IPAM
// plugin gave.
var (
	referenceMains = []string{pluginMacvlan, pluginIPvlan, "bridge", "dummy", pluginHostDevice, "ptp", "tap", "vlan"}
	referenceMetas = []string{"bandwidth", "firewall", "portmap", "sbr", "tuning", "vrf"}
)

// OnlyReference says that every plugin of the chain is known to answer for one interface,
// with nothing but the addresses of the IPAM plugin.
func (n *Network) OnlyReference() bool {
	return len(n.Plugins) > 0 && slices.Contains(referenceMains, n.Plugins[0]) &&
		!slices.ContainsFunc(n.Plugins[1:], func(p string) bool { return !slices.Contains(referenceMetas, p) })
}

// NamesInterface says that the result of the chain names the interface that has the
// addresses: before version 0.3.0 of the specification, which is also what counts where
// none is named, it does not.
func (n *Network) NamesInterface() bool {
	modern, _ := version.GreaterThanOrEqualTo(n.CNIVersion, "0.3.0")
	return modern
}

// GivesNoAddress says that no pod gets an address of the network, as far as it asks for
// none; false where that is not known.
func (n *Network) GivesNoAddress() bool {
	return n.Unusable == "" && n.OnlyReference() && n.IPAM.Fault() == "" && n.IPAM.GivesNone()
}

// deviceKeys are those by which a configuration itself names the device that it hands
// out. The plugins that need one fail without (LoadConf of sriov-cni and ib-sriov-cni,
// loadConf of host-device), whichever way Multus would have put it in.
var deviceKeys = map[string][]string{
	pluginSRIOV:      {"deviceID"},
	"ib-sriov":       {"deviceID"},
	pluginHostDevice: {"device", "hwaddr", "kernelpath", "pciBusID", "deviceID", "runtimeConfig"},
}

// needsDevice says whether the plugin can do nothing unless it is told a device.
func needsDevice(plugin string, conf []byte) bool {
	keys, needs := deviceKeys[plugin]
	if !needs {
		return false
	}
	var fields map[string]any
	// What cannot be read says nothing.
	if json.Unmarshal(conf, &fields) != nil {
		return false
	}
	for _, key := range keys {
		if value := fields[key]; value != nil && value != "" {
			return false
		}
	}
	return true
}
