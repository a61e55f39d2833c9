package rules

import (
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// A plain macvlan, ipvlan or SR-IOV network without a plugin that coordinates
// routes works as an extra interface, but nobody sees to the pod's routes.
var ruleNetworkNotCoordinated = pod.Rule{
	ID:      "network-not-coordinated",
	Default: verdict.Warn,
	Check: func(p *pod.View) []verdict.Finding {
		if len(p.Interfaces()) == 0 {
			return nil
		}
		// A first interface of an adapting coordinator (auto) copes with plain
		// networks beside it; where the first network is not known, nothing
		// can be said.
		if r := p.First().Role(); r != cniconf.RoleDefault && r != cniconf.RoleStandalone {
			return nil
		}
		var found []verdict.Finding
		for i := range p.Extras() {
			iface := &p.Extras()[i]
			if iface.Role() != cniconf.RoleNeutral || iface.Network().FailsAll() != "" {
				continue
			}
			found = append(found, verdict.Finding{
				Place:   object.AtAnnotation(iface.Annotation, p.LocateNetwork(iface)),
				Message: "network " + iface.Label() + " has no active coordinator, veth or router plugin: nothing adjusts the pod's routes for it",
				Remedy:  "chain Spiderpool's coordinator plugin to the network if the pod must reach addresses outside that network's own subnet",
			})
		}
		return found
	},
}
