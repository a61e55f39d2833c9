package rules

import (
	"fmt"

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
			if answer := p.NetworkAnswer(iface); answer.Value != nil || answer.Err != nil || answer.Unknown {
				continue
			}
			remedy := "create it first, or name one that exists; this lists them:\n" +
				"  kubectl get network-attachment-definitions --all-namespaces"
			if !iface.Element.NamespaceGiven {
				remedy = fmt.Sprintf("write namespace/name: without a namespace, a network of %s is looked up in namespace %s. This lists the networks:\n"+
					"  kubectl get network-attachment-definitions --all-namespaces", iface.Annotation, quote.Value(iface.Reference.Namespace))
			}
			found = append(found, verdict.Finding{
				Place:    object.AtAnnotation(iface.Annotation, p.LocateNetwork(iface)),
				Message:  "network " + iface.Label() + " does not exist: no NetworkAttachmentDefinition has that namespace and name",
				Remedy:   remedy,
				Softened: p.Subject.Template(),
			})
		}
		return found
	},
}
