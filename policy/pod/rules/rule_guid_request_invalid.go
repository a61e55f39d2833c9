package rules

import (
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/multus"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// Multus reads the InfiniBand GUID as a hardware address.
var ruleGUIDRequestInvalid = pod.Rule{
	ID:      "guid-request-invalid",
	Default: verdict.Deny,
	Check: faultCheck("infiniband-guid",
		`write eight bytes, such as "infiniband-guid":"c2:11:22:33:44:55:66:77", or leave the field out`,
		multus.ProblemGUID),
}
