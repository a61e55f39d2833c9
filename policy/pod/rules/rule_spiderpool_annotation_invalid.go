package rules

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/spiderpool"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// Spiderpool reads these when the pod starts (pkg/ipam/utils.go and
// pkg/applicationcontroller/applicationinformers/utils.go).
var ruleSpiderpoolAnnotationInvalid = pod.Rule{
	ID:      "spiderpool-annotation-invalid",
	Default: verdict.Deny,
	Check:   checkSpiderpoolAnnotations,
}

// otherAnnotations are those that name no pools.
var otherAnnotations = []string{
	spiderpool.RoutesAnnotation, spiderpool.SubnetAnnotation, spiderpool.SubnetsAnnotation,
	spiderpool.IPNumberAnnotation, spiderpool.ReclaimAnnotation,
}

var (
	checkOtherFaults  = spiderFaultCheck(false, "correct the value, or remove the annotation", spiderpool.ProblemInvalid, otherAnnotations...)
	checkOtherIgnored = spiderFaultCheck(true, "use what is accepted, or remove it", spiderpool.ProblemUnknownField, otherAnnotations...)
)

func checkSpiderpoolAnnotations(p *pod.View) []verdict.Finding {
	found := slices.Concat(checkOtherFaults(p), checkOtherIgnored(p), lostRoutes(p))
	name := p.PoolAnnotations().DefaultRouteNIC
	if name == "" || p.Misread() || p.NetworksPending() || slices.ContainsFunc(p.Interfaces(), func(i pod.Interface) bool { return i.Name == name }) {
		return found
	}
	return append(found, verdict.Finding{
		Place:    object.AtAnnotation(spiderpool.DefaultRouteNICAnnotation, 0),
		Message:  "interface " + quote.Value(name) + " does not exist in the pod: the default route is not changed",
		Remedy:   "name an interface of the pod, such as " + quote.Value(p.Interfaces()[len(p.Interfaces())-1].Name),
		Softened: true,
	})
}

// lostRoutes reports the routes that no interface of the pod can have: their
// gateway is in none of the subnets that its addresses may come from. Spiderpool
// drops such a route and goes on (groupCustomRoutes in its pkg/ipam/utils.go).
func lostRoutes(p *pod.View) []verdict.Finding {
	if len(p.PoolAnnotations().Routes) == 0 {
		return nil
	}
	subnets, known := subnets(p)
	if !known {
		return nil
	}
	// One that Spiderpool refuses is reported already.
	refused := map[int]bool{}
	for i := range p.PoolFaults() {
		if f := &p.PoolFaults()[i]; f.Annotation == spiderpool.RoutesAnnotation && f.Problem == spiderpool.ProblemInvalid {
			refused[f.Index] = true
		}
	}
	var found verdict.Collector
	for n, route := range p.PoolAnnotations().Routes {
		gateway, err := netip.ParseAddr(route.Gateway)
		if err != nil || refused[n] || slices.ContainsFunc(subnets, func(s netip.Prefix) bool { return s.Contains(gateway) }) {
			continue
		}
		found.Add(true, func() verdict.Finding {
			return verdict.Finding{
				Place: object.AtAnnotation(spiderpool.RoutesAnnotation, spiderpool.Locate(spiderpool.RoutesAnnotation, p.Subject.Annotations[spiderpool.RoutesAnnotation], n, "gw", -1)),
				Message: fmt.Sprintf("gateway %s of element %d is not in any subnet of the pod's addresses: the route is left out; accepted: an address in %s",
					quote.Value(route.Gateway), n+1, someSubnets(subnets)),
				Remedy: "name a gateway in one of these subnets, or leave the route out",
			}
		})
	}
	return found.List()
}

// subnets are those that the pod's addresses may come from, as far as Spiderpool
// gives them; they are not known when any pool is not.
func subnets(p *pod.View) (subnets []netip.Prefix, known bool) {
	for n := range p.Supplies() {
		s := &p.Supplies()[n]
		for f := range s.Lists {
			l := &s.Lists[f]
			if s.Choice.Unknown || len(l.Candidates) < len(s.Choice.Pools(l.Family)) {
				return nil, false
			}
			for _, i := range l.Usable {
				subnet := l.Candidates[i].Pool.Subnet
				if !subnet.IsValid() {
					return nil, false
				}
				if !slices.Contains(subnets, subnet) {
					subnets = append(subnets, subnet)
				}
			}
		}
	}
	return subnets, len(subnets) > 0
}

// someSubnets lists the first subnets.
func someSubnets(subnets []netip.Prefix) string { return quote.Some(subnets, 5, netip.Prefix.String) }
