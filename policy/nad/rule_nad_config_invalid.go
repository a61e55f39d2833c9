package nad

import (
	"cmp"

	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// The same as network-config-unusable says of pods, to whoever writes the network.
var ruleNADConfigInvalid = Rule{
	ID:      "nad-config-invalid",
	Default: verdict.Deny,
	Check: func(n *view) []verdict.Finding {
		const remedy = "correct spec.config: it is a CNI configuration in JSON, with a \"type\" or a list of \"plugins\""
		why := cmp.Or(n.compiled.Unusable, n.compiled.IPAM.Fault())
		if why == "" {
			return nil
		}
		at := n.compiled.LocateUnusable(n.source.Config)
		if n.compiled.Unusable == "" {
			at = n.compiled.Locate(n.source.Config, "ipam")
		}
		return atConfig(at, "no pod can use this network: "+why, remedy)
	},
}
