package cniconf

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/containernetworking/cni/libcni"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf/ipam"
)

// Keys that a NetworkAttachmentDefinition may carry.
const (
	// InstanceTypeAnnotation states the role: DaoCloud's multus-underlay chart
	// writes it (templates/net-atta-def.yaml, since September 2022).
	InstanceTypeAnnotation = "v1.multus-underlay-cni.io/instance-type"
	// UnderlayTypeLabel is what the chart wrote before that annotation.
	UnderlayTypeLabel = "daocloud.io.multus/underlay-cni-type"
	// ResourceNameAnnotation names the device resource (SR-IOV) that Multus
	// looks up for the pod.
	ResourceNameAnnotation = "k8s.v1.cni.cncf.io/resourceName"
)

// Source is what is read of a NetworkAttachmentDefinition.
type Source struct {
	Namespace, Name     string
	Annotations, Labels map[string]string
	// Config is spec.config: a CNI plugin or list of plugins in JSON.
	Config string
}

// Network is what a NetworkAttachmentDefinition says. It is immutable once
// compiled. Strings taken from the object are as they were written there: quote
// them before they are shown ([Network.Unusable] and the other faults are safe).
type Network struct {
	Namespace, Name string

	// NameOnly says that no object was seen ([FromName]), or that its config was not read
	// ([Network.Unread]): only the name is known, and a role where the name, or else the object,
	// suggests one.
	NameOnly bool
	// Unread says why a config is not read, as a clause about it: `its config is too large...`.
	// Pods may use it well. It is empty for any other.
	Unread string
	// OnNode says that the object's config is empty. Multus then reads a file
	// on the node whose "name" is that of the object, out of our sight.
	OnNode bool
	// Istio says that the network is that of Istio's plugin, which redirects traffic and
	// gives no addresses; its config is a file on the node.
	Istio bool
	// allReference says that every plugin of the chain is one of the reference plugins.
	allReference bool

	// Plugins are the types of the plugins in the order they are called; one for
	// a config without a list; nil when there is no config or it is unusable.
	Plugins []string
	// CNIVersion is the version of the specification that every plugin of the
	// chain will be called with; empty when none is named, which means 0.1.0.
	CNIVersion string
	// CNIVersionFault says why plugins will refuse that version, as in
	// `cniVersion "1.1.0" is not one of ...`; empty when they accept it.
	CNIVersionFault string

	// Macvlan holds the macvlan plugin's own fields; nil unless the main plugin
	// ([Network.Main]) is macvlan.
	Macvlan *Macvlan
	// MacvlanFault says why the macvlan plugin will fail for every pod, as in
	// `mode "l2" is not one of ...`; empty when it will not.
	MacvlanFault string

	// IPAM is the plugin that the main plugin takes addresses from; never nil, and
	// [ipam.Unknown] where there are no plugins.
	IPAM ipam.Plugin

	// Capabilities are those that any plugin of the chain declares,
	// MainCapabilities those of the main plugin. Multus hands a pod's request
	// only to plugins that declare it; the IPAM plugin gets what the main plugin
	// gets.
	Capabilities, MainCapabilities Capabilities

	// ResourceName is the value of [ResourceNameAnnotation]. NeedsDevice says that the main
	// plugin can do nothing without a device of that resource.
	ResourceName string
	NeedsDevice  bool

	// DefaultPools are those of pods that name none; nil where the network says nothing
	// of them. [Compile] does not set them: see package nad.
	DefaultPools *DefaultPools

	// Unusable says why every pod that uses the network will fail, as a clause
	// about it: `its config is not valid JSON: ...`. Empty when it is usable as
	// far as can be told from here.
	Unusable string

	annotated, chained, fallback *ground
	extra                        *extra
}

// DefaultPools are the Spiderpool pools that a network gives to pods that name none.
type DefaultPools struct {
	// IPv4 and IPv6 are names of pools, or patterns of them. Without any, pods get
	// no default on this network, whatever the configuration says.
	IPv4, IPv6 []string
	// Fault says why the annotation cannot be used, as a sentence about it; empty
	// when it can.
	Fault string
}

// Capabilities are runtime requests of a pod that a plugin declares to take
// ("capabilities" in its config).
type Capabilities struct {
	// IPs stands for "ips": addresses asked for in the networks annotation.
	IPs bool
	// MAC stands for "mac": the hardware address asked for there.
	MAC bool
}

// MaxConfigBytes is how long a config may be to be read. No network that is meant to work comes
// near it, and a hostile one may have 3 MB.
const MaxConfigBytes = 64 << 10

// Compile reads a NetworkAttachmentDefinition. It never fails: what cannot be
// used is said in [Network.Unusable].
func Compile(s Source) *Network {
	n := &Network{
		Namespace:    s.Namespace,
		Name:         s.Name,
		OnNode:       s.Config == "",
		IPAM:         ipam.Unknown,
		ResourceName: s.Annotations[ResourceNameAnnotation],
		annotated:    groundOfAnnotation(s.Annotations[InstanceTypeAnnotation]),
	}
	switch {
	case n.OnNode:
		n.Istio = isIstio(&s)
	case len(s.Config) > MaxConfigBytes:
		n.NameOnly = true
		n.Unread = fmt.Sprintf("its config is too large to be checked: %d bytes; accepted: up to %d bytes", len(s.Config), MaxConfigBytes)
	default:
		chain, fault := readChain(s.Config, s.Name)
		if fault == "" {
			n.describe(chain)
		} else {
			n.Unusable = fault
		}
	}
	n.fallback = groundOfLast(s.Labels[UnderlayTypeLabel], s.Name, n.Main())
	return n
}

// FromName stands in for a NetworkAttachmentDefinition of which nothing but the
// name is known, as in a check without an inventory. Its role comes from
// DaoCloud's naming convention, and is [RoleUnknown] for any other name.
func FromName(namespace, name string) *Network {
	return &Network{
		Namespace: namespace,
		Name:      name,
		NameOnly:  true,
		IPAM:      ipam.Unknown,
		fallback:  groundOfLast("", name, ""),
	}
}

// Main is the type of the plugin that makes the interface: the first one, or
// the one after Spiderpool's ifacer, which only prepares the master (a VLAN or
// bond on the node) and stands before macvlan where Spiderpool generates the
// config. Empty when there are no plugins.
func (n *Network) Main() string {
	if len(n.Plugins) == 0 {
		return ""
	}
	return n.Plugins[mainIndex(n.Plugins)]
}

// MakesMaster says that the chain begins with Spiderpool's ifacer: the master is then
// made on the node when a pod starts.
func (n *Network) MakesMaster() bool { return len(n.Plugins) > 0 && n.Plugins[0] == pluginIfacer }

// localPlugins are the main plugins whose interfaces meet those of their own node alone,
// as far as nothing else connects them.
var localPlugins = []string{"bridge", "dummy", "ptp", "tap"}

// Shared says that interfaces of the network hang on a link of the node, and so meet
// those of other nodes.
func (n *Network) Shared() bool {
	if n.Macvlan != nil && n.Macvlan.LinkInContainer {
		return false
	}
	return len(n.Plugins) > 0 && !slices.Contains(localPlugins, n.Main())
}

// L2 is the layer-2 domain of a macvlan or ipvlan network: the name of the master.
// Pods of networks with the same one meet, as far as the interfaces of that name are
// plugged into one link on all nodes. It is empty for other networks, and where the
// master is found out on the node (that of the default route) or in the pod.
func (n *Network) L2() string {
	switch {
	case n.Macvlan == nil:
		return n.ipvlanMaster()
	case n.Macvlan.LinkInContainer:
		return ""
	default:
		return n.Macvlan.Master
	}
}

func mainIndex(plugins []string) int {
	for i, p := range plugins {
		if p != pluginIfacer {
			return i
		}
	}
	return 0
}

// describe fills in what the plugins of a well-formed config say.
func (n *Network) describe(c chain) {
	n.CNIVersion = interned(c.cniVersion)
	n.Plugins = make([]string, len(c.plugins))
	for i, p := range c.plugins {
		n.Plugins[i] = interned(p.Network.Type)
		n.Capabilities.add(p)
	}
	main := c.plugins[mainIndex(n.Plugins)]
	n.MainCapabilities.add(main)
	if n.Main() == pluginMacvlan {
		n.Macvlan, n.MacvlanFault = readMacvlan(main.Bytes)
	}
	n.IPAM = ipam.Compile(sourceOfIPAM(main, &c))
	n.NeedsDevice = n.ResourceName != "" && needsDevice(main.Network.Type, main.Bytes)
	n.CNIVersionFault = cmp.Or(n.IPAM.VersionFault(n.CNIVersion), cniVersionFault(n.CNIVersion), n.oldWithoutAddresses(&c))
	n.chained, n.Unusable = readRouting(c.plugins)
	n.allReference = ofReference(n.Plugins)
	n.findFlaws(&c)
}

func (c *Capabilities) add(p *libcni.PluginConfig) {
	c.IPs = c.IPs || p.Network.Capabilities["ips"]
	c.MAC = c.MAC || p.Network.Capabilities["mac"]
}

// Plugin types with a meaning here.
const (
	pluginMacvlan     = "macvlan"
	pluginIPvlan      = "ipvlan"
	pluginSRIOV       = "sriov"
	pluginSBR         = "sbr"
	pluginHostDevice  = "host-device"
	pluginIfacer      = "ifacer"
	pluginVeth        = "veth"
	pluginRouter      = "router"
	pluginCoordinator = "coordinator"
)

// common are strings that most networks share, so that thousands of networks
// hold each of them once.
var common = func() map[string]string {
	m := make(map[string]string)
	for _, s := range []string{
		pluginMacvlan, pluginIPvlan, pluginSRIOV, pluginIfacer, pluginVeth, pluginRouter,
		pluginCoordinator, "host-local", "static", "dhcp", "spiderpool", "whereabouts",
		"bandwidth", "bridge", pluginHostDevice, "ib-sriov", "portmap", pluginSBR, "route-override", "tuning",
		"vlan", "vrf", "private", "vepa", "passthru", "eth0", "ens192", "bond0",
		"0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0",
	} {
		m[s] = s
	}
	return m
}()

// interned is s, in shared storage where it is common.
func interned(s string) string {
	if known, ok := common[s]; ok {
		return known
	}
	return s
}
