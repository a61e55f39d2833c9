package policy

import (
	"fmt"

	"github.com/macvlan-webhook/macvlan-webhook/policy/quote"
)

// Multus looks the NetworkAttachmentDefinition up when the pod starts, and the
// pod waits for ever when there is none.
var ruleNetworkNotFound = Rule{
	ID:      "network-not-found",
	Title:   "A network does not exist",
	Group:   groupResolve,
	Default: Deny,
	Since:   "v0.1.0",
	Doc: "Each network is a NetworkAttachmentDefinition. Without a namespace, Multus looks a network of `k8s.v1.cni.cncf.io/networks` " +
		"up in the pod's namespace, and that of `v1.multus-cni.io/default-network` in Multus' own (kube-system unless " +
		"configured). On the template of a workload it is a warning, since the network may be applied after it.",
	Remedy: "Name the namespace, or create the NetworkAttachmentDefinition first. List what there is with " +
		"`kubectl get network-attachment-definitions --all-namespaces`.",
	Wrong:   "k8s.v1.cni.cncf.io/networks: macvlan-overlay-vlan0\n",
	Right:   "k8s.v1.cni.cncf.io/networks: kube-system/macvlan-overlay-vlan0\n",
	restsOn: onNetworks,
	check: func(p *Pod) []Finding {
		if p.facts.NamesOnly {
			return nil
		}
		var found []Finding
		for i := range p.interfaces {
			iface := &p.interfaces[i]
			if iface.annotation == "" || iface.ref < 0 {
				continue
			}
			if fact := p.facts.Networks[iface.ref]; fact.Network != nil || fact.Err != nil {
				continue
			}
			remedy := "create it first, or name one that exists; this lists them:\n" +
				"  kubectl get network-attachment-definitions --all-namespaces"
			if !iface.element.NamespaceGiven {
				remedy = fmt.Sprintf("write namespace/name: without a namespace, a network of %s is looked up in namespace %s. This lists the networks:\n"+
					"  kubectl get network-attachment-definitions --all-namespaces", iface.annotation, quote.Value(iface.Reference.Namespace))
			}
			found = append(found, Finding{
				Annotation: iface.annotation,
				Offset:     p.locateNetwork(iface),
				Message:    "network " + iface.label() + " does not exist: no NetworkAttachmentDefinition has that namespace and name",
				Remedy:     remedy,
				softened:   p.Subject.Template(),
			})
		}
		return found
	},
}
