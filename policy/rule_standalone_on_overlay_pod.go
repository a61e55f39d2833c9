package policy

import "github.com/macvlan-webhook/macvlan-webhook/policy/cniconf"

// A standalone network beside the cluster's own overlay network as first
// interface: the veth plugin misroutes without a word, and a coordinator in
// underlay mode refuses the interface.
var ruleStandaloneOnOverlayPod = Rule{
	ID:      "standalone-on-overlay-pod",
	Title:   "A macvlan-standalone network is added to a pod on the cluster's overlay network",
	Group:   groupPlacement,
	Default: Deny,
	Since:   "v0.1.0",
	Doc: "A macvlan-standalone network must be the pod's first interface, because its chained plugin sets the pod's routes from there. " +
		"As an extra interface of a pod whose eth0 is the cluster's own network it either leaves wrong routes without any error " +
		"(veth plugin) or is refused on the node (coordinator in underlay mode).",
	Remedy: "Make the standalone network the default-network as well, or use the macvlan-overlay network of the same VLAN.",
	Wrong:  "k8s.v1.cni.cncf.io/networks: kube-system/macvlan-standalone-vlan0\n",
	Right:  "v1.multus-cni.io/default-network: kube-system/macvlan-standalone-vlan0\n",

	restsOn: onNetworks,
	check: func(p *Pod) []Finding {
		if len(p.interfaces) == 0 || p.first().Role != cniconf.RoleDefault {
			return nil
		}
		var found []Finding
		for i := range p.extras() {
			iface := &p.extras()[i]
			if iface.Role != cniconf.RoleStandalone {
				continue
			}
			found = append(found, Finding{
				Annotation: iface.annotation,
				Offset:     p.locateNetwork(iface),
				Message: "network " + iface.label() + " is a standalone network (" + iface.because() + ") and cannot be an extra interface of a pod " +
					"whose first interface is on the cluster's own network; accepted: overlay networks",
				Remedy: p.settleStandalone(),
			})
		}
		return found
	},
}

// settleStandalone says how to get a pod with standalone networks right: all of
// its networks are the same kind then. A pod that has overlay networks as well
// keeps those, as the rule that finds the mixture says too.
func (p *Pod) settleStandalone() string {
	var standalone *Interface
	for n := range p.extras() {
		switch i := &p.extras()[n]; i.Role {
		case cniconf.RoleOverlay:
			return "leave out the standalone networks:\n  " + p.pasteNetworks(p.kept(notStandalone, nil))
		case cniconf.RoleStandalone:
			if standalone == nil {
				standalone = i
			}
		}
	}
	return "make a standalone network the pod's first interface:\n  " + p.pasteDefaultNetwork(standalone) + "\n  " +
		p.pasteNetworks(p.kept(notOverlay, standalone)) + "\nor use the overlay network of the same VLAN as the extra network"
}
