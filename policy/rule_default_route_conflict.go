package policy

import (
	"fmt"

	"github.com/macvlan-webhook/macvlan-webhook/policy/multus"
)

// A pod has one default route per family; Multus counts what all elements of
// both annotations ask for.
var ruleDefaultRouteConflict = Rule{
	ID:      "default-route-conflict",
	Title:   "More than one default route of a family is asked for",
	Group:   groupMultus,
	Default: Deny,
	Since:   "v0.1.0",
	Doc: "The JSON field `default-route` names gateways. Over all networks of a pod Multus accepts one IPv4 and one IPv6 gateway, " +
		"and fails with `multus does not support ECMP for default-route` otherwise.",
	Remedy: "Leave one gateway per family, on the network that is to carry the traffic to everywhere else.",
	Wrong: "k8s.v1.cni.cncf.io/networks: '[{\"name\":\"vlan100\",\"default-route\":[\"10.100.0.1\"]}," +
		"{\"name\":\"vlan200\",\"default-route\":[\"10.200.0.1\"]}]'\n",
	Right: "k8s.v1.cni.cncf.io/networks: '[{\"name\":\"vlan100\",\"default-route\":[\"10.100.0.1\"]},{\"name\":\"vlan200\"}]'\n",
	check: func(p *Pod) []Finding {
		// Multus makes this check only when there are further networks; the
		// routes of a default-network alone pass.
		if len(p.networkElements) == 0 {
			return nil
		}
		var found []Finding
		for _, family := range []struct {
			name string
			v4   bool
		}{{"IPv4", true}, {"IPv6", false}} {
			count, member := 0, 0
			var last *Interface
			for i := range p.interfaces {
				iface := &p.interfaces[i]
				if iface.element == nil {
					continue
				}
				for n, gateway := range iface.element.DefaultRoutes {
					if (gateway.To4() != nil) == family.v4 {
						count++
						last, member = iface, n
					}
				}
			}
			if count > 1 {
				found = append(found, Finding{
					Annotation: last.annotation,
					Offset:     multus.Locate(p.Subject.Annotations[last.annotation], last.index, "default-route", member),
					Message:    fmt.Sprintf("the networks of the pod ask for %d %s default routes; accepted: one per family", count, family.name),
					Remedy:     "leave default-route on one network only",
				})
			}
		}
		return found
	},
}
