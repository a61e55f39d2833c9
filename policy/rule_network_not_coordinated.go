package policy

import "github.com/macvlan-webhook/macvlan-webhook/policy/cniconf"

// A plain macvlan, ipvlan or SR-IOV network without a plugin that coordinates
// routes works as an extra interface, but nobody sees to the pod's routes.
var ruleNetworkNotCoordinated = podRule{
	ID:      "network-not-coordinated",
	Default: Warn,
	Check: func(p *View) []Finding {
		if len(p.Interfaces()) == 0 {
			return nil
		}
		// A first interface of an adapting coordinator (auto) copes with plain
		// networks beside it; where the first network is not known, nothing
		// can be said.
		if r := p.First().Role(); r != cniconf.RoleDefault && r != cniconf.RoleStandalone {
			return nil
		}
		var found []Finding
		for i := range p.Extras() {
			iface := &p.Extras()[i]
			if iface.Role() != cniconf.RoleNeutral || unusable(iface.Network()) != "" {
				continue
			}
			found = append(found, Finding{
				Place:   AtAnnotation(iface.Annotation, p.LocateNetwork(iface)),
				Message: "network " + iface.Label() + " has no active coordinator, veth or router plugin: nobody adjusts the pod's routes for it",
				Remedy:  "chain a coordinator to the network if the pod is to talk to more than that network's own subnet",
			})
		}
		return found
	},
}
