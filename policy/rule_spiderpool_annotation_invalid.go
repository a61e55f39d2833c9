package policy

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/macvlan-webhook/macvlan-webhook/policy/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/spiderpool"
)

// Spiderpool reads these when the pod starts (pkg/ipam/utils.go and
// pkg/applicationcontroller/applicationinformers/utils.go).
var ruleSpiderpoolAnnotationInvalid = Rule{
	ID:      "spiderpool-annotation-invalid",
	Title:   "A Spiderpool annotation cannot be used",
	Group:   groupSpiderpool,
	Default: Deny,
	Since:   "v0.1.0",
	Doc: "Checked are `ipam.spidernet.io/routes` (a list of objects with `dst`, a subnet, and `gw`, an address of the same IP version), `subnet` and `subnets`, `ippool-ip-number` " +
		"(a number, or + and a number), `ippool-reclaim` (true or false) and `default-route-nic`. Spiderpool refuses a pod over the first ones. It passes over unknown fields, over a route whose gateway is in no subnet of the pod's addresses, and over a " +
		"default-route-nic that names no interface of the pod: these are warnings.",
	Remedy: "Write the value in the form that the message names.",
	Wrong: "k8s.v1.cni.cncf.io/networks: kube-system/vlan100\n" +
		"ipam.spidernet.io/ippool: '{\"ipv4\":[\"vlan100-v4\"]}'\n" +
		"ipam.spidernet.io/routes: '[{\"dst\":\"10.0.0.0/16\",\"gw\":\"172.16.100\"}]'\n",
	Right: "k8s.v1.cni.cncf.io/networks: kube-system/vlan100\n" +
		"ipam.spidernet.io/ippool: '{\"ipv4\":[\"vlan100-v4\"]}'\n" +
		"ipam.spidernet.io/routes: '[{\"dst\":\"10.0.0.0/16\",\"gw\":\"172.16.100.1\"}]'\n",

	check: checkSpiderpoolAnnotations,
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

func checkSpiderpoolAnnotations(p *Pod) []Finding {
	found := slices.Concat(checkOtherFaults(p), checkOtherIgnored(p), p.lostRoutes())
	name := p.pools.DefaultRouteNIC
	if name == "" || p.misread() || p.networksPending() || slices.ContainsFunc(p.interfaces, func(i Interface) bool { return i.Name == name }) {
		return found
	}
	return append(found, Finding{
		Annotation: spiderpool.DefaultRouteNICAnnotation,
		Message:    "interface " + quote.Value(name) + " is not one of the pod's: the default route stays where it is",
		Remedy:     "name an interface of the pod, such as " + quote.Value(p.interfaces[len(p.interfaces)-1].Name),
		softened:   true,
	})
}

// lostRoutes reports the routes that no interface of the pod can have: their
// gateway is in none of the subnets that its addresses may come from. Spiderpool
// drops such a route and goes on (groupCustomRoutes in its pkg/ipam/utils.go).
func (p *Pod) lostRoutes() []Finding {
	if len(p.pools.Routes) == 0 {
		return nil
	}
	subnets, known := p.subnets()
	if !known {
		return nil
	}
	// One that Spiderpool refuses is reported already.
	refused := map[int]bool{}
	for i := range p.poolFaults {
		if f := &p.poolFaults[i]; f.Annotation == spiderpool.RoutesAnnotation && f.Problem == spiderpool.ProblemInvalid {
			refused[f.Index] = true
		}
	}
	var found findings
	for n, route := range p.pools.Routes {
		gateway, err := netip.ParseAddr(route.Gateway)
		if err != nil || refused[n] || slices.ContainsFunc(subnets, func(s netip.Prefix) bool { return s.Contains(gateway) }) {
			continue
		}
		found.add(true, func() Finding {
			return Finding{
				Annotation: spiderpool.RoutesAnnotation,
				Offset:     spiderpool.Locate(spiderpool.RoutesAnnotation, p.Subject.Annotations[spiderpool.RoutesAnnotation], n, "gw", -1),
				Message: fmt.Sprintf("gateway %s of element %d is in no subnet that the pod's addresses come from: the route is left out; accepted: an address in %s",
					quote.Value(route.Gateway), n+1, someSubnets(subnets)),
				Remedy: "name a gateway in one of these subnets, or leave the route out",
			}
		})
	}
	return found.list()
}

// subnets are those that the pod's addresses may come from, as far as Spiderpool
// gives them; they are not known when any pool is not.
func (p *Pod) subnets() (subnets []netip.Prefix, known bool) {
	for n := range p.supplies {
		s := &p.supplies[n]
		for f := range s.lists {
			l := &s.lists[f]
			if s.choice.Unknown || len(l.candidates) < len(s.choice.Pools(l.family)) {
				return nil, false
			}
			for _, i := range l.usable {
				subnet := l.candidates[i].pool.Subnet
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
