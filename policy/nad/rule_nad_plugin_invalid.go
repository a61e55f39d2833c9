package nad

import (
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf/flaw"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// Fields of the reference plugins beside macvlan and IPAM (containernetworking/plugins 1.10.0).
var ruleNADPluginInvalid = Rule{ID: "nad-plugin-invalid", Default: verdict.Deny, Check: flaws(flaw.Plugin)}
