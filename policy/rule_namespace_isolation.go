package policy

import (
	"fmt"
	"slices"

	"github.com/macvlan-webhook/macvlan-webhook/policy/multus"
	"github.com/macvlan-webhook/macvlan-webhook/policy/quote"
)

// With Multus' namespaceIsolation a pod may use the networks of its own
// namespace and of the global ones. default-network is not subject to it.
var ruleNamespaceIsolation = Rule{
	ID:      "namespace-isolation",
	Title:   "A network belongs to another namespace, and namespaces are isolated",
	Group:   groupResolve,
	Default: Deny,
	Since:   "v0.1.0",
	Doc: "When Multus runs with `namespaceIsolation` (PolicyConfig `multus.namespaceIsolation`), a pod may use networks of its own " +
		"namespace and of those in `globalNamespaces` only. Multus does not apply this to `v1.multus-cni.io/default-network`.",
	Remedy: "Use a network of the pod's own namespace or of a global one.",
	Wrong:  "k8s.v1.cni.cncf.io/networks: kube-system/macvlan-overlay-vlan0\n",
	Right:  "k8s.v1.cni.cncf.io/networks: macvlan-overlay-vlan0\n",
	check: func(p *Pod) []Finding {
		if !p.config.Multus.NamespaceIsolation {
			return nil
		}
		var found []Finding
		for i := range p.interfaces {
			iface := &p.interfaces[i]
			if iface.annotation != multus.NetworksAnnotation || iface.ref < 0 {
				continue
			}
			namespace := iface.Reference.Namespace
			if namespace == p.Subject.Namespace || slices.Contains(p.config.Multus.GlobalNamespaces, namespace) {
				continue
			}
			found = append(found, Finding{
				Annotation: iface.annotation,
				Offset:     p.locateNetwork(iface),
				Message: fmt.Sprintf("network %s is in another namespace than the pod (%s), and Multus isolates namespaces; accepted: networks of the pod's own namespace and of %q",
					iface.label(), quote.Value(p.Subject.Namespace), p.config.Multus.GlobalNamespaces),
				Remedy: "use a network of the pod's own namespace, or ask the platform team to put this one into a global namespace",
			})
		}
		return found
	},
}
