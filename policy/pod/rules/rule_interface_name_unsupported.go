package rules

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/multus"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// Names that are legal but that somebody further on does not expect: others than
// net<n> with the router and veth plugins, which number their routing tables by that n.
// What the first interface is called is for default-network-unusable.
var ruleInterfaceNameUnsupported = pod.Rule{
	ID:      "interface-name-unsupported",
	Default: verdict.Warn,
	Check: func(p *pod.View) []verdict.Finding {
		var found []verdict.Finding
		add := func(i *pod.Interface, problem string) {
			found = append(found, verdict.Finding{
				Place:   object.AtAnnotation(i.Annotation, p.Locate(i, "interface")),
				Message: fmt.Sprintf("interface name %s of network %s: %s", quote.Value(i.Name), i.Label(), problem),
				OfName:  true,
				Remedy:  "leave the interface names out: they are then eth0, net1, net2 and so on",
			})
		}
		for n := range p.Interfaces() {
			iface := &p.Interfaces()[n]
			if n == 0 || iface.Element == nil || p.Faulty(iface, multus.ProblemInterface) || p.Conflicting(n) {
				continue
			}
			if iface.Network() == nil {
				continue
			}
			number, numbered := netNumber(iface.Name)
			router := slices.Contains(iface.Network().Plugins, "router")
			switch {
			case !numbered && router:
				add(iface, "its router plugin supports only the names net1, net2 and so on")
			case !numbered && slices.Contains(iface.Network().Plugins, "veth"):
				add(iface, "its veth plugin supports only the names net1, net2 and so on")
			case router && !slices.ContainsFunc(p.Interfaces()[:n], func(before pod.Interface) bool {
				return before.Name == nameBefore(number)
			}):
				add(iface, "its router plugin expects an interface "+nameBefore(number)+" before it")
			}
		}
		return found
	},
}

// netNumber is the n of an interface name of the form net<n>, n from 1.
func netNumber(name string) (int, bool) {
	digits, ok := strings.CutPrefix(name, "net")
	if !ok {
		return 0, false
	}
	n, err := strconv.Atoi(digits)
	return n, err == nil && n >= 1 && strconv.Itoa(n) == digits
}

// nameBefore is the name of the interface that precedes net<n>.
func nameBefore(n int) string {
	if n == 1 {
		return multus.FirstInterface
	}
	return "net" + strconv.Itoa(n-1)
}
