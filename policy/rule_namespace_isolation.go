package policy

import (
	"fmt"
	"slices"

	"github.com/macvlan-webhook/macvlan-webhook/policy/multus"
	"github.com/macvlan-webhook/macvlan-webhook/policy/quote"
)

// With Multus' namespaceIsolation a pod may use the networks of its own
// namespace and of the global ones. default-network is not subject to it.
var ruleNamespaceIsolation = podRule{
	ID:      "namespace-isolation",
	Default: Deny,
	Check: func(p *View) []Finding {
		if !p.Config.Multus.NamespaceIsolation {
			return nil
		}
		var found []Finding
		for i := range p.Interfaces() {
			iface := &p.Interfaces()[i]
			if iface.Annotation != multus.NetworksAnnotation || iface.Unreadable {
				continue
			}
			namespace := iface.Reference.Namespace
			if namespace == p.Subject.Namespace || slices.Contains(p.Config.Multus.GlobalNamespaces, namespace) {
				continue
			}
			found = append(found, Finding{
				Place: AtAnnotation(iface.Annotation, p.LocateNetwork(iface)),
				Message: fmt.Sprintf("network %s is in another namespace than the pod (%s), and Multus isolates namespaces; accepted: networks of the pod's own namespace and of %q",
					iface.Label(), quote.Value(p.Subject.Namespace), p.Config.Multus.GlobalNamespaces),
				Remedy: "use a network of the pod's own namespace, or ask the platform team to put this one into a global namespace",
			})
		}
		return found
	},
}
