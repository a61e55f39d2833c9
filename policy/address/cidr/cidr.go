// Package cidr computes with blocks of IP addresses what net/netip does not.
package cidr

import "net/netip"

// Last is the last address of a block, which is the broadcast address of an IPv4 subnet.
func Last(p netip.Prefix) netip.Addr {
	last := p.Addr().AsSlice()
	for bit := p.Bits(); bit < len(last)*8; bit++ {
		last[bit/8] |= 0x80 >> (bit % 8)
	}
	a, _ := netip.AddrFromSlice(last)
	return a
}
