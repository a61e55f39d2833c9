package spiderpool

import (
	"net"
	"strings"
)

const (
	wantDestination = "a subnet such as 10.0.0.0/16 or fd00::/64"
	wantGateway     = "an IP address such as 192.168.1.1 or fd00::1"
)

// readRoutes follows getCustomRoutes in pkg/ipam/utils.go. A null in place of
// the list is no route at all. That the gateway lies in a subnet of the pod's
// is not asked for: Spiderpool drops such a route and goes on.
func readRoutes(a *Annotations, r *reading) {
	if !decode(r, &a.Routes) {
		a.Routes = nil
		return
	}
	for i := range a.Routes {
		if r.broken(i) == 0 {
			r.checkRoute(i, &a.Routes[i])
		}
	}
}

// checkRoute wants a destination and a gateway of one family, as Spiderpool
// tells families: a destination by the address, a gateway by its dots and
// colons.
func (r *reading) checkRoute(i int, route *Route) {
	ip, _, err := net.ParseCIDR(route.Destination)
	if err != nil {
		r.refuse(i, dstField, r.field(i, dstField).Start, route.Destination, "is not a subnet with a prefix length", wantDestination)
	}
	if net.ParseIP(route.Gateway) == nil {
		r.refuse(i, gatewayField, r.field(i, gatewayField).Start, route.Gateway, "is not an IP address", wantGateway)
		return
	}
	sign, family := ".", "an IPv4 address, as the destination is"
	if ip.To4() == nil {
		sign, family = ":", "an IPv6 address, as the destination is"
	}
	if err == nil && !strings.Contains(route.Gateway, sign) {
		r.refuse(i, gatewayField, r.field(i, gatewayField).Start, route.Gateway, "is not of the destination's family", family)
	}
}
