// Package mac says which hardware addresses an interface can have.
package mac

import "net"

// Fault says why the kernel gives no interface this address: it takes six bytes
// that are neither a group's nor all zero (is_valid_ether_addr). It continues a
// sentence that begins with the address, and is empty for one that can be used.
func Fault(address string) string {
	parsed, err := net.ParseMAC(address)
	switch {
	case err != nil:
		return "is not a MAC address"
	case len(parsed) != 6:
		return "is not six bytes long"
	case parsed[0]&1 != 0:
		return "is a multicast address"
	case [6]byte(parsed) == [6]byte{}:
		return "has nothing but zeros"
	}
	return ""
}
