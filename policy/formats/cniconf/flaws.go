package cniconf

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"unicode"

	"github.com/containernetworking/cni/libcni"
	"github.com/containernetworking/cni/pkg/version"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf/flaw"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf/ipam"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
)

// extra is what few networks say, so that the others do not carry it.
type extra struct {
	// flaws are all that is wrong with the plugins of the chain.
	flaws []flaw.Flaw
	// argIPs is "ips" in args.cni of the main plugin, runtimeIPs and runtimeMAC what stands
	// in its runtimeConfig, where Multus puts a pod's requests.
	argIPs, runtimeIPs []string
	runtimeMAC         string
	// tuning is what tuning plugins behind the main one make of its interface.
	tuning tuning
	// ipvlanMaster is the interface on the node that an ipvlan plugin names.
	ipvlanMaster string
	// podMaster is the interface of the pod that another plugin than macvlan hangs its own on.
	podMaster string
	// nameBytes is how long the network's name is, in bytes; 0 where that is no matter.
	nameBytes int
	// userspace says that the device may be one that a program drives and not the kernel, which
	// then has no interface to add addresses and routes to.
	userspace bool
	// deviceAddresses says that the device keeps addresses and routes that it has on the node.
	deviceAddresses bool
	// defaultGateway says that a bridge gives every pod a default route of its own.
	defaultGateway bool
	// argsFault says why the IPAM plugin cannot read args of the configuration; a pod may
	// bring others.
	argsFault string
}

// Multus names a file NETWORK-CONTAINER-INTERFACE (libcni, cacheAdd): a container's ID has 64
// bytes, and a file name 255.
const (
	mostFileName     = 255
	containerIDBytes = 64
	// longName is the longest name of a network that leaves room for net1.
	longName = mostFileName - containerIDBytes - len("--net1")
)

// tooLong says that the name of the file about an attachment is too long.
func (e *extra) tooLong(iface string) bool {
	return e != nil && e.nameBytes > 0 && e.nameBytes+containerIDBytes+len("--")+len(iface) > mostFileName
}

// Flaws are what is wrong with the plugins of the chain: what they refuse, and what they take
// otherwise than it seems to be meant. What keeps a configuration from being read at all is
// said by [Network.Unusable] and the other faults.
func (n *Network) Flaws() []flaw.Flaw {
	if n.extra == nil {
		return nil
	}
	return n.extra.flaws
}

// FailsAll says why every pod on the network fails, as a clause about it; empty where not
// every pod does, as far as can be told.
func (n *Network) FailsAll() string {
	if why := cmp.Or(n.Unusable, n.MacvlanFault, n.IPAM.Fault(), n.CNIVersionFault); why != "" {
		return why
	}
	for _, f := range n.Flaws() {
		if f.Effect == flaw.FailsAll {
			return f.Text
		}
	}
	return ""
}

// ipvlanMaster is the interface on the node that an ipvlan plugin names; empty without one.
func (n *Network) ipvlanMaster() string {
	if n.extra == nil {
		return ""
	}
	return n.extra.ipvlanMaster
}

// PodMaster is the interface of the pod that the network's hangs on (linkInContainer); empty
// where that is a link of the node, or where the pod's default route tells it.
func (n *Network) PodMaster() string {
	switch {
	case n.Macvlan != nil && n.Macvlan.LinkInContainer:
		return n.Macvlan.Master
	case n.extra != nil:
		return n.extra.podMaster
	default:
		return ""
	}
}

// Master is how a network hangs on a link of the node, if it does.
type Master struct {
	// Link is the name of the link; empty for that of the node's default route.
	Link string
	// Kind is macvlan or ipvlan. The kernel lets a link carry one of them
	// (netdev_rx_handler_register).
	Kind string
	// Alone says that the link carries no other interface (mode passthru).
	Alone bool
}

// Master is the link of the node that the network hangs on; not ok for networks that hang on
// none by macvlan or ipvlan.
func (n *Network) Master() (m Master, ok bool) {
	switch {
	case n.Macvlan != nil:
		return Master{n.Macvlan.Master, pluginMacvlan, n.Macvlan.Mode == ModePassthru}, !n.Macvlan.LinkInContainer && n.MacvlanFault == ""
	case n.Main() == pluginIPvlan:
		return Master{n.ipvlanMaster(), pluginIPvlan, false}, n.PodMaster() == ""
	default:
		return Master{}, false
	}
}

// Excludes says that a link carries only one of the two: for certain where one takes it
// alone, and otherwise because they are of different kinds.
func (m Master) Excludes(other Master) (excludes, certain bool) {
	if m.Link != other.Link {
		return false, false
	}
	certain = m.Kind == other.Kind && (m.Alone || other.Alone)
	return certain || m.Kind != other.Kind, certain
}

// Reference plugins of containernetworking/plugins 1.10.0 by what they do.
var (
	// makers make the interface, under the name that the runtime asks for: a second one in a
	// chain finds the name taken.
	makers = []string{pluginMacvlan, pluginIPvlan, "bridge", "dummy", pluginHostDevice, "ptp", "tap", "vlan"}
	// changers need the result of a plugin before them.
	changers = []string{"bandwidth", "firewall", "portmap", pluginSBR, "tuning", "vrf"}
	// addressed are makers that fail without an IPAM plugin.
	addressed = []string{pluginIPvlan, "dummy", "ptp"}
	// paired are makers whose interface has a peer on the node.
	paired = []string{"bridge", "ptp"}
	// linkless are neither, and make no interface of a pod's.
	linkless = []string{"dhcp", "host-local", "loopback", "static"}
)

// ofReference says that every plugin of the chain is one of the reference plugins: what any
// other one gives or makes is not known.
func ofReference(plugins []string) bool {
	return !slices.ContainsFunc(plugins, func(p string) bool { return !reference(p) })
}

// reference says that a plugin is one of the reference plugins that make or change interfaces.
func reference(plugin string) bool {
	return slices.Contains(makers, plugin) || slices.Contains(changers, plugin)
}

// mostPlugins bounds the chains that are judged.
const mostPlugins = 64

// findFlaws looks for what is wrong with the plugins of a chain that could be taken apart.
func (n *Network) findFlaws(c *chain) {
	main := c.plugins[mainIndex(n.Plugins)]
	var e extra
	switch n.Main() {
	case pluginHostDevice:
		var d hostDevice
		// What cannot be read is a flaw, and may be anything.
		unread := json.Unmarshal(main.Bytes, &d) != nil
		e.userspace = n.ResourceName != "" || d.byPCI() || unread
		e.deviceAddresses = d.UseInterfaceNetwork || unread
	case pluginIPvlan:
		e.ipvlanMaster, e.podMaster = readMaster(main.Bytes)
	case "bridge":
		e.defaultGateway = isDefaultGateway(main.Bytes)
	case "vlan":
		_, e.podMaster = readMaster(main.Bytes)
	}
	for _, find := range []func(*chain, *extra) []flaw.Flaw{
		n.ipamFlaws, n.chainFlaws, n.fieldFlaws, n.requestFlaws, n.addressFlaws, n.nameFlaws,
	} {
		e.flaws = append(e.flaws, find(c, &e)...)
	}
	e.flaws = fewest(e.flaws)
	if e.says() {
		n.extra = &e
	}
}

// mostFlaws is how many flaws of one network are kept: more, nobody would read.
const mostFlaws = 40

// fewest are the first flaws of many, one that fails every pod among them if there is any.
func fewest(flaws []flaw.Flaw) []flaw.Flaw {
	if len(flaws) <= mostFlaws {
		return flaws
	}
	if first := slices.IndexFunc(flaws, func(f flaw.Flaw) bool { return f.Effect == flaw.FailsAll }); first >= mostFlaws {
		flaws[mostFlaws-1] = flaws[first]
	}
	return slices.Clone(flaws[:mostFlaws])
}

// says that there is something to keep.
func (e *extra) says() bool {
	return len(e.flaws) > 0 || e.argIPs != nil || e.runtimeIPs != nil || e.runtimeMAC != "" || e.nameBytes != 0 || e.argsFault != "" || e.deviceAddresses || e.defaultGateway ||
		e.tuning != (tuning{}) || e.ipvlanMaster != "" || e.podMaster != "" || e.userspace
}

// ipamFlaws are those of the IPAM plugin's fields.
func (n *Network) ipamFlaws(c *chain, e *extra) []flaw.Flaw {
	main := mainIndex(n.Plugins)
	var flaws []flaw.Flaw
	for _, f := range slices.Concat(n.IPAM.Flaws(), ipam.IgnoredKeys(sourceOfIPAM(c.plugins[main], c))) {
		// Who hands addresses and routes to the kernel is known of the reference plugins only: sriov
		// does so unless a program drives the device.
		if f.Kind == flaw.Route && !n.NamesInterface() || f.Kernel && (!slices.Contains(makers, n.Main()) || e.userspace) {
			continue
		}
		f.Plugin = main
		flaws = append(flaws, f)
	}
	return append(flaws, strayKeys(c)...)
}

// chainFlaws are those of plugins that cannot work where they stand.
//
// Chains with other plugins than those of reference are not judged: what any other one makes
// is not known. Nor are those that are longer than any that works.
func (n *Network) chainFlaws(c *chain, e *extra) []flaw.Flaw {
	main := mainIndex(n.Plugins)
	var flaws []flaw.Flaw
	if kind := n.IPAM.Type(); slices.Contains(handsOnIPAM, n.Main()) && (slices.Contains(makers, kind) || slices.Contains(changers, kind)) {
		flaws = append(flaws, flaw.Flaw{
			Kind: flaw.Chain, Effect: flaw.FailsAll, Plugin: main, Path: []any{"ipam", "type"},
			Text: `"ipam.type" is ` + quote.Value(kind) + ", a plugin that gives no addresses", Want: "write an IPAM plugin, such as host-local or static",
		})
	}
	known := len(c.plugins) <= mostPlugins && !slices.ContainsFunc(n.Plugins, func(p string) bool {
		return !reference(p) && !slices.Contains(linkless, p) && p != pluginIfacer && p != "." && p != ".."
	})
	for i, p := range c.plugins {
		if !known || e.userspace {
			break
		}
		flaws = append(flaws, n.placeFlaws(i, main, e)...)
		if p.Network.Type == "bandwidth" && i > main && slices.Contains(makers, n.Main()) && !slices.Contains(paired, n.Main()) && limits(p.Bytes) {
			flaws = append(flaws, flaw.Flaw{
				Kind: flaw.Chain, Effect: flaw.FailsAll, Plugin: i, Path: []any{"type"},
				Text: "the plugin bandwidth limits what a peer on the node carries, and an interface of the plugin " + quote.Value(n.Main()) + " has none",
				Want: "leave bandwidth out, or use a bridge",
			})
		}
	}
	if c.list && c.cniVersion == "" && n.IPAM.Type() == "host-local" {
		// Run with Multus 4.3 and host-local 1.10: test/node.
		flaws = append(flaws, flaw.Flaw{
			Kind: flaw.Chain, Effect: flaw.Stays, Plugin: main, Path: []any{"ipam"},
			Text: "the list of plugins has no cniVersion, and the configuration with which Multus then deletes has no ranges", Want: `write "cniVersion": "0.3.1"`,
		})
	}
	return flaws
}

// fieldFlaws are those of the fields of each plugin. They note what tuning does.
func (n *Network) fieldFlaws(c *chain, e *extra) []flaw.Flaw {
	var flaws []flaw.Flaw
	for i, p := range c.plugins {
		for _, f := range pluginFlaws(i, p, n.ResourceName, &e.tuning) {
			f.Kind, f.Plugin = flaw.Plugin, i
			flaws = append(flaws, f)
		}
	}
	if m := n.Macvlan; m != nil && m.MAC != "" && n.MACIgnored() != "" {
		flaws = append(flaws, flaw.Flaw{
			Kind: flaw.Plugin, Effect: flaw.Ignored, Plugin: mainIndex(n.Plugins), Path: []any{"mac"},
			Text: `"mac" has no effect: ` + n.MACIgnored(), Want: "remove mac, or chain the plugin tuning with it",
		})
	}
	return flaws
}

// nameFlaws are those of the network's name, which it notes where it is long.
func (n *Network) nameFlaws(c *chain, e *extra) []flaw.Flaw {
	if len(c.name) <= longName {
		return nil
	}
	e.nameBytes = len(c.name)
	return []flaw.Flaw{{
		Kind: flaw.Chain, Effect: flaw.FailsSome, Plugin: mainIndex(n.Plugins), Path: []any{"name"},
		Text: fmt.Sprintf("the network's name has %d bytes, and Multus keeps what it did in a file whose name is that, the container's ID and the interface's name: a file name has %d", e.nameBytes, mostFileName),
		Want: fmt.Sprintf(`write a "name" of up to %d bytes in the configuration`, longName),
	}}
}

// strayKeys are keys of plugins beside the list of plugins: "ipam", and capabilities that none
// of the plugins declares. libcni hands what a pod asks for to plugins that declare it
// themselves, and to no others.
func strayKeys(c *chain) []flaw.Flaw {
	if c.listIPAM {
		return []flaw.Flaw{{
			Kind: flaw.IPAMKey, Effect: flaw.Ignored, Plugin: flaw.OfList, Path: []any{"ipam"},
			Text: `the key "ipam" has no effect beside "plugins": it belongs to a plugin`,
			Want: `write it beside the "type" of the plugin that makes the interface`,
		}}
	}
	for _, name := range c.listed {
		if !slices.ContainsFunc(c.plugins, func(p *libcni.PluginConfig) bool { return p.Network.Capabilities[name] }) {
			return []flaw.Flaw{{
				Kind: flaw.IPAMKey, Effect: flaw.Ignored, Plugin: flaw.OfList, Path: []any{"capabilities"},
				Text: `the key "capabilities" has no effect beside "plugins": it belongs to a plugin`,
				Want: `write it beside the "type" of the plugin that takes the request`,
			}}
		}
	}
	return nil
}

// placeFlaws are those of a plugin's place in the chain.
func (n *Network) placeFlaws(i, main int, e *extra) []flaw.Flaw {
	kind := n.Plugins[i]
	add := func(text, want string) []flaw.Flaw {
		return []flaw.Flaw{{Kind: flaw.Chain, Effect: flaw.FailsAll, Plugin: i, Path: []any{"type"}, Text: text, Want: want}}
	}
	switch {
	case kind == "." || kind == "..":
		return add("the type "+quote.Value(kind)+" names no plugin", "write the type of a plugin, such as macvlan")
	case i == main && slices.Contains(changers, kind):
		return add("the plugin "+quote.Value(kind)+" changes what a plugin before it has made, and there is none",
			"write the plugin that makes the interface, such as macvlan, before it")
	case kind == "firewall" && older(n.CNIVersion, "0.4.0"):
		return add(`the plugin firewall needs cniVersion "0.4.0" or later`, `write "cniVersion": "1.0.0"`)
	case i == main && slices.Contains(linkless, kind):
		flaws := add("the plugin "+quote.Value(kind)+" makes no interface for the pod", "write a plugin that makes one, such as macvlan")
		flaws[0].Effect = flaw.Ignored
		return flaws
	case i > main && slices.Contains(makers, kind) && slices.Contains(makers, n.Plugins[main]):
		return add("the plugin "+quote.Value(kind)+" makes an interface under the name that the plugin "+quote.Value(n.Plugins[main])+" before it has taken",
			"leave one of them out, and write a network of its own for it")
	case i > main && kind == pluginSBR && n.IPAM == ipam.None && !e.deviceAddresses:
		return add("the plugin sbr needs an address on the interface, and the network has no IPAM plugin",
			`write an "ipam" for the plugin before it, or leave sbr out`)
	case i == main && slices.Contains(addressed, kind) && n.IPAM == ipam.None:
		return add("the plugin "+quote.Value(kind)+" needs addresses, and the network has no IPAM plugin", `write an "ipam" for it`)
	}
	return nil
}

// older says that a version of the specification, "" for none, comes before another.
func older(v, than string) bool {
	since, _ := version.GreaterThanOrEqualTo(v, than)
	return !since
}

// leastMTUOfIPv6 is how large a packet every link with IPv6 has to carry (RFC 8200, 5): the
// kernel takes IPv6 off a link with less (inetdev, addrconf_notify).
const leastMTUOfIPv6 = 1280

// addressFlaws are about the addresses of the network on the link that its plugins make.
func (n *Network) addressFlaws(_ *chain, e *extra) []flaw.Flaw {
	switch {
	case !n.givesIPv6(ipam.Request{}):
		return nil
	case n.Macvlan != nil && n.Macvlan.narrow():
		effect := flaw.FailsAll
		if !n.givesIPv6(ipam.Request{Args: anIPv4}) {
			effect = flaw.FailsSome
		}
		return []flaw.Flaw{{
			Kind: flaw.Plugin, Effect: effect, Plugin: mainIndex(n.Plugins), Path: []any{"mtu"},
			Text: fmt.Sprintf(`"mtu" is %d, and IPv6, of which the network gives addresses, needs %d or more`, n.Macvlan.MTU, leastMTUOfIPv6),
			Want: fmt.Sprintf("write an mtu of %d or more, or remove it (default: the MTU of the master)", leastMTUOfIPv6),
		}}
	case e.tuning.mtu > 0 && e.tuning.mtu < leastMTUOfIPv6:
		return []flaw.Flaw{{
			Kind: flaw.Plugin, Effect: flaw.Ignored, Plugin: e.tuning.plugin, Path: []any{"mtu"},
			Text: fmt.Sprintf(`"mtu" is %d, and IPv6 needs %d or more: the kernel takes the IPv6 addresses off the interface`, e.tuning.mtu, leastMTUOfIPv6),
			Want: fmt.Sprintf("write an mtu of %d or more, or leave it out", leastMTUOfIPv6),
		}}
	case e.tuning.noIPv6:
		return []flaw.Flaw{{
			Kind: flaw.Plugin, Effect: flaw.Ignored, Plugin: e.tuning.plugin, Path: []any{"sysctl"},
			Text: "its sysctl disable_ipv6 takes the IPv6 addresses off the interface",
			Want: "remove the sysctl, or give IPv4 addresses only",
		}}
	}
	return nil
}

// anIPv4 stands for the addresses that a pod may bring in place of the network's.
var anIPv4 = ipam.ReadAsked([]string{"192.0.2.1/24"})

// givesIPv6 says that an attachment which asks for some addresses certainly gets one of IPv6.
func (n *Network) givesIPv6(asked ipam.Request) bool {
	if n.IPAM.Fault() != "" || !n.allReference {
		return false
	}
	given := n.IPAM.Given(asked, n.around())
	return given.Known && slices.ContainsFunc(given.Prefixes, isIPv6)
}

// readRequests reads what the main plugin's configuration asks for in place of a pod.
func (e *extra) readRequests(conf []byte, main int, ipamType string) []flaw.Flaw {
	var f struct {
		Args struct {
			CNI struct {
				IPs []string `json:"ips"`
			} `json:"cni"`
		} `json:"args"`
		RuntimeConfig struct {
			IPs []string `json:"ips"`
			MAC string   `json:"mac"`
		} `json:"runtimeConfig"`
	}
	if err := json.Unmarshal(conf, &f); err != nil {
		if ipamType != "host-local" && ipamType != "static" {
			return nil
		}
		flaws := undecodable(ipamType, err)
		flaws[0].Kind, flaws[0].Plugin = flaw.Plugin, main
		var mismatch *json.UnmarshalTypeError
		if errors.As(err, &mismatch) && mismatch.Field == "args.cni.ips" {
			// Multus puts what a pod brings in its place.
			flaws[0].Effect, e.argsFault = flaw.FailsSome, flaws[0].Text
		}
		return flaws
	}
	e.argIPs, e.runtimeIPs, e.runtimeMAC = f.Args.CNI.IPs, f.RuntimeConfig.IPs, f.RuntimeConfig.MAC
	return nil
}

// requestFlaws are those of the addresses that the configuration asks for in place of a pod,
// which may ask for others. It notes these.
func (n *Network) requestFlaws(c *chain, e *extra) []flaw.Flaw {
	main := mainIndex(n.Plugins)
	if flaws := e.readRequests(c.plugins[main].Bytes, main, n.IPAM.Type()); flaws != nil {
		return flaws
	}
	asked := ipam.Request{Args: ipam.ReadAsked(e.argIPs), Runtime: ipam.ReadAsked(e.runtimeIPs), OwnArgs: true}
	if asked.Empty() || n.IPAM.Fault() != "" {
		return nil
	}
	var flaws []flaw.Flaw
	for _, f := range n.IPAM.AddressFaults(asked, n.around()) {
		effect := flaw.FailsSome
		if f.Effect == ipam.EffectIgnored {
			effect = flaw.Ignored
		}
		text := "the addresses in its args"
		if f.Index >= 0 {
			text = "the address " + quote.Value(e.argIPs[f.Index]) + " in its args"
		}
		flaws = append(flaws, flaw.Flaw{
			Kind: flaw.Address, Effect: effect, Plugin: main, Path: []any{"args", "cni", "ips"},
			Text: text + " " + f.Detail, Want: "write " + f.Want + ", or remove it",
		})
	}
	return flaws
}

// LocateFlaw is where a flaw stands in the config that the network was compiled from.
func (n *Network) LocateFlaw(config string, f *flaw.Flaw) int {
	if f.Plugin != flaw.OfList && isList(config) {
		return Locate(config, slices.Concat([]any{"plugins", f.Plugin}, f.Path)...)
	}
	return Locate(config, f.Path...)
}

// linkName says why no link can have a name, as the end of a sentence; empty where one can
// (dev_valid_name in the kernel).
func linkName(name string) string {
	switch {
	case name == "." || name == "..":
		return "is no name of a link"
	case strings.ContainsFunc(name, func(r rune) bool { return r == '/' || unicode.IsSpace(r) }):
		return "has a slash or a blank, which no name of a link has"
	}
	return ""
}

// isIPv6 says whether an address is none of IPv4.
func isIPv6(p netip.Prefix) bool { return p.Addr().Is6() }
