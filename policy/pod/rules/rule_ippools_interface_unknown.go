package rules

import (
	"fmt"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/spiderpool"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// Every element of the list must be for an interface whose network Spiderpool can
// find in the pod's annotations (selectByPod in its pkg/ipam/allocate.go).
var ruleIPPoolsInterfaceUnknown = pod.Rule{
	ID:      "ippools-interface-unknown",
	Default: verdict.Deny,
	Check:   checkListedInterfaces,
}

func checkListedInterfaces(p *pod.View) []verdict.Finding {
	// When only the cluster's own network may be Spiderpool's, it is not known
	// whether the annotation is read at all.
	u := spiderpoolUse(p)
	if len(p.Supplies()) == 0 && u != maybeUsed || !reads(p, spiderpool.PoolsAnnotation) || p.Misread() {
		return nil
	}
	var found verdict.Collector
	for e := range p.PoolAnnotations().Pools {
		name, iface := interfaceOfElement(p, e)
		if name == "" {
			continue
		}
		var problem string
		softened := false
		switch {
		case iface == nil:
			problem, softened = "does not exist in the pod: Spiderpool refuses the pod", u == maybeUsed
		case iface.Added && iface.Unreadable:
			continue
		case iface.Annotation == "" && iface.Unreadable && (u == maybeUsed || p.UnsaidNetwork() != nil):
			continue
		case iface.Annotation == "" && iface.Unreadable:
			problem = "is on the cluster's own network, for which Spiderpool has no pools: it refuses the pod"
		default:
			yes, known := p.FromSpiderpool(iface)
			if yes || !known {
				continue
			}
			problem = "is on network " + iface.Label() + ", which does not use Spiderpool: the addresses that Spiderpool takes for it stay unused"
			softened = true
		}
		found.Add(softened, func() verdict.Finding {
			label := "interface " + quote.Value(name)
			if !p.PoolAnnotations().Named {
				label = fmt.Sprintf("element %d names no interface and is for %s, which", e+1, quote.Value(name))
			}
			return verdict.Finding{
				Place:   object.AtAnnotation(spiderpool.PoolsAnnotation, spiderpool.Locate(spiderpool.PoolsAnnotation, p.Subject.Annotations[spiderpool.PoolsAnnotation], e, "interface", -1)),
				Message: label + " " + problem,
				Remedy:  listSupplied(p),
			}
		})
	}
	return found.List()
}

// interfaceOfElement is the interface that an element of the list is for: its name, empty
// where that cannot be told, and nil where the pod has none of that name.
func interfaceOfElement(p *pod.View, element int) (name string, iface *pod.Interface) {
	if !p.PoolAnnotations().Named {
		if element < len(p.Interfaces()) {
			return p.Interfaces()[element].Name, &p.Interfaces()[element]
		}
		return fmt.Sprintf("net%d", element), nil
	}
	name = p.PoolAnnotations().Pools[element].Interface
	return name, interfaceCalled(p, name)
}

// listSupplied says what to do with the list: it is to have the names of the interfaces that
// use Spiderpool.
func listSupplied(p *pod.View) string {
	if len(p.Supplies()) == 0 {
		return "remove the annotation: no network that the pod asks for uses Spiderpool"
	}
	return "list the interfaces whose networks use Spiderpool, each with its name: " + suppliedNames(p)
}

// suppliedNames are the names of the interfaces that the list is to have.
func suppliedNames(p *pod.View) string {
	const most = 5
	text := ""
	for n := range p.Supplies() {
		switch {
		case n == most:
			return text + fmt.Sprintf(" and %d more", len(p.Supplies())-most)
		case n > 0:
			text += ", "
		}
		text += quote.Value(p.Supplies()[n].Interface.Name)
	}
	return text
}
