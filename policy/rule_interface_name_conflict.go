package policy

import (
	"fmt"

	"github.com/macvlan-webhook/macvlan-webhook/policy/quote"
)

// Two interfaces of one pod cannot have one name, and lo is always taken.
// Multus counts on without regard to names that were asked for, so a@net2,b
// wants net2 twice.
var ruleInterfaceNameConflict = Rule{
	ID:      "interface-name-conflict",
	Title:   "Two interfaces of the pod would have the same name",
	Group:   groupMultus,
	Default: Deny,
	Since:   "v0.1.0",
	Doc: "The first interface of a pod is eth0. The network at position n of `k8s.v1.cni.cncf.io/networks` gets the name it asks " +
		"for, or net*n*. Multus counts positions, not names: in `a@net2,b` the second network is net2 as well, and the pod " +
		"never starts. The names `lo` and `eth0` are taken.",
	Remedy: "Name either none of the networks' interfaces, or all of them, each differently.",
	Wrong:  "k8s.v1.cni.cncf.io/networks: kube-system/macvlan-overlay-vlan100@net2,kube-system/macvlan-overlay-vlan200\n",
	Right:  "k8s.v1.cni.cncf.io/networks: kube-system/macvlan-overlay-vlan100,kube-system/macvlan-overlay-vlan200\n",
	check: func(p *Pod) []Finding {
		var found []Finding
		for _, c := range p.conflicts {
			iface := &p.interfaces[c.Index]
			with := "which exists in every pod"
			if c.With >= 0 {
				other := &p.interfaces[c.With]
				with = "which the interface of " + other.label() + " has already"
				if other.annotation == "" {
					with = "which the pod's first interface has already"
				}
			}
			found = append(found, Finding{
				Annotation: iface.annotation,
				Offset:     p.locate(iface, "interface"),
				Message:    fmt.Sprintf("the interface of network %s would be called %s, %s", iface.label(), quote.Value(c.Name), with),
				Remedy:     "name the interface of none of the networks, or of all of them, each differently, and none of them lo or eth0",
			})
		}
		return found
	},
}
