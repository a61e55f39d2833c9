package policy

import (
	"fmt"

	"github.com/macvlan-webhook/macvlan-webhook/policy/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/spiderpool"
)

// Every element of the list must be for an interface whose network Spiderpool can
// find in the pod's annotations (selectByPod in its pkg/ipam/allocate.go).
var ruleIPPoolsInterfaceUnknown = Rule{
	ID:      "ippools-interface-unknown",
	Title:   "A pool annotation lists an interface that gets no address from Spiderpool",
	Group:   groupSpiderpool,
	Default: Deny,
	Since:   "v0.1.0",
	Doc: "Spiderpool takes addresses for all interfaces in `ipam.spidernet.io/ippools` at once, and refuses the pod when it finds no network for one " +
		"of them: a name that no interface has, or eth0 where that is the cluster's own network. The form without names is a common cause: its first " +
		"element is for eth0. An interface that exists and gets its addresses from another plugin is a warning: by Spiderpool's source, it takes an address for it " +
		"which nobody uses.",
	Remedy: "List the interfaces whose networks use Spiderpool, by their names in the pod. A pod beside the cluster's own network begins with net1.",
	Wrong: "k8s.v1.cni.cncf.io/networks: kube-system/vlan100\n" +
		"ipam.spidernet.io/ippools: '[{\"interface\":\"eth0\",\"ipv4\":[\"vlan100-v4\"]},{\"interface\":\"net1\",\"ipv4\":[\"vlan100-v4b\"]}]'\n",
	Right: "k8s.v1.cni.cncf.io/networks: kube-system/vlan100\n" +
		"ipam.spidernet.io/ippools: '[{\"interface\":\"net1\",\"ipv4\":[\"vlan100-v4\"]}]'\n",

	restsOn: onNetworks,
	check:   checkListedInterfaces,
}

func checkListedInterfaces(p *Pod) []Finding {
	// When only the cluster's own network may be Spiderpool's, it is not known
	// whether the annotation is read at all.
	u := p.spiderpoolUse()
	if len(p.supplies) == 0 && u != maybeUsed || !p.reads(spiderpool.PoolsAnnotation) || p.misread() {
		return nil
	}
	var found findings
	for e := range p.pools.Pools {
		name, iface := p.listed(e)
		if name == "" {
			continue
		}
		var problem string
		softened := false
		switch {
		case iface == nil:
			problem, softened = "is not one of the pod's: Spiderpool refuses the pod", u == maybeUsed
		case iface.annotation == "" && iface.ref < 0 && u == maybeUsed:
			continue
		case iface.annotation == "" && iface.ref < 0:
			problem = "is on the cluster's own network, for which Spiderpool has no pools: it refuses the pod"
		default:
			yes, known := p.fromSpiderpool(iface)
			if yes || !known {
				continue
			}
			problem = "is on network " + iface.label() + ", whose addresses come from elsewhere: what Spiderpool takes from a pool for it is used by nobody"
			softened = true
		}
		found.add(softened, func() Finding {
			label := "interface " + quote.Value(name)
			if !p.pools.Named {
				label = fmt.Sprintf("element %d names no interface and is for %s, which", e+1, quote.Value(name))
			}
			return Finding{
				Annotation: spiderpool.PoolsAnnotation,
				Offset:     spiderpool.Locate(spiderpool.PoolsAnnotation, p.Subject.Annotations[spiderpool.PoolsAnnotation], e, "interface", -1),
				Message:    label + " " + problem,
				Remedy:     "list the interfaces whose networks use Spiderpool, each with its name: " + p.suppliedNames(),
			}
		})
	}
	return found.list()
}

// listed is the interface that an element of the list is for: its name, empty
// where that cannot be told, and nil where the pod has none of that name.
func (p *Pod) listed(element int) (name string, iface *Interface) {
	if !p.pools.Named {
		if element < len(p.interfaces) {
			return p.interfaces[element].Name, &p.interfaces[element]
		}
		return fmt.Sprintf("net%d", element), nil
	}
	name = p.pools.Pools[element].Interface
	for n := range p.interfaces {
		if p.interfaces[n].Name == name {
			return name, &p.interfaces[n]
		}
	}
	return name, nil
}

// suppliedNames are the names of the interfaces that the list is to have.
func (p *Pod) suppliedNames() string {
	const most = 5
	text := ""
	for n := range p.supplies {
		switch {
		case n == most:
			return text + fmt.Sprintf(" and %d more", len(p.supplies)-most)
		case n > 0:
			text += ", "
		}
		text += quote.Value(p.supplies[n].iface.Name)
	}
	return text
}
