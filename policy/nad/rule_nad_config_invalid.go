package nad

import (
	"cmp"

	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// The same as network-config-unusable says of pods, to whoever writes the network.
var ruleNADConfigInvalid = Rule{
	ID:      "nad-config-invalid",
	Default: verdict.Deny,
	Check: func(n *view) []verdict.Finding {
		if n.misplaced != "" {
			return []verdict.Finding{{
				Place: object.AtField(n.misplaced),
				Message: "spec.config is empty, and Multus does not read the configuration under " + quote.Value(n.misplaced) +
					": pods that use the network fail, unless a file on the node has a network of this name",
				Remedy:   "move it to spec.config, as a text in JSON",
				Softened: true,
			}}
		}
		if o := n.origin; o != nil && o.Fault != "" {
			return []verdict.Finding{{
				Place: object.AtField(o.FaultField), Message: o.Maker + " makes no network of this: " + o.Fault,
				Remedy: "correct " + o.FaultField,
			}}
		}
		if why := n.compiled.Unread; why != "" {
			return []verdict.Finding{{
				Place:    object.AtField(configField),
				Message:  "nothing is known of what this network does: " + why,
				Remedy:   "make the configuration shorter, or use several networks",
				Softened: true,
			}}
		}
		why := cmp.Or(n.compiled.Unusable, n.compiled.IPAM.Fault())
		if why == "" {
			return nil
		}
		at := n.compiled.LocateUnusable(n.source.Config)
		if n.compiled.Unusable == "" {
			at = n.compiled.Locate(n.source.Config, "ipam")
		}
		remedy := "correct " + configField + ": it is a CNI configuration in JSON, with a \"type\" or a list of \"plugins\""
		if n.origin.assembled() {
			remedy = "correct what the message names, in " + configField + " or beside it"
		}
		return atConfig(at, "no pod can use this network: "+why, remedy)
	},
}
