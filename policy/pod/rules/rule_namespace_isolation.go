package rules

import (
	"fmt"
	"slices"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/multus"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// With Multus' namespaceIsolation a pod may use the networks of its own
// namespace and of the global ones. default-network is not subject to it.
var ruleNamespaceIsolation = pod.Rule{
	ID:      "namespace-isolation",
	Default: verdict.Deny,
	Check: func(p *pod.View) []verdict.Finding {
		if !p.Config.Multus.NamespaceIsolation {
			return nil
		}
		var found []verdict.Finding
		for i := range p.Interfaces() {
			iface := &p.Interfaces()[i]
			if iface.Annotation != multus.NetworksAnnotation || iface.Unreadable {
				continue
			}
			namespace := iface.Reference.Namespace
			if namespace == p.Subject.Namespace || slices.Contains(p.Config.Multus.GlobalNamespaces, namespace) {
				continue
			}
			found = append(found, verdict.Finding{
				Place: object.AtAnnotation(iface.Annotation, p.LocateNetwork(iface)),
				Message: fmt.Sprintf("network %s is in another namespace than the pod (%s), and Multus isolates namespaces; accepted: networks of the pod's own namespace and of %q",
					iface.Label(), quote.Value(p.Subject.Namespace), p.Config.Multus.GlobalNamespaces),
				Remedy: "use a network of the pod's own namespace, or ask the platform team to put this one into a global namespace",
			})
		}
		return found
	},
}
