package pod

import (
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf/ipam"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/multus"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// Interface is one network interface that a pod will have. What the inventory says of
// its network is read by methods, so that it is known what a finding rests on.
type Interface struct {
	// Name inside the pod, such as eth0 or net1.
	Name string
	// Reference is empty for a first interface that no annotation names and
	// whose network is a plain CNI configuration on the nodes.
	Reference object.Reference
	// Annotation and Element say where it was asked for, Index is the element's place in
	// the list. For the cluster's own network, and for one that is Added, Annotation is
	// empty and Element nil.
	Annotation string
	Element    *multus.Element
	Index      int
	// Added says that Multus gives the network to every pod (defaultNetworks). The author
	// of the pod can do nothing about it.
	Added bool
	// Unreadable marks an element whose network cannot even be named, and a network that
	// is a plain CNI configuration on the nodes.
	Unreadable bool

	// ref is the index into the request's references, -1 for none.
	ref int

	view     *View
	network  *cniconf.Network
	fixed    cniconf.Fixed
	role     cniconf.Role
	evidence cniconf.Evidence
	pools    *Pools
}

// Network is nil when there is none, or when it is missing.
func (i *Interface) Network() *cniconf.Network {
	i.view.read(verdict.OnNetworks)
	return i.network
}

// Role is that of the interface's network in this pod.
func (i *Interface) Role() cniconf.Role {
	i.view.read(verdict.OnNetworks)
	return i.role
}

// Evidence is what the role rests on.
func (i *Interface) Evidence() cniconf.Evidence {
	i.view.read(verdict.OnNetworks)
	return i.evidence
}

// ByName says that nothing but the network's name speaks for its role, although it could be
// known better: names are a convention that nobody has to follow. Where no networks are known
// at all, names are what there is to go by.
func (i *Interface) ByName() bool {
	i.view.read(verdict.OnNetworks)
	return i.evidence == cniconf.EvidenceName && !i.view.facts.NamesOnly
}

// Pools are those of an interface whose addresses come from Spiderpool, nil for
// others.
func (i *Interface) Pools() *Pools {
	i.view.read(onSupply)
	return i.pools
}

// Full says which range of the interface's network has no address left for the pod, as a clause;
// empty where each has, and where that is not known. The addresses that a workload has already
// count as free for it.
func (i *Interface) Full() string {
	if i.Network() == nil || len(i.view.facts.Reserved) == 0 {
		return ""
	}
	s := i.view.Subject
	return i.network.IPAM.Full(func(ledger string) *ipam.Reserved {
		r := i.view.facts.Reserved[ledger]
		if r == nil || s.Template() && r.HeldBy(s.Namespace, s.Name) || !s.Template() && s.UID != "" && r.HeldBeside(s.Namespace, s.Name) {
			return nil
		}
		return r
	})
}

// Ask is what the interface's element asks of its network. The interface has an element.
func (i *Interface) Ask() *cniconf.Ask {
	a := i.ask()
	return &a
}

func (i *Interface) ask() cniconf.Ask {
	return cniconf.Ask{
		Interface: i.Name,
		IPs:       i.Element.IPs, ArgIPs: i.Element.ArgIPs, MAC: i.Element.MAC, ArgMAC: i.Element.ArgMAC, DefaultRoutes: i.Element.DefaultRoutes,
		First: i.Annotation == multus.DefaultNetworkAnnotation,
	}
}

// Label is the quoted name of the interface's network, for messages.
func (i *Interface) Label() string { return quote.Value(i.Reference.String()) }

// Because says what the interface's role rests on, for messages. It has a network.
func (i *Interface) Because() string { return i.Network().EvidenceDetail() }
