// Package defaultpools reads our own annotation of a NetworkAttachmentDefinition: the
// Spiderpool pools of pods that name none. It has Spiderpool's grammar, of which a
// network by itself knows nothing.
package defaultpools

import (
	"github.com/macvlan-webhook/macvlan-webhook/policy/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/spiderpool"
)

// Annotation names the pools, as in {"ipv4":["pool"],"ipv6":["pool"]}.
const Annotation = "macvlan-webhook.io/default-ippools"

// Compile is [cniconf.Compile], and reads the annotation too.
func Compile(s cniconf.Source) *cniconf.Network {
	n := cniconf.Compile(s)
	if value, ok := s.Annotations[Annotation]; ok {
		n.DefaultPools = read(value)
	}
	return n
}

// read makes a value with any fault unusable, also with a field that is not known: what
// Spiderpool ignores in its own annotations would here be ignored forever.
func read(value string) *cniconf.DefaultPools {
	pools, faults := spiderpool.ParsePool(Annotation, value)
	if len(faults) > 0 {
		return &cniconf.DefaultPools{Fault: faults[0].Message()}
	}
	return &cniconf.DefaultPools{IPv4: pools.IPv4, IPv6: pools.IPv6}
}

// Faults says what is wrong with a value of the annotation.
func Faults(value string) []spiderpool.Fault {
	_, faults := spiderpool.ParsePool(Annotation, value)
	return faults
}
