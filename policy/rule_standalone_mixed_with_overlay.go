package policy

import (
	"github.com/macvlan-webhook/macvlan-webhook/policy/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/multus"
)

// A standalone network takes over a pod's routing, an overlay network adapts to
// the cluster's. The two do not fit into one pod, in whichever annotation and
// order they stand.
var ruleStandaloneMixedWithOverlay = podRule{
	ID:      "standalone-mixed-with-overlay",
	Default: Deny,
	Check: func(p *View) []Finding {
		var standalone, overlay *Interface
		for i := range p.Interfaces() {
			iface := &p.Interfaces()[i]
			switch {
			case standalone == nil && (iface.Role() == cniconf.RoleStandalone || i == 0 && iface.Role() == cniconf.RoleAuto):
				standalone = iface
			case overlay == nil && iface.Role() == cniconf.RoleOverlay:
				overlay = iface
			}
		}
		if standalone == nil || overlay == nil {
			return nil
		}
		// The one that stands later is where the reader has to look; the
		// cluster's own network stands nowhere.
		at := overlay
		if standalone.Annotation == overlay.Annotation && standalone.Index > overlay.Index || overlay == p.First() {
			at = standalone
		}
		return []Finding{{
			Place: AtAnnotation(at.Annotation, p.LocateNetwork(at)),
			Message: "standalone network " + standalone.Label() + " (" + standalone.Because() + ") and overlay network " +
				overlay.Label() + " (" + overlay.Because() + ") cannot be used by one pod; accepted: networks of one of the two kinds",
			Remedy: p.separate(standalone, overlay),
		}}
	},
}

// separate says how to keep one of the two kinds: the one that the pod's first
// interface is of, else the overlay networks.
func (p *View) separate(standalone, overlay *Interface) string {
	switch p.First() {
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
