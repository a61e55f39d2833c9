package policy

import "github.com/macvlan-webhook/macvlan-webhook/policy/cniconf"

var ruleNADCNIVersionUnsupported = networkRule{
	ID:      "nad-cni-version-unsupported",
	Default: Deny,
	Check: func(n *network) []Finding {
		why := n.compiled.CNIVersionFault
		if why == "" {
			return nil
		}
		return atConfig(cniconf.Locate(n.source.Config, "cniVersion"), "no pod can use this network: "+why, `write "cniVersion": "0.3.1"`)
	},
}
