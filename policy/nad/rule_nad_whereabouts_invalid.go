package nad

import (
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf/flaw"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// Networks of whereabouts (ipam.readWhereabouts): what the plugin refuses is certain, and what a file
// on the node may still put right is a warning.
var ruleNADWhereaboutsInvalid = Rule{ID: "nad-whereabouts-invalid", Default: verdict.Deny, Check: flaws(flaw.Whereabouts)}
