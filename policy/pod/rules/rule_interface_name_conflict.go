package rules

import (
	"fmt"

	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/quote"
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
				with = "which the interface of " + other.Label() + " has already"
				if other.Annotation == "" {
					with = "which the pod's first interface has already"
				}
			}
			found = append(found, verdict.Finding{
				Place:   object.AtAnnotation(iface.Annotation, p.Locate(iface, "interface")),
				Message: fmt.Sprintf("the interface of network %s would be called %s, %s", iface.Label(), quote.Value(c.Name), with),
				Remedy:  "name the interface of none of the networks, or of all of them, each differently, and none of them lo or eth0",
			})
		}
		return found
	},
}
