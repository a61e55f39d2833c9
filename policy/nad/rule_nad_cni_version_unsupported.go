package nad

import (
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

var ruleNADCNIVersionUnsupported = Rule{
	ID:      "nad-cni-version-unsupported",
	Default: verdict.Deny,
	Check: func(n *view) []verdict.Finding {
		why := n.compiled.CNIVersionFault
		if why == "" {
			return nil
		}
		return atConfig(cniconf.Locate(n.source.Config, "cniVersion"), "no pod can use this network: "+why, `write "cniVersion": "0.3.1"`)
	},
}
