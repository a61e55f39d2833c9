package policy

import "github.com/macvlan-webhook/macvlan-webhook/policy/cniconf"

// A plain macvlan, ipvlan or SR-IOV network without a plugin that coordinates
// routes works as an extra interface, but nobody sees to the pod's routes.
var ruleNetworkNotCoordinated = Rule{
	ID:      "network-not-coordinated",
	Title:   "An extra network has no plugin that adjusts the pod's routes",
	Group:   groupPlacement,
	Default: Warn,
	Since:   "v0.1.0",
	Doc: "A network whose chain has neither a coordinator, nor the veth or router plugin (or whose coordinator is disabled), can be added to " +
		"any pod. But nobody adjusts the pod's routes for it: replies may leave by another interface than the one the request came " +
		"in on, and services may be out of reach through it.",
	Remedy: "Nothing has to be done when the pod talks to that network's own subnet only. Otherwise chain a coordinator to the network, " +
		"or silence this rule in PolicyConfig: `rules: {network-not-coordinated: off}`.",
	Wrong: "k8s.v1.cni.cncf.io/networks: kube-system/macvlan-plain\n",
	Right: "k8s.v1.cni.cncf.io/networks: kube-system/macvlan-overlay-vlan0\n",

	restsOn: onNetworks,
	check: func(p *Pod) []Finding {
		if len(p.interfaces) == 0 {
			return nil
		}
		// A first interface of an adapting coordinator (auto) copes with plain
		// networks beside it; where the first network is not known, nothing
		// can be said.
		if r := p.first().Role; r != cniconf.RoleDefault && r != cniconf.RoleStandalone {
			return nil
		}
		var found []Finding
		for i := range p.extras() {
			iface := &p.extras()[i]
			if iface.Role != cniconf.RoleNeutral || unusable(iface.network) != "" {
				continue
			}
			found = append(found, Finding{
				Annotation: iface.annotation,
				Offset:     p.locateNetwork(iface),
				Message:    "network " + iface.label() + " has no active coordinator, veth or router plugin: nobody adjusts the pod's routes for it",
				Remedy:     "chain a coordinator to the network if the pod is to talk to more than that network's own subnet",
			})
		}
		return found
	},
}
