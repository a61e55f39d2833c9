package policy

import "github.com/macvlan-webhook/macvlan-webhook/policy/flatnetwork"

// V1 pairs the lists by position, V2 counts them only; both want the same number.
var ruleAddressCountMismatch = podRule{
	ID:      "address-count-mismatch",
	Default: Deny,
	Check:   flatFaultCheck(flatnetwork.ProblemCount),
}
