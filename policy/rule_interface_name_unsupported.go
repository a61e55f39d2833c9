package policy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/macvlan-webhook/macvlan-webhook/policy/multus"
	"github.com/macvlan-webhook/macvlan-webhook/policy/quote"
)

// Names that are legal but that somebody further on does not expect: a first
// interface that is not eth0, and names other than net<n> with the router and
// veth plugins, which number their routing tables by that n.
var ruleInterfaceNameUnsupported = Rule{
	ID:      "interface-name-unsupported",
	Title:   "An interface name is legal, but a part of the chain does not support it",
	Group:   groupPlacement,
	Default: Warn,
	Since:   "v0.1.0",
	Doc: "Three names cause trouble although Multus accepts them. An `interface` in default-network other than eth0 renames the pod's first " +
		"interface, and the container runtime and Spiderpool look for eth0. The router plugin (macvlan-overlay), and the veth plugin " +
		"(macvlan-standalone) on an extra interface, number their routing table by the n of net*n*, so they need names of that form. " +
		"And the router plugin on net*n* expects the interface before it to be net*n-1*, or eth0 for net1.",
	Remedy: "Leave the interface names out: they are then eth0, net1, net2 and so on.",
	Wrong:  "k8s.v1.cni.cncf.io/networks: kube-system/macvlan-overlay-vlan0@storage\n",
	Right:  "k8s.v1.cni.cncf.io/networks: kube-system/macvlan-overlay-vlan0\n",

	restsOn: onNetworks,
	check: func(p *Pod) []Finding {
		var found []Finding
		add := func(i *Interface, problem string) {
			found = append(found, Finding{
				Annotation: i.annotation,
				Offset:     p.locate(i, "interface"),
				Message:    fmt.Sprintf("interface name %s of network %s: %s", quote.Value(i.Name), i.label(), problem),
				Remedy:     "leave the interface names out: they are then eth0, net1, net2 and so on",
			})
		}
		for n := range p.interfaces {
			iface := &p.interfaces[n]
			if iface.element == nil || p.faulty(iface, multus.ProblemInterface) || p.conflicting(n) {
				continue
			}
			if n == 0 {
				if iface.Name != "eth0" {
					add(iface, "the container runtime expects a pod's first interface to be eth0")
				}
				continue
			}
			if iface.network == nil {
				continue
			}
			number, numbered := netNumber(iface.Name)
			router := slices.Contains(iface.network.Plugins, "router")
			switch {
			case !numbered && router:
				add(iface, "its router plugin supports the names net1, net2 and so on only")
			case !numbered && slices.Contains(iface.network.Plugins, "veth"):
				add(iface, "its veth plugin supports the names net1, net2 and so on only")
			case router && !slices.ContainsFunc(p.interfaces[:n], func(before Interface) bool {
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
