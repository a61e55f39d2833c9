package cniconf

import "github.com/macvlan-webhook/macvlan-webhook/policy/spiderpool"

// DefaultPoolsAnnotation on a NetworkAttachmentDefinition names the Spiderpool
// pools of pods that name none, as {"ipv4":["pool"],"ipv6":["pool"]}. It is
// macvlan-webhook's own.
const DefaultPoolsAnnotation = "macvlan-webhook.io/default-ippools"

// DefaultPools are the pools that a network gives to pods that name none.
type DefaultPools struct {
	// IPv4 and IPv6 are names of pools, or patterns of them. Without any, pods get
	// no default on this network, whatever the configuration says.
	IPv4, IPv6 []string
	// Fault says why the annotation cannot be used, as a sentence about it; empty
	// when it can.
	Fault string
}

// readDefaultPools reads [DefaultPoolsAnnotation], nil when there is none. A field
// that is not known makes it unusable: what Spiderpool passes over in its own
// annotations would here be passed over for ever.
func readDefaultPools(annotations map[string]string) *DefaultPools {
	value, ok := annotations[DefaultPoolsAnnotation]
	if !ok {
		return nil
	}
	pools, faults := spiderpool.ParsePool(DefaultPoolsAnnotation, value)
	if len(faults) > 0 {
		return &DefaultPools{Fault: faults[0].Message()}
	}
	return &DefaultPools{IPv4: pools.IPv4, IPv6: pools.IPv6}
}
