package rules

import (
	"slices"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// A standalone network beside the cluster's own overlay network as first
// interface: the veth plugin misroutes silently, and a coordinator in
// underlay mode refuses the interface.
var ruleStandaloneOnOverlayPod = pod.Rule{
	ID:      "standalone-on-overlay-pod",
	Default: verdict.Deny,
	Check: func(p *pod.View) []verdict.Finding {
		if len(p.Interfaces()) == 0 || p.First().Role() != cniconf.RoleDefault {
			return nil
		}
		var found verdict.Collector
		// All findings have the same remedy, which is made once.
		remedy := ""
		for i := range p.Extras() {
			iface := &p.Extras()[i]
			if iface.Role() != cniconf.RoleStandalone {
				continue
			}
			if remedy == "" {
				remedy = settleStandalone(p, iface)
			}
			// A cluster's own network that nobody has told of is likely to be one of
			// Spiderpool's, and these are standalone as a rule.
			found.Add(iface.ByName() || p.UnsaidNetwork() != nil, func() verdict.Finding {
				return verdict.Finding{
					Place: object.AtAnnotation(iface.Annotation, p.LocateNetwork(iface)),
					Message: "network " + iface.Label() + " is a standalone network (" + iface.Because() + ") and cannot be an extra interface of a pod " +
						"whose first interface is on the cluster's own network; accepted: overlay networks",
					Remedy: remedy,
				}
			})
		}
		return found.List()
	},
}

// settleStandalone says how to get a pod with standalone networks right: all of
// its networks are the same kind then. A pod that has overlay networks as well
// keeps those, as the rule that finds the mixture says too.
func settleStandalone(p *pod.View, first *pod.Interface) string {
	if slices.ContainsFunc(p.Extras(), func(i pod.Interface) bool { return i.Role() == cniconf.RoleOverlay }) {
		return leaveOutStandalone(p)
	}
	return "make a standalone network the pod's first interface:" + rearranged(p, first, kept(p, notOverlay, first)) +
		"\nor use the overlay network of the same VLAN as the extra network"
}
