package nad

import (
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf/flaw"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// IPAM plugins pass over keys that they do not know, those of another plugin among them.
var ruleNADIPAMKeyIgnored = Rule{ID: "nad-ipam-key-ignored", Default: verdict.Warn, Check: flaws(flaw.IPAMKey)}
