package rules

import (
	"slices"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// A route to everywhere on a further interface goes before that of the first one, or is one
// with it (cniconf.Takes).
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
			takes := i.Network().DefaultRoutes(i.Ask())
			if takes == (cniconf.Takes{}) {
				continue
			}
			found = append(found, verdict.Finding{
				Place: object.AtAnnotation(i.Annotation, p.LocateNetwork(i)),
				Message: "network " + i.Label() + " " + taken(takes, i) +
					": Services and cluster DNS are lost unless the gateway there leads back to the cluster",
				Remedy: `if that is not meant, remove the route to everywhere from the network, or chain the plugin sbr, which keeps it for the interface's own address; if it is, write "default-route" with the gateway in the pod's element (beside sbr that fails)`,
			})
		}
		return found
	},
}

// taken says what an interface takes of the pod's default routes, as the end of a sentence.
func taken(t cniconf.Takes, i *pod.Interface) string {
	const all, some = "takes the pod's default route (IPv4), so that all that has no route of its own leaves by interface ",
		"shares the pod's default route (IPv6), so that some connections leave by interface "
	name := quote.Value(i.Name)
	switch {
	case !t.IPv6:
		return all + name
	case !t.IPv4:
		return some + name
	default:
		return all + name + ", and " + some + name
	}
}

// asksForDefaultRoute says that the pod's author has chosen where the default route is.
func asksForDefaultRoute(i pod.Interface) bool { return i.Element != nil && i.Element.HasDefaultRoute }
