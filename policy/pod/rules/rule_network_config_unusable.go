package rules

import (
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// A NetworkAttachmentDefinition is accepted with any text as its configuration;
// the pods that use it fail.
var ruleNetworkConfigUnusable = pod.Rule{
	ID:      "network-config-unusable",
	Default: verdict.Deny,
	Check: func(p *pod.View) []verdict.Finding {
		var found []verdict.Finding
		for i := range p.Interfaces() {
			iface := &p.Interfaces()[i]
			// The cluster's own network is named by the configuration: the pod has
			// no annotation to point at.
			if iface.Network() == nil || iface.Annotation == "" {
				continue
			}
			message, remedy := "no pod can use it: "+iface.Network().FailsAll(), correctNetwork(iface.Reference)
			if iface.Network().FailsAll() == "" {
				why, want := iface.Network().Fails(iface.Ask())
				if why == "" {
					why, want = missesMaster(p, i), "name the network of that link before this one"
				}
				if why == "" {
					continue
				}
				message, remedy = "this pod cannot use it: "+why, want+", or "+remedy
			}
			found = append(found, verdict.Finding{
				Place:   object.AtAnnotation(iface.Annotation, p.LocateNetwork(iface)),
				Message: "network " + iface.Label() + ": " + message,
				Remedy:  remedy,
			})
		}
		return found
	},
}

// missesMaster says why the interface that a network hangs its own on is not there yet; empty
// where that is not certain. i is the index of the interface.
func missesMaster(p *pod.View, i int) string {
	master := p.Interfaces()[i].Network().PodMaster()
	if master == "" {
		return ""
	}
	for n := i; n < len(p.Interfaces()); n++ {
		if p.Interfaces()[n].Name != master {
			continue
		}
		if n == i {
			return "it looks in the pod for the link " + quote.Value(master) + ", which is its own interface"
		}
		return "it looks in the pod for the link " + quote.Value(master) + ", which is made after it: name that network first"
	}
	return ""
}

// correctNetwork says how to get at the object. Its names are those of an object
// that exists, so they need no quotes.
func correctNetwork(r object.Reference) string {
	remedy := "correct spec.config of the NetworkAttachmentDefinition, or use another network"
	if len(r.String()) <= quote.Limit {
		remedy += ":\n  kubectl edit network-attachment-definitions --namespace " + r.Namespace + " " + r.Name
	}
	return remedy
}
