package rules

import (
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// A plain macvlan, ipvlan or SR-IOV network works as an extra interface, but nobody sees to
// the pod's routes. That is worth a word only where there are plugins which do, and where
// neither the network nor the pod has settled it in another way.
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
			if iface.Role() != cniconf.RoleNeutral || routesSettled(p, iface) || iface.Network().FailsAll() != "" || !p.Coordinates() {
				continue
			}
			found = append(found, verdict.Finding{
				Place:   object.AtAnnotation(iface.Annotation, p.LocateNetwork(iface)),
				Message: "network " + iface.Label() + " has no active coordinator, veth or router plugin: nothing adjusts the pod's routes for it",
				Remedy: "if the pod must reach addresses outside that network's own subnet, chain a plugin to the network that adjusts routes: " +
					"Spiderpool's coordinator, or router or veth where the cluster's other networks have those",
			})
		}
		return found
	},
}

// routesSettled says whether somebody has seen to the routes of an interface without a
// coordinator: the network, whoever annotated it as one for DPDK, which takes the interface
// away from the kernel, or the pod.
func routesSettled(p *pod.View, i *pod.Interface) bool {
	if i.Evidence() == cniconf.EvidenceAnnotation || i.Network().HasOwnRoutes() || len(i.Element.DefaultRoutes) > 0 {
		return true
	}
	fromSpiderpool, _ := p.FromSpiderpool(i)
	return fromSpiderpool && len(p.PoolAnnotations().Routes) > 0
}
