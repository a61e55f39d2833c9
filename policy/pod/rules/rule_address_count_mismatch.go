package rules

import (
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/flatnetwork"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// V1 pairs the lists by position, V2 counts them only; both want the same number.
var ruleAddressCountMismatch = pod.Rule{
	ID:      "address-count-mismatch",
	Default: verdict.Deny,
	Check:   flatFaultCheck(flatnetwork.ProblemCount),
}
