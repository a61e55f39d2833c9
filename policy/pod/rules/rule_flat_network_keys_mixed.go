package rules

import (
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/flatnetwork"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// Both generations are deployed side by side while a cluster is migrated. Each has a
// controller and a CNI plugin of its own, which know nothing of the other's keys.
var ruleFlatNetworkKeysMixed = pod.Rule{
	ID:      "flat-network-keys-mixed",
	Default: verdict.Deny,
	Check: func(p *pod.View) []verdict.Finding {
		var both []*pod.FlatRequest
		for r := range p.FlatRequests {
			if !r.Void() {
				both = append(both, r)
			}
		}
		if len(both) < 2 {
			return nil
		}
		// The one to remove is the one that is not attached, if that is known.
		keep, drop := both[1], both[0]
		if keep.Unattached() && !drop.Unattached() {
			keep, drop = drop, keep
		}
		key := firstKey(p, drop.Generation)
		return []verdict.Finding{{
			Place: object.AtAnnotation(key, 0),
			Message: "the annotations " + key + " and " + firstKey(p, keep.Generation) + " belong to two generations of the flat network (" +
				drop.Generation.String() + " and " + keep.Generation.String() + "), whose controllers do not know of each other",
			Remedy: "remove the annotations " + drop.Generation.Prefix() + "*",
		}}
	},
}

// firstKey is the first annotation of a generation that the pod has.
func firstKey(p *pod.View, g flatnetwork.Generation) string {
	for _, key := range g.Annotations() {
		if _, ok := p.Subject.Annotations[key]; ok {
			return key
		}
	}
	return ""
}
