package rules

import (
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// A link that carries an interface in mode passthru takes no other ("invalid argument", run
// with macvlan 1.10.0), and none takes macvlan beside ipvlan ("device or resource busy",
// reported by users; netdev_rx_handler_register of the kernel).
var ruleMasterBusy = pod.Rule{
	ID:      "master-busy",
	Default: verdict.Deny,
	Check: func(p *pod.View) []verdict.Finding {
		var found verdict.Collector
		for n := range p.Interfaces() {
			i := &p.Interfaces()[n]
			if i.Network() == nil || i.Annotation == "" {
				continue
			}
			master, ok := i.Network().Master()
			if !ok {
				continue
			}
			for m := range n {
				other := &p.Interfaces()[m]
				if other.Network() == nil {
					continue
				}
				before, ok := other.Network().Master()
				excludes, certain := master.Excludes(before)
				if !ok || !excludes {
					continue
				}
				found.Add(!certain, func() verdict.Finding {
					why := "one of the two is in mode passthru and takes it alone"
					if !certain {
						why = "a link carries macvlan or ipvlan, not both"
					}
					link := "the link of the node's default route"
					if master.Link != "" {
						link = "link " + quote.Value(master.Link)
					}
					return verdict.Finding{
						Place: object.AtAnnotation(i.Annotation, p.LocateNetwork(i)),
						Message: "interface " + quote.Value(i.Name) + " (network " + i.Label() + ") hangs on " + link + " of the node, as " + quote.Value(other.Name) +
							" (network " + other.Label() + ") does: " + why,
						Remedy: "leave one of the two out, or give the networks masters of their own, and the same type with mode bridge on one master",
					}
				})
				break
			}
		}
		return found.List()
	},
}
