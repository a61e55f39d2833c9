package cniconf

import (
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/containernetworking/cni/libcni"
	"github.com/containernetworking/cni/pkg/types"

	"github.com/macvlan-webhook/macvlan-webhook/policy/quote"
)

// IPAM says where the addresses of a network come from. Beside Type, only the
// fields of that type are set; those of host-local and static only where the main
// plugin hands them on as they are written.
type IPAM struct {
	// Type of the IPAM plugin; empty for a network without addresses (layer 2).
	Type string
	// Ranges of host-local: each pod gets one address from every set. A range
	// given directly in "ipam" is a set of its own and comes first.
	Ranges [][]Range
	// Store is the folder on the node in which host-local notes the addresses in
	// use. Networks that share it never hand out the same address on one node.
	Store string
	// Addresses of static: each pod gets them all.
	Addresses []Address
	// IPv4Pools and IPv6Pools of Spiderpool (default_ipv4_ippool and
	// default_ipv6_ippool): the pools of pods and namespaces that name none.
	// Entries may be patterns.
	IPv4Pools, IPv6Pools []string
	// Fault says why the IPAM plugin will refuse its own fields for every pod,
	// as in `"ipam.log_file_max_size" holds a string where ...`; empty when it
	// will not. The other fields then hold what was read before.
	Fault string
}

// Spiderpool says whether Spiderpool gives the network's addresses.
func (ipam *IPAM) Spiderpool() bool { return ipam.Type == ipamSpiderpool }

// Range is a range of host-local, as written: zero values are left to the
// plugin, which takes the first and last usable address of the subnet, and its
// first address as gateway.
type Range struct {
	Subnet              netip.Prefix
	Start, End, Gateway netip.Addr
}

// Address is an address of static.
type Address struct {
	// Prefix is the address with the length of its subnet.
	Prefix netip.Prefix
	// Gateway is the zero Addr without one.
	Gateway netip.Addr
}

// handsOnIPAM are the main plugins that call the IPAM plugin with their own
// configuration as it is. Others fill it in on the node first: calico puts a subnet
// for "usePodCidr", and flannel one where there is none.
var handsOnIPAM = []string{
	pluginMacvlan, pluginIPvlan, pluginSRIOV, "bridge", "dummy", "host-device", "ptp", "tap", "vlan",
}

// readIPAM reads the fields of the IPAM plugins that are known here.
func readIPAM(main *libcni.PluginConfig, network, cniVersion string) IPAM {
	ipam := IPAM{Type: interned(main.Network.IPAM.Type)}
	asWritten := slices.Contains(handsOnIPAM, main.Network.Type)
	switch {
	case ipam.Type == ipamHostLocal && asWritten:
		ipam.readHostLocal(main.Bytes, network, cniVersion)
	case ipam.Type == ipamStatic && asWritten:
		ipam.readStatic(main.Bytes)
	case ipam.Type == ipamSpiderpool:
		ipam.readSpiderpool(main.Bytes)
	default:
		if strings.Contains(ipam.Type, "/") {
			ipam.Fault = `"ipam.type" holds ` + quote.Value(ipam.Type) + ", and the name of a plugin holds no slash"
		}
	}
	return ipam
}

// readSpiderpool follows cmd/spiderpool/cmd/cni_types.go of Spiderpool 1.2. Its
// own documentation writes the sizes as strings, which the plugin cannot decode.
func (ipam *IPAM) readSpiderpool(conf []byte) {
	var f struct {
		IPAM struct {
			LogLevel          string   `json:"log_level"`
			LogFilePath       string   `json:"log_file_path"`
			LogFileMaxSize    int      `json:"log_file_max_size"`
			LogFileMaxAge     int      `json:"log_file_max_age"`
			LogFileMaxCount   int      `json:"log_file_max_count"`
			DefaultIPv4IPPool []string `json:"default_ipv4_ippool"`
			DefaultIPv6IPPool []string `json:"default_ipv6_ippool"`
			CleanGateway      bool     `json:"clean_gateway"`
			MatchMasterSubnet bool     `json:"match_master_subnet"`
			UnixSocketPath    string   `json:"ipam_unix_socket_path"`
		} `json:"ipam"`
	}
	if err := json.Unmarshal(conf, &f); err != nil {
		ipam.Fault = fieldFault("", err)
	}
	ipam.IPv4Pools = f.IPAM.DefaultIPv4IPPool
	ipam.IPv6Pools = f.IPAM.DefaultIPv6IPPool
}

// readStatic follows plugins/ipam/static/main.go. A pod that asks for addresses
// of its own replaces those of the config, so an address that cannot be read is
// left out and no fault.
func (ipam *IPAM) readStatic(conf []byte) {
	var f struct {
		IPAM struct {
			Name      string            `json:"name"`
			Routes    []json.RawMessage `json:"routes"`
			Addresses []struct {
				Address string          `json:"address"`
				Gateway json.RawMessage `json:"gateway"`
			} `json:"addresses"`
			DNS types.DNS `json:"dns"`
		} `json:"ipam"`
	}
	if err := json.Unmarshal(conf, &f); err != nil {
		ipam.Fault = fieldFault("", err)
		return
	}
	if ipam.Fault = routesFault(f.IPAM.Routes); ipam.Fault != "" {
		return
	}
	for i, a := range f.IPAM.Addresses {
		gateway, fault := readAddr(fmt.Sprintf("ipam.addresses[%d].gateway", i), a.Gateway)
		if fault != "" {
			ipam.Fault = fault
			return
		}
		ip, subnet, err := net.ParseCIDR(a.Address)
		if err != nil {
			continue
		}
		length, _ := subnet.Mask.Size()
		if p := netip.PrefixFrom(addrOf(ip), length); p.IsValid() {
			ipam.Addresses = append(ipam.Addresses, Address{p, gateway})
		}
	}
}

// routesFault says which of the routes host-local and static cannot decode.
func routesFault(routes []json.RawMessage) string {
	for i, r := range routes {
		if string(r) == "null" {
			continue
		}
		if err := json.Unmarshal(r, new(types.Route)); err != nil {
			return fieldFault(fmt.Sprintf("ipam.routes[%d]", i), err)
		}
	}
	return ""
}

// readAddr decodes an address as the plugins do; absent, null and empty are the
// zero Addr.
func readAddr(path string, conf json.RawMessage) (netip.Addr, string) {
	if conf == nil {
		return netip.Addr{}, ""
	}
	var ip net.IP
	if err := json.Unmarshal(conf, &ip); err != nil {
		return netip.Addr{}, fieldFault(path, err)
	}
	return addrOf(ip), ""
}

// addrOf is the address in its family's own form, IPv4 for IPv4 in IPv6, which
// is how the plugins compare addresses.
func addrOf(ip net.IP) netip.Addr {
	addr, _ := netip.AddrFromSlice(ip)
	return addr.Unmap()
}
