package rules

import (
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/multus"
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
			message, remedy := unusable(p, i)
			unread := iface.Network().Unread
			if unread != "" {
				message, remedy = "whether pods can use it is not known: "+unread, correctNetwork(iface.Reference)
			}
			if message == "" {
				continue
			}
			found = append(found, verdict.Finding{
				Place:    object.AtAnnotation(iface.Annotation, p.LocateNetwork(iface)),
				Message:  "network " + iface.Label() + ": " + message,
				Remedy:   remedy,
				Softened: unread != "",
			})
		}
		return found
	},
}

// unusable says why the pod's i-th interface cannot be made, and what helps; empty where that is
// not certain.
func unusable(p *pod.View, i int) (message, remedy string) {
	const thisPod = "this pod cannot use it: "
	iface := &p.Interfaces()[i]
	if why := iface.Network().FailsAll(); why != "" {
		return "no pod can use it: " + why, correctNetwork(iface.Reference)
	}
	if why, want := iface.Network().Fails(iface.Ask()); why != "" {
		return thisPod + why, want + ", or " + correctNetwork(iface.Reference)
	}
	if why, remedy := missesMaster(p, i); why != "" {
		return thisPod + why, remedy
	}
	return "", ""
}

// missesMaster says why the link in the pod that the i-th interface is to hang on is not there
// yet, and what helps; empty where that is not certain.
func missesMaster(p *pod.View, i int) (why, remedy string) {
	iface := &p.Interfaces()[i]
	master := iface.Network().PodMaster()
	if master == "" {
		return "", ""
	}
	for n := i; n < len(p.Interfaces()); n++ {
		later := &p.Interfaces()[n]
		if later.Name != master {
			continue
		}
		why = "it looks in the pod for the link " + quote.Value(master) + ", which is made after it"
		if n == i {
			why = "it looks in the pod for the link " + quote.Value(master) + ", which is its own interface"
		}
		switch {
		case iface.Annotation == multus.DefaultNetworkAnnotation:
			remedy = "use another network here: a pod's first interface is made before all others"
		case n == i:
			remedy = "name before it the network that makes that link, and give this interface another name"
		default:
			remedy = "name network " + later.Label() + " before this one"
			if later.Element.Interface == "" || iface.Element.Interface == "" {
				// Names that nobody asks for go by the place in the list.
				remedy += ", and write the names of both interfaces: " + quote.Value(master) + " for that one, and another for this"
			}
		}
		return why, remedy
	}
	return "", ""
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
