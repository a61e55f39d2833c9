package rules

import (
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/multus"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// A standalone network takes over a pod's routing, an overlay network adapts to
// the cluster's. The two do not fit into one pod, in whichever annotation and
// order they stand.
var ruleStandaloneMixedWithOverlay = pod.Rule{
	ID:      "standalone-mixed-with-overlay",
	Default: verdict.Deny,
	Check: func(p *pod.View) []verdict.Finding {
		standalone, overlay := mixture(p)
		if standalone == nil || overlay == nil {
			return nil
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
			Remedy:   separate(p),
			Softened: standalone.ByName() || overlay.ByName(),
		}}
	},
}

// mixture is the first network of each kind, nil for none: those of which it is known for
// certain come before those that only their names make one.
func mixture(p *pod.View) (standalone, overlay *pod.Interface) {
	better := func(than, i *pod.Interface) bool { return than == nil || than.ByName() && !i.ByName() }
	for n := range p.Interfaces() {
		i := &p.Interfaces()[n]
		switch role := i.Role(); {
		case role == cniconf.RoleStandalone || n == 0 && role == cniconf.RoleAuto:
			if better(standalone, i) {
				standalone = i
			}
		case role == cniconf.RoleOverlay:
			if better(overlay, i) {
				overlay = i
			}
		}
	}
	return standalone, overlay
}

// separate says how to keep one of the two kinds: the one that the pod's first
// interface is of, else the overlay networks.
func separate(p *pod.View) string {
	switch first := p.First(); first.Role() {
	case cniconf.RoleStandalone, cniconf.RoleAuto:
		return "leave out the overlay networks:" + rearranged(p, first, kept(p, notOverlay, nil)) +
			"\nor use the standalone networks of the same VLANs instead"
	case cniconf.RoleOverlay:
		return "leave out the standalone networks, and remove " + multus.DefaultNetworkAnnotation + ":" +
			rearranged(p, nil, append([]*pod.Interface{first}, kept(p, notStandalone, nil)...))
	default:
		return leaveOutStandalone(p)
	}
}

// leaveOutStandalone says how to keep the first interface and what fits beside the overlay
// networks.
func leaveOutStandalone(p *pod.View) string {
	return "leave out the standalone networks:" + rearranged(p, p.First(), kept(p, notStandalone, nil))
}
