package subnet

import "github.com/macvlan-webhook/macvlan-webhook/policy/verdict"

// Rule is a rule of subnets.
type Rule = verdict.Rule[*view]

// Rules holds every rule of subnets, in the order in which findings are reported.
var Rules = []Rule{
	ruleFlatNetworkSubnetInvalid,
	ruleFlatNetworkSubnetOverlap,
}
