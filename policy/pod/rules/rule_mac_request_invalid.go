package rules

import (
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/multus"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// The kernel gives an interface no multicast address, no all-zero one and none
// of another length than six bytes, though Multus reads them all.
var ruleMACRequestInvalid = pod.Rule{
	ID:      "mac-request-invalid",
	Default: verdict.Deny,
	Check: faultCheck("mac",
		`write a unicast address of six bytes, such as "mac":"02:00:5e:00:00:01"`,
		multus.ProblemMAC),
}
