package rules

import (
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// The kernel takes a route only by a gateway that the same interface reaches. Multus adds the
// routes of "default-route" (SetDefaultGW), the main plugin those of its IPAM.
var ruleRouteInvalid = pod.Rule{
	ID:      "route-invalid",
	Default: verdict.Deny,
	Check: func(p *pod.View) []verdict.Finding {
		var found verdict.Collector
		for n := range p.Interfaces() {
			i := &p.Interfaces()[n]
			if i.Network() == nil || i.Element == nil {
				continue
			}
			for _, fault := range i.Network().RouteFaults(i.Ask()) {
				found.Add(!fault.Certain, func() verdict.Finding {
					unless := ""
					if !fault.Certain && !fault.Starts {
						unless = ", unless the node's own file for the IPAM plugin names more subnets"
					}
					if fault.DefaultRoute < 0 && fault.Starts {
						return verdict.Finding{
							Place:   object.AtAnnotation(i.Annotation, p.LocateNetwork(i)),
							Message: "interface " + quote.Value(i.Name) + " starts with a route to nowhere (network " + i.Label() + "): " + fault.Text,
							Remedy:  "write " + fault.Want,
						}
					}
					if fault.DefaultRoute < 0 {
						return verdict.Finding{
							Place:   object.AtAnnotation(i.Annotation, p.LocateNetwork(i)),
							Message: "network " + i.Label() + " cannot give interface " + quote.Value(i.Name) + " its routes: " + fault.Text + unless,
							Remedy:  "ask for an address in the subnet of the gateway, or correct the routes of the network; accepted: " + fault.Want,
						}
					}
					f := p.AtElement(i, "default-route", fault.DefaultRoute)
					f.Message = "default-route " + gatewayText(i, fault.DefaultRoute) + " of interface " + quote.Value(i.Name) + " (network " + i.Label() + ") " + fault.Text + unless
					f.Remedy = "write " + fault.Want + ", or remove default-route"
					return f
				})
			}
		}
		return found.List()
	},
}

// gatewayText is a member of an element's "default-route", quoted.
func gatewayText(i *pod.Interface, member int) string {
	if gateway := i.Element.DefaultRoutes[member]; gateway != nil {
		return quote.Value(gateway.String())
	}
	return quote.Value("")
}
