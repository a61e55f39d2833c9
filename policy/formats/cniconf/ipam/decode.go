package ipam

import (
	"encoding/json"
	"net"
	"net/netip"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf/field"
)

// readAddr decodes an address as the plugins do; absent, null and empty are the
// zero Addr.
func readAddr(path string, conf json.RawMessage) (netip.Addr, string) {
	if conf == nil {
		return netip.Addr{}, ""
	}
	var ip net.IP
	if err := json.Unmarshal(conf, &ip); err != nil {
		return netip.Addr{}, field.Fault(path, err)
	}
	return addrOf(ip), ""
}

// addrOf is the address in its family's own form, IPv4 for IPv4 in IPv6, which
// is how the plugins compare addresses.
func addrOf(ip net.IP) netip.Addr {
	addr, _ := netip.AddrFromSlice(ip)
	return addr.Unmap()
}
