package policy

import "github.com/macvlan-webhook/macvlan-webhook/policy/multus"

// Multus reads the InfiniBand GUID as a hardware address.
var ruleGUIDRequestInvalid = podRule{
	ID:      "guid-request-invalid",
	Default: Deny,
	Check: faultCheck("infiniband-guid",
		`write eight bytes, such as "infiniband-guid":"c2:11:22:33:44:55:66:77", or leave the field out`,
		multus.ProblemGUID),
}
