package policy

import (
	"fmt"
	"slices"

	"github.com/macvlan-webhook/macvlan-webhook/policy/flatnetwork"
	"github.com/macvlan-webhook/macvlan-webhook/policy/multus"
	"github.com/macvlan-webhook/macvlan-webhook/policy/quote"
)

// The address is given to the pod by the CNI plugin of the flat network, which Multus
// calls for its network alone.
var ruleFlatNetworkNotAttached = Rule{
	ID:      "flat-network-not-attached",
	Title:   "Annotations of Rancher's flat network without its network have no effect",
	Group:   groupFlat,
	Default: Warn,
	Since:   "v0.1.0",
	Doc: "The annotations `ip`, `mac` and `subnet` say which address a pod is to get. The interface that gets it comes from a Multus annotation: " +
		"`k8s.v1.cni.cncf.io/networks` with `static-macvlan-cni-attach` (V1) or `rancher-flat-network` (V2) for a second interface, " +
		"`v1.multus-cni.io/default-network` for the first one. Without it, and with `hostNetwork: true`, the pod runs without the address. " +
		"A network counts by its name, or by the type of its plugin.",
	Remedy: "Attach the network, or remove the annotations.",
	Wrong:  "flatnetwork.pandaria.io/subnet: vlan300\nflatnetwork.pandaria.io/ip: 10.30.0.21\n",
	Right: "k8s.v1.cni.cncf.io/networks: '[{\"name\":\"rancher-flat-network\",\"interface\":\"eth1\"}]'\n" +
		"flatnetwork.pandaria.io/subnet: vlan300\nflatnetwork.pandaria.io/ip: 10.30.0.21\n",
	restsOn: onNetworks,
	check: func(p *Pod) []Finding {
		var found []Finding
		for _, g := range flatnetwork.Generations {
			key := p.firstKey(g)
			if key == "" {
				continue
			}
			if p.Subject.HostNetwork {
				found = append(found, Finding{
					Annotation: key,
					Message:    "the pod uses the host's network, so that its annotation has no effect",
					Remedy:     "remove the annotations " + g.Prefix() + "*, or hostNetwork: true",
				})
				continue
			}
			// Beside the generation that is attached there is one too many, which has a
			// rule of its own (flat-network-keys-mixed).
			if slices.ContainsFunc(p.flat, func(r *flatRequest) bool { return r.attached || r.Generation == g && !r.known }) {
				continue
			}
			name := g.Networks()[0]
			found = append(found, Finding{
				Annotation: key,
				Message:    fmt.Sprintf("no Multus annotation attaches the network of the flat network (%s), %s, so that the annotation has no effect", g, quote.Value(name)),
				Remedy:     fmt.Sprintf("attach it, besides the other networks:\n  %s: '[{\"name\":\"%s\",\"interface\":\"eth1\"}]'", multus.NetworksAnnotation, name),
			})
		}
		return found
	},
}
