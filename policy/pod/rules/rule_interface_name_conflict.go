package rules

import (
	"fmt"

	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// Two interfaces of one pod cannot have one name, and lo is always taken.
// Multus counts on without regard to names that were asked for, so a@net2,b
// wants net2 twice.
var ruleInterfaceNameConflict = pod.Rule{
	ID:      "interface-name-conflict",
	Default: verdict.Deny,
	Check: func(p *pod.View) []verdict.Finding {
		var found []verdict.Finding
		for _, c := range p.NameConflicts() {
			iface := &p.Interfaces()[c.Index]
			with := "which exists in every pod"
			if c.With >= 0 {
				other := &p.Interfaces()[c.With]
				with = "which the interface of " + other.Label() + " already has"
				switch {
				case iface.Added:
					// Only the first one is made before, and has taken the name.
					iface, with = other, "which the interface of a network gets that Multus gives every pod (multus.defaultNetworks)"
				case other.Added:
					with = "which the interface of a network already has that Multus gives every pod (multus.defaultNetworks)"
				case other.Annotation == "":
					with = "which the pod's first interface already has"
				}
			}
			found = append(found, verdict.Finding{
				Place:   object.AtAnnotation(iface.Annotation, p.Locate(iface, "interface")),
				Message: fmt.Sprintf("the interface of network %s would be called %s, %s", iface.Label(), quote.Value(c.Name), with),
				OfName:  true,
				Remedy:  "leave out all interface names, or give each network a different one other than lo and eth0",
			})
		}
		return found
	},
}
