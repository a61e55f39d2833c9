package rules

import (
	"fmt"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/multus"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// A standalone network takes over a pod's routing, an overlay network adapts to
// the cluster's. The two do not fit into one pod, in whichever annotation and
// order they stand.
var ruleStandaloneMixedWithOverlay = pod.Rule{
	ID:      "standalone-mixed-with-overlay",
	Default: verdict.Deny,
	Check: func(p *pod.View) []verdict.Finding {
		var standalone, overlay *pod.Interface
		// One that the pod asks for itself comes before one that every pod gets.
		unset := func(i *pod.Interface) bool { return i == nil || i.Added }
		for i := range p.Interfaces() {
			iface := &p.Interfaces()[i]
			switch {
			case unset(standalone) && (iface.Role() == cniconf.RoleStandalone || i == 0 && iface.Role() == cniconf.RoleAuto):
				standalone = iface
			case unset(overlay) && iface.Role() == cniconf.RoleOverlay:
				overlay = iface
			}
		}
		if standalone == nil || overlay == nil {
			return nil
		}
		if standalone.Added || overlay.Added {
			return mixedWithAdded(p, standalone, overlay)
		}
		// The one that stands later is where the reader has to look; the
		// cluster's own network stands nowhere.
		at := overlay
		if standalone.Annotation == overlay.Annotation && standalone.Index > overlay.Index || overlay == p.First() {
			at = standalone
		}
		return []verdict.Finding{{
			Place: object.AtAnnotation(at.Annotation, p.LocateNetwork(at)),
			Message: "standalone network " + standalone.Label() + " (" + standalone.Because() + ") and overlay network " +
				overlay.Label() + " (" + overlay.Because() + ") cannot be used by the same pod; accepted: networks of one of the two kinds",
			Remedy: separate(p, standalone, overlay),
		}}
	},
}

// mixedWithAdded is the finding where one of the two is on a network that every pod gets.
// Where both are, the author of the pod can do nothing.
func mixedWithAdded(p *pod.View, standalone, overlay *pod.Interface) []verdict.Finding {
	asked, added, is, other := standalone, overlay, "a standalone", "an overlay"
	if standalone.Added {
		asked, added, is, other = overlay, standalone, other, is
	}
	if asked.Annotation == "" {
		return nil
	}
	return []verdict.Finding{{
		Place: object.AtAnnotation(asked.Annotation, p.LocateNetwork(asked)),
		Message: fmt.Sprintf("network %s is %s network (%s) and cannot be used beside %s, which Multus gives every pod (multus.defaultNetworks) and which is %s one (%s)",
			asked.Label(), is, asked.Because(), added.Label(), other, added.Because()),
		Remedy: "use a network of the other kind, or ask the platform team to put namespace " + quote.Value(p.Subject.Namespace) + " among Multus' systemNamespaces",
	}}
}

// separate says how to keep one of the two kinds: the one that the pod's first
// interface is of, else the overlay networks.
func separate(p *pod.View, standalone, overlay *pod.Interface) string {
	switch p.First() {
	case standalone:
		return "leave out the overlay networks:\n  " + pasteNetworks(p, kept(p, notOverlay, nil)) +
			"\nor use the standalone networks of the same VLANs instead"
	case overlay:
		return "leave out the standalone networks, and remove " + multus.DefaultNetworkAnnotation + ":\n  " +
			pasteNetworks(p, append([]*pod.Interface{overlay}, kept(p, notStandalone, nil)...))
	default:
		return "leave out the standalone networks:\n  " + pasteNetworks(p, kept(p, notStandalone, nil))
	}
}
