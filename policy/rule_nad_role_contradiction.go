package policy

import "github.com/macvlan-webhook/macvlan-webhook/policy/cniconf"

// The annotation is what other rules believe, the chain what happens on the node: a
// pod that is right by one is wrong by the other.
var ruleNADRoleContradiction = Rule{
	ID:      "nad-role-contradiction",
	Title:   "The annotation of a network and its plugins state opposite roles",
	Group:   groupNetworks,
	Default: Deny,
	Since:   "v0.1.0",
	Doc: "`v1.multus-underlay-cni.io/instance-type` says whether a network brings the routes of a pod (standalone) or stands beside the cluster's own network (overlay). On the node the chained " +
		"plugins decide: veth and a coordinator in mode underlay make a network standalone, router and mode overlay make it an overlay network. When the two differ, no pod can use the network: " +
		"the annotation has those refused that fit the plugins, and the others fail on the node. It is a warning where a coordinator names no mode, since that of the cluster may change.",
	Remedy: "Make the annotation say what the plugins do, or chain the other plugin.",
	Wrong: "metadata:\n  name: vlan100\n  annotations:\n    v1.multus-underlay-cni.io/instance-type: macvlan_underlay\n" +
		"spec:\n  config: '{\"cniVersion\": \"0.3.1\", \"plugins\": [{\"type\": \"macvlan\", \"master\": \"bond0.100\"}, {\"type\": \"router\"}]}'\n",
	Right: "metadata:\n  name: vlan100\n  annotations:\n    v1.multus-underlay-cni.io/instance-type: macvlan_overlay\n" +
		"spec:\n  config: '{\"cniVersion\": \"0.3.1\", \"plugins\": [{\"type\": \"macvlan\", \"master\": \"bond0.100\"}, {\"type\": \"router\"}]}'\n",
	checkNetwork: func(n *network) []Finding {
		why := n.compiled.Contradiction(n.mode)
		if why == "" {
			return nil
		}
		return []Finding{{
			Annotation: cniconf.InstanceTypeAnnotation,
			Message:    why,
			Remedy:     "make the annotation say what the plugins do, or chain the plugin that fits it: veth (or a coordinator in mode underlay) for macvlan_underlay, router (or mode overlay) for macvlan_overlay",
			softened:   n.compiled.Contradiction(cniconf.ModeDisable) == "",
		}}
	},
}
