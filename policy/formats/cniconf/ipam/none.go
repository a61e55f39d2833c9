package ipam

// noneType is the type of a network without an IPAM plugin.
const noneType = ""

// None stands for no IPAM plugin: interfaces get no addresses (layer 2).
var None Plugin = none{}

type none struct{ ordinary }

func readNone(Source) Plugin { return None }

func (none) Type() string { return noneType }

func (none) AddressFaults(asked Request, chain Chain) []AddressFault {
	if len(asked.IPs) == 0 {
		return []AddressFault{unheeded(true, "the network has no IPAM plugin and so no addresses", `no "cni-args"`)}
	}
	// Another plugin of the chain may take what the main plugin does not.
	if chain.IPsElsewhere {
		return argumentFaults(asked.IPs, chain.PlainReader)
	}
	return []AddressFault{heedless(asked.IPs, chain.PlainReader, "the network has no IPAM plugin and so no addresses", `no "ips"`)}
}

// Given: there is no address, as far as no other plugin of the chain gives one.
func (none) Given(Request, Chain) Given { return Given{Known: true} }
