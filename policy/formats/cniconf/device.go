package cniconf

import "encoding/json"

// OnlyReference says that every plugin of the chain is one of the reference plugins
// (containernetworking/plugins): it is known what they answer with, an interface of the
// name that was asked for and nothing but the addresses of the IPAM plugin.
func (n *Network) OnlyReference() bool { return len(n.Plugins) > 0 && n.allReference }

// NamesInterface says that the result of the chain names the interface that has the
// addresses: before version 0.3.0 of the specification, which is also what counts where
// none is named, it does not.
func (n *Network) NamesInterface() bool {
	return !older(n.CNIVersion, "0.3.0")
}

// hostDevice is what a configuration of host-device says of the device. Multus puts the one of
// a network's resource in as well.
type hostDevice struct {
	Device        string `json:"device"`
	HWAddr        string `json:"hwaddr"`
	KernelPath    string `json:"kernelpath"`
	PCIAddr       string `json:"pciBusID"`
	DeviceID      string `json:"deviceID"`
	RuntimeConfig struct {
		DeviceID string `json:"deviceID"`
	} `json:"runtimeConfig"`
	// UseInterfaceNetwork keeps the addresses and routes that the device has on the node; from
	// version 1.10.0 on.
	UseInterfaceNetwork bool `json:"useInterfaceNetwork"`
}

// byPCI says that the device is named by its address on the PCI bus. Only of those the plugin
// asks which driver they have, and leaves them without addresses and routes where it is one of
// DPDK (loadConf and cmdAdd, 1.10.0).
func (d *hostDevice) byPCI() bool { return d.PCIAddr+d.DeviceID+d.RuntimeConfig.DeviceID != "" }

// named says that a device is named in any way.
func (d *hostDevice) named() bool { return d.byPCI() || d.Device+d.HWAddr+d.KernelPath != "" }

// needsDevice says whether the plugin can do nothing unless it is told a device (LoadConf of
// sriov-cni and ib-sriov-cni, loadConf of host-device), and its configuration names none.
func needsDevice(plugin string, conf []byte) bool {
	var d hostDevice
	// What cannot be read says nothing.
	if json.Unmarshal(conf, &d) != nil {
		return false
	}
	switch plugin {
	case pluginSRIOV, "ib-sriov":
		return d.DeviceID == ""
	case pluginHostDevice:
		return !d.named()
	default:
		return false
	}
}
