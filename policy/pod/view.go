package pod

import (
	"errors"
	"slices"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/flatnetwork"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/multus"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// View is a request beside what an inventory answers to its questions: what the rules
// read. With other answers another view is made.
//
// Whatever rests on the answers is read by methods, which note the parts that were read:
// so a finding knows what it rests on. These notes are all that changes in a view once it is
// made, and the reason why it is for one goroutine.
type View struct {
	*Request
	facts Facts

	interfaces []Interface
	flat       []FlatRequest
	given      []RequestedAddress
	supplies   []InterfacePools
	plan       Plan
	conflicts  []AddressConflict
	// planners are the owners of the pod that claim addresses which it asks for, and planned are
	// these addresses.
	planners []*Holder
	planned  map[*RequestedAddress]bool

	// places are where things stand in the annotations of Multus, as far as that was asked.
	places map[string]*multus.Places

	// parts are those read since they were last forgotten.
	parts verdict.Parts
}

// Parts that what is computed once rests on.
const (
	onSupply     = verdict.OnNetworks | verdict.OnNamespace | verdict.OnPools
	onAttachment = verdict.OnNetworks | verdict.OnNamespace
	onConflicts  = verdict.OnNetworks | verdict.OnNamespace | verdict.OnSubnets | verdict.OnHolders
)

// Rule is a rule of pods and templates.
type Rule = verdict.Rule[*View]

// With looks at the request in the light of facts. They answer [Request.Questions] or
// [Request.CompletionQuestions], networks and subnets in their order. What has no answer of
// its own, as the subnets have none where only completion is asked about, could not be found
// out.
func (r *Request) With(f Facts) *View {
	f.Networks = answersTo(len(r.references), f.Networks)
	f.Subnets = answersTo(len(r.flatSubnets), f.Subnets)
	v := &View{Request: r, facts: f}
	v.resolve()
	v.supplyInterfaces()
	for n := range v.flat {
		flat := &v.flat[n]
		flat.attached, flat.known = v.attached(flat.Generation)
	}
	v.findConflicts()
	return v
}

var errNotAsked = errors.New("it was not asked for")

// answersTo are the answers to a number of questions: those given if they are as many.
func answersTo[T any](questions int, given []Answer[T]) []Answer[T] {
	if len(given) == questions {
		return given
	}
	answers := make([]Answer[T], questions)
	for n := range answers {
		answers[n].Err = errNotAsked
	}
	return answers
}

// read notes that parts of the facts were read.
func (v *View) read(p verdict.Parts) { v.parts |= p }

// resolve fills in what the inventory says of each interface's network.
func (v *View) resolve() {
	v.interfaces = slices.Clone(v.asked)
	v.flat = slices.Clone(v.flatAsked)
	for n := range v.flat {
		v.flat[n].view = v
	}
	mode := v.Config.CoordinatorMode(v.facts.CoordinatorMode())
	for n := range v.interfaces {
		i := &v.interfaces[n]
		i.view = v
		if i.ref < 0 {
			continue
		}
		i.network = v.facts.Networks[i.ref].Value
		v.fix(n)
		own := i.Reference == v.Config.ClusterNetwork()
		switch {
		case i.network != nil && i.network.Inherits() && v.facts.Coordinator.Err != nil:
			// Which role it inherits could not be found out.
		case i.network != nil:
			i.role, i.evidence = i.network.Role(mode)
			if own && !canBeFirst(i.role) {
				i.role = cniconf.RoleDefault
			}
		case own:
			i.role = cniconf.RoleDefault
		}
	}
}

// canBeFirst says whether a role is one of those that bring their own routes as
// a pod's first interface. The cluster's own network is none of the others,
// whatever its name suggests.
func canBeFirst(r cniconf.Role) bool {
	return r == cniconf.RoleStandalone || r == cniconf.RoleAuto
}

// Interfaces are those that the pod will have, the first one first: none for a pod on the
// host's network and a mirror pod.
func (v *View) Interfaces() []Interface { return v.interfaces }

// KnownInterfaces are Interfaces, and none where an annotation cannot be read.
func (v *View) KnownInterfaces() []Interface {
	if v.Misread() {
		return nil
	}
	return v.interfaces
}

// First is the pod's first interface; there is one where there are any.
func (v *View) First() *Interface { return &v.interfaces[0] }

// Extras are the interfaces beyond the first that the pod asks for, in order: all others
// but those that are Added.
func (v *View) Extras() []Interface { return v.interfaces[1+v.added:] }

// FlatRequests are what the annotations ask of the flat network, one for each generation
// that they ask anything of.
func (v *View) FlatRequests(yield func(*FlatRequest) bool) {
	for n := range v.flat {
		if !yield(&v.flat[n]) {
			return
		}
	}
}

// NetworkAnswer is what is known of the network of an interface that names one.
func (v *View) NetworkAnswer(i *Interface) Answer[cniconf.Network] {
	v.read(verdict.OnNetworks)
	return v.facts.Networks[i.ref]
}

// UnsaidNetwork is the network that the pod's first interface gets by Spiderpool's own
// settings, where the configuration is silent: the cluster's own network is then likely to
// take addresses from Spiderpool, and nothing here can rest on that it does not. It is nil
// where the configuration speaks, and where that network is known to be none of
// Spiderpool's.
func (v *View) UnsaidNetwork() *OwnNetwork {
	v.read(verdict.OnNetworks)
	own := v.facts.OwnNetwork.Value
	if own == nil || !v.ownNetworkUnsaid() {
		return nil
	}
	if n := own.Network; n != nil && !n.NameOnly && n.Unusable == "" && (n.OnNode || n.IPAM.Pools() == nil) {
		return nil
	}
	return own
}

// ContainerRuntime is that of every node, such as containerd; empty where it is not known,
// or not the same everywhere.
func (v *View) ContainerRuntime() string {
	if v.Config.ContainerRuntime != "" || v.facts.ContainerRuntime == nil {
		return v.Config.ContainerRuntime
	}
	return v.facts.ContainerRuntime()
}

// NamesOnly says that no networks are known at all, so that they are judged by their
// names and none is missing.
func (v *View) NamesOnly() bool {
	v.read(verdict.OnNetworks)
	return v.facts.NamesOnly
}

// NoMultus says that the cluster does not have the kind of networks at all.
func (v *View) NoMultus() bool {
	v.read(verdict.OnNetworks)
	return v.facts.NoMultus
}

// Coordinates says whether the cluster has plugins that coordinate routes, so that a network
// could have one: where it has Spiderpool, or a network of the pod has such a plugin.
func (v *View) Coordinates() bool {
	v.read(verdict.OnNetworks)
	return v.facts.Spiderpool || slices.ContainsFunc(v.interfaces, func(i Interface) bool {
		return i.network != nil && (i.network.Coordinated() || i.network.IPAM.Pools() != nil)
	})
}

// Namespace is the pod's; nil when it is not known.
func (v *View) Namespace() *Namespace {
	v.read(verdict.OnNamespace)
	return v.facts.Namespace.Value
}

// PoolsKnown says whether it is known which pools there are.
func (v *View) PoolsKnown() bool {
	v.read(verdict.OnPools)
	return v.facts.Pools.Index != nil
}

// SubnetAnswer is what is known of the subnet that a request names; it has to name one.
func (v *View) SubnetAnswer(r *FlatRequest) Answer[flatnetwork.Subnet] {
	v.read(verdict.OnSubnets)
	return v.facts.Subnets[r.subnet]
}

// Subnet is that of a request as far as it is known.
func (v *View) Subnet(r *FlatRequest) *flatnetwork.Subnet {
	if r.subnet < 0 {
		return nil
	}
	return v.SubnetAnswer(r).Value
}

// Locate is where a field of the interface's element stands in its annotation.
func (v *View) Locate(i *Interface, field string) int {
	return v.Places(i.Annotation).Locate(i.Index, field, -1)
}

// Places finds where things stand in an annotation of Multus. All who ask share what is found.
func (v *View) Places(annotation string) *multus.Places {
	places, known := v.places[annotation]
	if !known {
		if v.places == nil {
			v.places = map[string]*multus.Places{}
		}
		places = multus.PlacesIn(v.Subject.Annotations[annotation])
		v.places[annotation] = places
	}
	return places
}

// LocateNetwork is where the interface's network is named: the whole of
// namespace/name in the comma form, the name in the JSON form.
func (v *View) LocateNetwork(i *Interface) int {
	if i.Element.Offset >= 0 {
		return i.Element.Offset
	}
	return v.Locate(i, "name")
}
