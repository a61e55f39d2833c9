package rules

import (
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/multus"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// Multus reads each of the requested ips before it calls any plugin.
var ruleIPRequestInvalid = pod.Rule{
	ID:      "ip-request-invalid",
	Default: verdict.Deny,
	Check: faultCheck("ip",
		`write each address in full, such as "ips":["10.6.0.5/16"]`,
		multus.ProblemIP),
}
