package rules

import (
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/multus"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// An overlay network (macvlan-overlay) works beside the cluster's own network
// and never as a pod's first interface: its chained plugin (router, or a
// coordinator in overlay mode) needs an interface before it.
var ruleOverlayAsDefaultNetwork = pod.Rule{
	ID:      "overlay-as-default-network",
	Default: verdict.Deny,
	Check: func(p *pod.View) []verdict.Finding {
		if len(p.Interfaces()) == 0 {
			return nil
		}
		first := p.First()
		if first.Annotation == "" || first.Role() != cniconf.RoleOverlay {
			return nil
		}
		return []verdict.Finding{{
			Place: object.AtAnnotation(first.Annotation, p.LocateNetwork(first)),
			Message: "network " + first.Label() + " is an overlay network (" + first.Because() + ") and cannot be the pod's first interface; " +
				"accepted: a standalone network, or no " + multus.DefaultNetworkAnnotation + " at all",
			Softened: first.ByName(),
			Remedy: "remove " + multus.DefaultNetworkAnnotation + " and write it as an extra network:" +
				rearranged(p, nil, append([]*pod.Interface{first}, kept(p, notStandalone, nil)...)),
		}}
	},
}
