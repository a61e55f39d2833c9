package policy

import (
	"cmp"

	"github.com/macvlan-webhook/macvlan-webhook/policy/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/quote"
)

// A NetworkAttachmentDefinition is accepted with any text as its configuration;
// the pods that use it fail.
var ruleNetworkConfigUnusable = Rule{
	ID:      "network-config-unusable",
	Title:   "A network's configuration makes every pod fail",
	Group:   groupResolve,
	Default: Deny,
	Since:   "v0.1.0",
	Doc: "`spec.config` of a NetworkAttachmentDefinition is a CNI configuration in JSON. Kubernetes stores any text, so a broken one " +
		"shows only when a pod uses it. Judged is what fails on every node: text that is not JSON, no plugin, wrong types, a mode " +
		"or MTU that the macvlan plugin refuses, addresses that host-local cannot hand out, a CNI version that a plugin refuses. An empty configuration is fine: Multus then reads a file of that name on the node.",
	Remedy:  "Correct `spec.config` of the NetworkAttachmentDefinition, or use another network.",
	Wrong:   "k8s.v1.cni.cncf.io/networks: kube-system/macvlan-with-broken-config\n",
	Right:   "k8s.v1.cni.cncf.io/networks: kube-system/macvlan-overlay-vlan0\n",
	restsOn: onNetworks,
	check: func(p *Pod) []Finding {
		var found []Finding
		for i := range p.interfaces {
			iface := &p.interfaces[i]
			// The cluster's own network is named by the configuration: the pod has
			// no annotation to point at.
			if iface.network == nil || iface.annotation == "" {
				continue
			}
			why := unusable(iface.network)
			if why == "" {
				continue
			}
			found = append(found, Finding{
				Annotation: iface.annotation,
				Offset:     p.locateNetwork(iface),
				Message:    "network " + iface.label() + " cannot be used by any pod: " + why,
				Remedy:     correctNetwork(iface.Reference),
			})
		}
		return found
	},
}

// correctNetwork says how to get at the object. Its names are those of an object
// that exists, so they need no quotes.
func correctNetwork(r Reference) string {
	remedy := "correct spec.config of the NetworkAttachmentDefinition, or use another network"
	if len(r.String()) <= quote.Limit {
		remedy += ":\n  kubectl edit network-attachment-definitions --namespace " + r.Namespace + " " + r.Name
	}
	return remedy
}

// unusable says why every pod on the network fails, or nothing.
func unusable(n *cniconf.Network) string {
	return cmp.Or(n.Unusable, n.MacvlanFault, n.IPAM.Fault(), n.CNIVersionFault)
}
