package nad

import (
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// On the node the chain decides, and so it does in verdicts on pods. The annotation is what
// people and DaoCloud's user interface go by when they write these pods.
var ruleNADRoleContradiction = Rule{
	ID:      "nad-role-contradiction",
	Default: verdict.Deny,
	Check: func(n *view) []verdict.Finding {
		why := n.compiled.Contradiction(n.mode)
		if why == "" {
			return nil
		}
		return []verdict.Finding{{
			Place:   object.AtAnnotation(cniconf.InstanceTypeAnnotation, 0),
			Message: why,
			Remedy: "make the annotation match the plugins: macvlan_underlay for veth or a coordinator in mode underlay, macvlan_overlay for router or mode overlay; " +
				"or chain the plugin that the annotation means, and none of them for default and sriov_dpdk",
			Softened: n.compiled.Contradiction(cniconf.ModeDisable) == "",
		}}
	},
}
