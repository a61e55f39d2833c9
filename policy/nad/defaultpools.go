package nad

import (
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/spiderpool"
)

// DefaultPoolsAnnotation is our own: the Spiderpool pools of pods that name none, as in
// {"ipv4":["pool"],"ipv6":["pool"]}. It has Spiderpool's grammar, of which a network by
// itself knows nothing.
const DefaultPoolsAnnotation = "macvlan-webhook.io/default-ippools"

// Compile is [cniconf.Compile], and reads [DefaultPoolsAnnotation] too.
func Compile(s cniconf.Source) *cniconf.Network {
	n := cniconf.Compile(s)
	if value, ok := s.Annotations[DefaultPoolsAnnotation]; ok {
		n.DefaultPools = readDefaultPools(value)
	}
	return n
}

// readDefaultPools makes a value with any fault unusable, also with a field that is not known: what
// Spiderpool passes over in its own annotations would here be passed over for ever.
func readDefaultPools(value string) *cniconf.DefaultPools {
	pools, faults := spiderpool.ParsePool(DefaultPoolsAnnotation, value)
	if len(faults) > 0 {
		return &cniconf.DefaultPools{Fault: faults[0].Message()}
	}
	return &cniconf.DefaultPools{IPv4: pools.IPv4, IPv6: pools.IPv6}
}

// defaultPoolFaults says what is wrong with a value of the annotation.
func defaultPoolFaults(value string) []spiderpool.Fault {
	_, faults := spiderpool.ParsePool(DefaultPoolsAnnotation, value)
	return faults
}
