package policy

import "github.com/macvlan-webhook/macvlan-webhook/policy/flatnetwork"

// Both generations are deployed side by side while a cluster is migrated. Each has a
// controller and a CNI plugin of its own, which know nothing of the other's keys.
var ruleFlatNetworkKeysMixed = podRule{
	ID:      "flat-network-keys-mixed",
	Default: Deny,
	Check: func(p *View) []Finding {
		var both []*FlatRequest
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
		key := p.firstKey(drop.Generation)
		return []Finding{{
			Place: AtAnnotation(key, 0),
			Message: "the annotations " + key + " and " + p.firstKey(keep.Generation) + " belong to two generations of the flat network (" +
				drop.Generation.String() + " and " + keep.Generation.String() + "), whose controllers know nothing of each other",
			Remedy: "remove the annotations " + drop.Generation.Prefix() + "*",
		}}
	},
}

// firstKey is the first annotation of a generation that the pod has.
func (p *View) firstKey(g flatnetwork.Generation) string {
	for _, key := range g.Annotations() {
		if _, ok := p.Subject.Annotations[key]; ok {
			return key
		}
	}
	return ""
}
