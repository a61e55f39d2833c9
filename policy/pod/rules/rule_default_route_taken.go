package rules

import (
	"slices"
	"strings"

	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// A route to everywhere on a further interface goes before that of the first one: the plugin
// appends it with the best metric, and the kernel takes the one that was added last for IPv4
// (run with macvlan 1.9.1 and 1.10.0 in a network namespace).
var ruleDefaultRouteTaken = pod.Rule{
	ID:      "default-route-taken",
	Default: verdict.Warn,
	Check: func(p *pod.View) []verdict.Finding {
		if len(p.Interfaces()) < 2 || slices.ContainsFunc(p.Interfaces(), asksForDefaultRoute) {
			return nil
		}
		var found []verdict.Finding
		for n := range p.Extras() {
			i := &p.Extras()[n]
			if i.Network() == nil {
				continue
			}
			families := i.Network().TakesDefaultRoute(i.Ask())
			if families == nil {
				continue
			}
			found = append(found, verdict.Finding{
				Place: object.AtAnnotation(i.Annotation, p.LocateNetwork(i)),
				Message: "network " + i.Label() + " takes the pod's default route (" + strings.Join(families, " and ") + "): all that has no route of its own leaves by interface " + quote.Value(i.Name) +
					", and Services and cluster DNS are lost unless the gateway there leads back to the cluster",
				Remedy: `if that is not meant, remove the route to everywhere from the network, or chain the plugin sbr, which keeps it for the interface's own address; if it is, write "default-route" with the gateway in the pod's element`,
			})
		}
		return found
	},
}

// asksForDefaultRoute says that the pod's author has chosen where the default route is.
func asksForDefaultRoute(i pod.Interface) bool { return i.Element != nil && i.Element.HasDefaultRoute }
