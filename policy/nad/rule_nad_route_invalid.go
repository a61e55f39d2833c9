package nad

import (
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf/flaw"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// What the kernel refuses of the routes that an IPAM plugin hands on (ipam.RouteFaults).
var ruleNADRouteInvalid = Rule{ID: "nad-route-invalid", Default: verdict.Deny, Check: flaws(flaw.Route)}
