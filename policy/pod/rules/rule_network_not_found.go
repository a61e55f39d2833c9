package rules

import (
	"fmt"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// Multus looks the NetworkAttachmentDefinition up when the pod starts, and the
// pod waits forever when there is none.
var ruleNetworkNotFound = pod.Rule{
	ID:      "network-not-found",
	Default: verdict.Deny,
	Check: func(p *pod.View) []verdict.Finding {
		if p.NamesOnly() {
			return nil
		}
		var found []verdict.Finding
		for i := range p.Interfaces() {
			iface := &p.Interfaces()[i]
			if iface.Annotation == "" || iface.Unreadable {
				continue
			}
			answer := p.NetworkAnswer(iface)
			f := missingNetwork(p, iface, &answer)
			if f == nil {
				continue
			}
			f.Place = object.AtAnnotation(iface.Annotation, p.LocateNetwork(iface))
			f.Softened = answer.Doubt != nil || p.Subject.Template()
			found = append(found, *f)
		}
		return found
	},
}

// missingNetwork says that the network of an interface is missing; nil where it is there, or
// where nothing is known of it.
func missingNetwork(p *pod.View, iface *pod.Interface, answer *pod.Answer[cniconf.Network]) *verdict.Finding {
	const list = "\n  kubectl get network-attachment-definitions --all-namespaces"
	switch doubt := answer.Doubt; {
	case doubt != nil && doubt.Unplaced != "":
		namespace := quote.Value(iface.Reference.Namespace)
		return &verdict.Finding{
			Message: fmt.Sprintf("the file of network %s (%s) names no namespace, and network %s is asked for here; it fits if it is applied to namespace %s",
				quote.Value(iface.Reference.Name), doubt.Unplaced, iface.Label(), namespace),
			Remedy: "write \"namespace\" into the network's metadata; where another tool adds it, check what that tool writes (kustomize build), " +
				"or give the namespace of such objects with -n",
		}
	case answer.Value != nil || answer.Err != nil || answer.Unknown:
		return nil
	case doubt != nil:
		remedy := "make sure that it exists before the pod starts; check with --inventory or --live to know"
		if !iface.Element.NamespaceGiven {
			remedy = lookedUpIn(iface) + "; otherwise " + remedy
		}
		return &verdict.Finding{
			Message: fmt.Sprintf("network %s is not known: no NetworkAttachmentDefinition that was read has that namespace and name; it may exist all the same, because %s",
				iface.Label(), doubt.Partial),
			Remedy: remedy,
		}
	case p.NoMultus():
		return &verdict.Finding{
			Message: "network " + iface.Label() + " does not exist: Multus is not installed here (the cluster has no NetworkAttachmentDefinitions)",
			Remedy:  "install Multus with its CustomResourceDefinition, or remove the annotation, which has no effect without Multus",
		}
	}
	f := verdict.Finding{
		Message: "network " + iface.Label() + " does not exist: no NetworkAttachmentDefinition has that namespace and name",
		Remedy:  "create it first, or name one that exists; this lists them:" + list,
	}
	if !iface.Element.NamespaceGiven {
		f.Remedy = lookedUpIn(iface) + ". This lists the networks:" + list
	}
	return &f
}

// lookedUpIn says where a network without a namespace is looked up.
func lookedUpIn(iface *pod.Interface) string {
	return fmt.Sprintf("write namespace/name: without a namespace, a network of %s is looked up in namespace %s", iface.Annotation, quote.Value(iface.Reference.Namespace))
}
