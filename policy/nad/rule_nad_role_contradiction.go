package nad

import (
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// The annotation is what other rules believe, the chain what happens on the node: a
// pod that is right by one is wrong by the other.
var ruleNADRoleContradiction = Rule{
	ID:      "nad-role-contradiction",
	Default: verdict.Deny,
	Check: func(n *view) []verdict.Finding {
		why := n.compiled.Contradiction(n.mode)
		if why == "" {
			return nil
		}
		return []verdict.Finding{{
			Place:    object.AtAnnotation(cniconf.InstanceTypeAnnotation, 0),
			Message:  why,
			Remedy:   "make the annotation match the plugins, or chain the plugin that it means: veth (or a coordinator in mode underlay) for macvlan_underlay, router (or mode overlay) for macvlan_overlay",
			Softened: n.compiled.Contradiction(cniconf.ModeDisable) == "",
		}}
	},
}
