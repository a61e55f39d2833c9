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
		standalone, overlay := mixture(p)
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
			Remedy:   separate(p),
			Softened: standalone.ByName() || overlay.ByName(),
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
		Remedy:   "use a network of the other kind, or ask the platform team to put namespace " + quote.Value(p.Subject.Namespace) + " among Multus' systemNamespaces",
		Softened: standalone.ByName() || overlay.ByName(),
	}}
}

// mixture is the first network of each kind, nil for none: those of which it is known for
// certain come before those that only their names make one, and those that the pod asks for
// itself before those that every pod gets.
func mixture(p *pod.View) (standalone, overlay *pod.Interface) {
	better := func(than, i *pod.Interface) bool {
		switch {
		case than == nil:
			return true
		case than.Added != i.Added:
			return than.Added
		default:
			return than.ByName() && !i.ByName()
		}
	}
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
