package cniconf

import (
	"encoding/json"

	"github.com/containernetworking/cni/pkg/version"
)

// OnlyReference says that every plugin of the chain is one of the reference plugins
// (containernetworking/plugins): it is known what they answer with, an interface of the
// name that was asked for and nothing but the addresses of the IPAM plugin.
func (n *Network) OnlyReference() bool { return len(n.Plugins) > 0 && n.ofReference() }

// NamesInterface says that the result of the chain names the interface that has the
// addresses: before version 0.3.0 of the specification, which is also what counts where
// none is named, it does not.
func (n *Network) NamesInterface() bool {
	modern, _ := version.GreaterThanOrEqualTo(n.CNIVersion, "0.3.0")
	return modern
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
