package policy

import (
	"github.com/macvlan-webhook/macvlan-webhook/policy/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/multus"
)

// A standalone network takes over a pod's routing, an overlay network adapts to
// the cluster's. The two do not fit into one pod, in whichever annotation and
// order they stand.
var ruleStandaloneMixedWithOverlay = Rule{
	ID:      "standalone-mixed-with-overlay",
	Title:   "macvlan-standalone and macvlan-overlay networks are mixed in one pod",
	Group:   groupPlacement,
	Default: Deny,
	Since:   "v0.1.0",
	Doc: "A macvlan-standalone network is the pod's first interface and owns its routes; a macvlan-overlay network works beside the " +
		"cluster's own network as first interface. A pod with both gets wrong routes, or is refused by the coordinator on the node. " +
		"A network whose coordinator is in mode auto counts as standalone when it is the pod's first interface.",
	Remedy: "Use either standalone networks only, the first of them as default-network, or overlay networks only, without default-network.",
	Wrong: "v1.multus-cni.io/default-network: kube-system/macvlan-standalone-vlan0\n" +
		"k8s.v1.cni.cncf.io/networks: kube-system/macvlan-overlay-vlan0\n",
	Right: "v1.multus-cni.io/default-network: kube-system/macvlan-standalone-vlan0\n" +
		"k8s.v1.cni.cncf.io/networks: kube-system/macvlan-standalone-vlan0\n",

	restsOn: onNetworks,
	check: func(p *Pod) []Finding {
		var standalone, overlay *Interface
		for i := range p.interfaces {
			iface := &p.interfaces[i]
			switch {
			case standalone == nil && (iface.Role == cniconf.RoleStandalone || i == 0 && iface.Role == cniconf.RoleAuto):
				standalone = iface
			case overlay == nil && iface.Role == cniconf.RoleOverlay:
				overlay = iface
			}
		}
		if standalone == nil || overlay == nil {
			return nil
		}
		// The one that stands later is where the reader has to look; the
		// cluster's own network stands nowhere.
		at := overlay
		if standalone.annotation == overlay.annotation && standalone.index > overlay.index || overlay == p.first() {
			at = standalone
		}
		return []Finding{{
			Annotation: at.annotation,
			Offset:     p.locateNetwork(at),
			Message: "standalone network " + standalone.label() + " (" + standalone.because() + ") and overlay network " +
				overlay.label() + " (" + overlay.because() + ") cannot be used by one pod; accepted: networks of one of the two kinds",
			Remedy: p.separate(standalone, overlay),
		}}
	},
}

// separate says how to keep one of the two kinds: the one that the pod's first
// interface is of, else the overlay networks.
func (p *Pod) separate(standalone, overlay *Interface) string {
	switch p.first() {
	case standalone:
		return "leave out the overlay networks, or use the standalone networks of the same VLANs in their place:\n  " +
			p.pasteNetworks(p.kept(notOverlay, nil))
	case overlay:
		return "leave out the standalone networks, and remove " + multus.DefaultNetworkAnnotation + ":\n  " +
			p.pasteNetworks(append([]*Interface{overlay}, p.kept(notStandalone, nil)...))
	default:
		return "leave out the standalone networks:\n  " + p.pasteNetworks(p.kept(notStandalone, nil))
	}
}
