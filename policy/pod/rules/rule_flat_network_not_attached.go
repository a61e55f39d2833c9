package rules

import (
	"fmt"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/flatnetwork"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/multus"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// The address is given to the pod by the CNI plugin of the flat network, which Multus
// calls for its network alone.
var ruleFlatNetworkNotAttached = pod.Rule{
	ID:      "flat-network-not-attached",
	Default: verdict.Warn,
	Check: func(p *pod.View) []verdict.Finding {
		var found []verdict.Finding
		for _, g := range flatnetwork.Generations {
			key := firstKey(p, g)
			if key == "" {
				continue
			}
			if p.Subject.HostNetwork {
				found = append(found, verdict.Finding{
					Place:   object.AtAnnotation(key, 0),
					Message: "the pod uses the host's network, so the annotation has no effect",
					Remedy:  "remove the annotations " + g.Prefix() + "*, or hostNetwork: true",
				})
				continue
			}
			// Beside the generation that is attached there is one too many, which has a
			// rule of its own (flat-network-keys-mixed).
			if attachedOrUnknown(p, g) {
				continue
			}
			name := g.Networks()[0]
			found = append(found, verdict.Finding{
				Place:   object.AtAnnotation(key, 0),
				Message: fmt.Sprintf("no Multus annotation attaches the flat network (%s), %s, so the annotation has no effect", g, quote.Value(name)),
				Remedy:  fmt.Sprintf("attach it, in addition to the other networks:\n  %s: '[{\"name\":\"%s\",\"interface\":\"eth1\"}]'", multus.NetworksAnnotation, name),
			})
		}
		return found
	},
}

// attachedOrUnknown says whether the network of either generation is attached, or it is not
// known whether that of the one is.
func attachedOrUnknown(p *pod.View, g flatnetwork.Generation) bool {
	for r := range p.FlatRequests {
		if attached, known := r.Attached(); attached || r.Generation == g && !known {
			return true
		}
	}
	return false
}
