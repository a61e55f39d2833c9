package ipam

const dhcpType = "dhcp"

// dhcp asks a DHCP server on the network of the master.
type dhcp struct{ ordinary }

func readDHCP(Source) Plugin { return dhcp{} }

func (dhcp) Type() string { return dhcpType }

func (dhcp) AddressFaults(asked Request, chain Chain) []AddressFault {
	if len(asked.IPs) == 0 {
		return []AddressFault{unheeded(true, "the DHCP server chooses the address", `no "ips" in "cni-args"`)}
	}
	return []AddressFault{heedless(asked.IPs, chain.PlainReader, "the DHCP server chooses the address", `no "ips"`)}
}
