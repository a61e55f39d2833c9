package ipam

// noneType is the type of a network without an IPAM plugin.
const noneType = ""

// None stands for no IPAM plugin: interfaces get no addresses (layer 2).
var None Plugin = none{}

type none struct{ ordinary }

func readNone(Source) Plugin { return None }

func (none) Type() string    { return noneType }
func (none) GivesNone() bool { return true }

func (none) AddressFaults(asked []Asked, chain Chain) []AddressFault {
	// Another plugin of the chain may take what the main plugin does not.
	if chain.IPsElsewhere {
		return argumentFaults(asked, chain.PlainReader)
	}
	return []AddressFault{heedless(asked, chain.PlainReader, "the network has no IPAM plugin and so no addresses", `no "ips"`)}
}
