package rules

import (
	"fmt"
	"slices"
	"strings"

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
				Remedy:  attach(p, name),
			})
		}
		return found
	},
}

// attach says how to add a network of the pod's own namespace to the list. Rancher's documents
// call its interface eth1.
func attach(p *pod.View, name string) string {
	free := ""
	for n := 1; free == "" || interfaceCalled(p, free) != nil; n++ {
		free = fmt.Sprintf("eth%d", n)
	}
	element := fmt.Sprintf(`{"name":"%s","interface":"%s"}`, name, free)
	const beside = "attach it, in addition to the other networks"
	if !p.Misread() && !slices.ContainsFunc(p.Extras(), func(i pod.Interface) bool { return i.Unreadable }) {
		a := &arrangement{p: p, first: p.First()}
		var elements []string
		for n := range p.Extras() {
			i := &p.Extras()[n]
			elements = append(elements, pasteObject(a.object(i), i, a.asks(i)))
		}
		if line := showing(multus.NetworksAnnotation, "["+strings.Join(append(elements, element), ",")+"]"); line != "" {
			return beside + ":" + indent + line
		}
	}
	return beside + ": " + multus.NetworksAnnotation + " names them and " + element
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
