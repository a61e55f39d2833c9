// Package mac says which hardware addresses an interface can have.
package mac

import "net"

// Address is the hardware address of an Ethernet interface.
type Address [6]byte

// String is the address in the form aa:bb:cc:dd:ee:ff.
func (a Address) String() string { return net.HardwareAddr(a[:]).String() }

// Fault says why the kernel gives no interface this address: it takes six bytes
// that are neither a group's nor all zero (is_valid_ether_addr). It continues a
// sentence that begins with the address, and is empty for one that can be used.
func Fault(address string) string {
	_, fault := Parse(address)
	return fault
}

// Parse reads an address in any of the forms of [net.ParseMAC]. With a fault, which
// is as in [Fault], there is no address.
func Parse(address string) (Address, string) {
	parsed, err := net.ParseMAC(address)
	switch {
	case err != nil:
		return Address{}, "is not a MAC address"
	case len(parsed) != 6:
		return Address{}, "is not six bytes long"
	case parsed[0]&1 != 0:
		return Address{}, "is a multicast address"
	case Address(parsed) == Address{}:
		return Address{}, "is all zeros"
	}
	return Address(parsed), ""
}
