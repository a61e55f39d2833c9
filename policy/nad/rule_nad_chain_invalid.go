package nad

import (
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf/flaw"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// Plugins of a list are called one after another, and each has to find what it needs.
var ruleNADChainInvalid = Rule{ID: "nad-chain-invalid", Default: verdict.Deny, Check: flaws(flaw.Chain)}
