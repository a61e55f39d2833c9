package rules

import (
	"fmt"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/multus"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// A pod has one default route per family; Multus counts what all elements of
// both annotations ask for.
var ruleDefaultRouteConflict = pod.Rule{
	ID:      "default-route-conflict",
	Default: verdict.Deny,
	Check: func(p *pod.View) []verdict.Finding {
		// Multus makes this check only when there is a list of further networks, be it an
		// empty one; without the annotation, or with nothing in it, the routes of a
		// default-network alone pass (TryLoadPodDelegates in pkg/k8sclient/k8sclient.go).
		if p.Subject.Annotations[multus.NetworksAnnotation] == "" {
			return nil
		}
		var found []verdict.Finding
		for _, family := range []struct {
			name string
			v4   bool
		}{{"IPv4", true}, {"IPv6", false}} {
			count, member := 0, 0
			var last *pod.Interface
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
				found = append(found, verdict.Finding{
					Place:   object.AtAnnotation(last.Annotation, p.Places(last.Annotation).Locate(last.Index, "default-route", member)),
					Message: fmt.Sprintf("the networks of the pod ask for %d %s default routes; accepted: one per family", count, family.name),
					Remedy:  "leave default-route on one network only",
				})
			}
		}
		return found
	},
}
