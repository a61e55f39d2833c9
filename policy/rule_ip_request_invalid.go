package policy

import "github.com/macvlan-webhook/macvlan-webhook/policy/multus"

// Multus reads each of the requested ips before it calls any plugin.
var ruleIPRequestInvalid = podRule{
	ID:      "ip-request-invalid",
	Default: Deny,
	Check: faultCheck("ip",
		`write each address in full, such as "ips":["10.6.0.5/16"]`,
		multus.ProblemIP),
}
