package policy

import (
	"fmt"

	"github.com/macvlan-webhook/macvlan-webhook/policy/multus"
)

// A pod has one default route per family; Multus counts what all elements of
// both annotations ask for.
var ruleDefaultRouteConflict = podRule{
	ID:      "default-route-conflict",
	Default: Deny,
	Check: func(p *View) []Finding {
		// Multus makes this check only when there are further networks; the
		// routes of a default-network alone pass.
		if len(p.Interfaces()) < 2 {
			return nil
		}
		var found []Finding
		for _, family := range []struct {
			name string
			v4   bool
		}{{"IPv4", true}, {"IPv6", false}} {
			count, member := 0, 0
			var last *Interface
			for i := range p.Interfaces() {
				iface := &p.Interfaces()[i]
				if iface.Element == nil {
					continue
				}
				for n, gateway := range iface.Element.DefaultRoutes {
					if (gateway.To4() != nil) == family.v4 {
						count++
						last, member = iface, n
					}
				}
			}
			if count > 1 {
				found = append(found, Finding{
					Place:   AtAnnotation(last.Annotation, multus.Locate(p.Subject.Annotations[last.Annotation], last.Index, "default-route", member)),
					Message: fmt.Sprintf("the networks of the pod ask for %d %s default routes; accepted: one per family", count, family.name),
					Remedy:  "leave default-route on one network only",
				})
			}
		}
		return found
	},
}
