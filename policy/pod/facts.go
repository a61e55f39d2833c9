package pod

import (
	"slices"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf/ipam"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/flatnetwork"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/spiderpool"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
)

// Questions are what a verdict on a pod depends on: an inventory answers them.
type Questions struct {
	// Networks are those that the pod asks for, each once.
	Networks []object.Reference
	// Namespace is the pod's; empty when nothing about it is asked.
	Namespace string
	// Pools are the names of the pools that the pod's interfaces may get, each
	// once, and EveryPool says that it depends on which pools there are besides:
	// because of a pattern, or because default pools serve an interface. Both are
	// known only from a view ([View.Unconfirmed]).
	Pools     []string
	EveryPool bool
	// Subnets are those of the flat network that the pod names, each once.
	Subnets []flatnetwork.SubnetReference
	// Addresses are those that the pod asks for by themselves: who else holds them is
	// asked. Owner is what controls the pod, or the workload, that asks.
	Addresses Addresses
	Owner     object.Identity
	// Contested are the holders that have to be confirmed, each of which holds one of the
	// addresses. They are known only from a view ([View.Unconfirmed]).
	Contested []*Holder
	// Coordinator asks for the mode of coordinators that name none, whichever networks
	// there are, as for a network that is written. Without it the mode is looked for where
	// one of Networks inherits it ([InheritMode]).
	Coordinator bool
	// DefaultNamespace is where a default-network without a namespace is looked up.
	DefaultNamespace string
	// SpiderpoolNamespace, where it is not empty, asks for the network that Spiderpool's own
	// settings name as the cluster's: the configuration does not say. It is where
	// Spiderpool runs by what the configuration says, for those who may not look everywhere.
	SpiderpoolNamespace string
}

// Answer is what an inventory answers about one object.
type Answer[T any] struct {
	// Value is nil when there is no such object, or when it is not known.
	Value *T
	// Err says why nothing could be found out. Then Value is nil.
	Err error
	// Fresh says that the answer comes from the source itself, was asked for
	// after the question came up, and need not be confirmed.
	Fresh bool
	// Unknown says that it is not known which objects of the kind there are, as in a
	// cluster that does not have the kind and in files without any. Then none is
	// missing.
	Unknown bool
	// Doubt is nil unless there is one about the answer.
	Doubt *Doubt
}

// Doubt is why an answer may be another one in a cluster.
type Doubt struct {
	// Partial says why there may be more objects of the kind than those that are known, as a
	// clause: so one without a value may be there. Empty where they are all known.
	Partial string
	// Unplaced is where the value stands, which is taken for what was asked for although its
	// file names no namespace; empty for any other.
	Unplaced string
}

// settled says that asking again would tell nothing new: the answer is fresh, or the source
// was asked and did not answer.
func (a *Answer[T]) settled() bool { return a.Fresh || a.Err != nil }

// Namespace is what rules read of a namespace. It is not changed once made.
type Namespace struct {
	Labels map[string]string
	// Pools are those that its annotations name for its pods, and PoolFaults what
	// is wrong with these annotations.
	Pools      spiderpool.NamespacePools
	PoolFaults []spiderpool.Fault
	// Inject holds the annotations that let Spiderpool write the networks of the
	// namespace's pods.
	Inject map[string]string
	// Project of Rancher that the namespace belongs to, as the labels of its objects
	// write it: CLUSTER-PROJECT; empty when it belongs to none.
	Project string
}

// CompileNamespace reads a namespace.
func CompileNamespace(labels, annotations map[string]string) *Namespace {
	n := &Namespace{Labels: labels}
	n.Pools, n.PoolFaults = spiderpool.ParseNamespacePools(annotations)
	n.Project = flatnetwork.Project(annotations[flatnetwork.ProjectAnnotation])
	for _, key := range []string{spiderpool.RDMAInjectAnnotation, spiderpool.NetworkInjectAnnotation} {
		if value, ok := annotations[key]; ok {
			if n.Inject == nil {
				n.Inject = map[string]string{}
			}
			n.Inject[key] = value
		}
	}
	return n
}

// PoolFacts are what an inventory answers about Spiderpool's pools.
type PoolFacts struct {
	// Index holds the pools; nil when they are not known, as in a cluster without
	// Spiderpool and in files without any pool. Then no pool is missing.
	Index *spiderpool.Index
	// Err says why nothing could be found out. Then Index is nil.
	Err error
	// Fresh and EveryFresh say for which pools the answer is fresh as in [Answer]:
	// those named, or all there are.
	Fresh      map[string]bool
	EveryFresh bool
}

// Confirmed says whether the answers to some questions about pools are fresh.
func (f *PoolFacts) Confirmed(q *Questions) bool {
	if f.EveryFresh {
		return true
	}
	if q.EveryPool {
		return false
	}
	for _, name := range q.Pools {
		if !f.Fresh[name] {
			return false
		}
	}
	return true
}

// Facts are an inventory's answers to the questions of a pod.
type Facts struct {
	// Networks stand in the order of the questions.
	Networks []Answer[cniconf.Network]
	// NamesOnly says that the inventory knows no networks at all: they are
	// judged by their names, and none counts as missing.
	NamesOnly bool
	// NoMultus says that the cluster does not have the kind of networks at all, so that
	// Multus, which brings it, is not installed.
	NoMultus bool
	// Coordinator is the mode of the cluster's SpiderCoordinator: its value is nil when there
	// is none, when it may not be read, and where nothing depends on it. Then the configured
	// mode stands in.
	Coordinator Answer[cniconf.CoordinatorMode]
	// Spiderpool says that plugins which coordinate routes can be had: the cluster has
	// Spiderpool's kinds, or among files there is an object of them or a network with such a
	// plugin. It may be false where no network of the pod lacks one ([LackCoordination]), and
	// where it is not known.
	Spiderpool bool
	// Namespace is the pod's. No rule rests on one that is not known.
	Namespace Answer[Namespace]
	Pools     PoolFacts
	// Reserved is what is in use of the pools of whereabouts that the networks name, by the names
	// of these, as far as it is known. It is from memory: nothing rests on it that cannot be
	// a warning.
	Reserved map[string]*ipam.Reserved
	// Subnets stand in the order of the questions.
	Subnets []Answer[flatnetwork.Subnet]
	Holders HolderFacts
	// OwnNetwork is what Spiderpool's own settings name as the cluster's own network: its
	// value is nil where they name none, where they cannot be read, and where nothing depends
	// on it.
	OwnNetwork Answer[OwnNetwork]
	// ContainerRuntime is that of every node, as Nodes name it; empty where it is not known,
	// or not the same everywhere. It is looked for when it is called; nil is not known.
	ContainerRuntime func() string
}

// OwnNetwork is what Spiderpool takes to be the cluster's own network.
type OwnNetwork struct {
	object.Reference
	// Network is nil when it is not known.
	Network *cniconf.Network
}

// ReservedOf is what is in use of the pools that networks name; nil where none names any.
func ReservedOf(networks []Answer[cniconf.Network], lookup func(ledger string) *ipam.Reserved) map[string]*ipam.Reserved {
	var all map[string]*ipam.Reserved
	for n := range networks {
		if networks[n].Value == nil {
			continue
		}
		for _, ledger := range networks[n].Value.IPAM.Ledgers() {
			if r := lookup(ledger); r != nil {
				if all == nil {
					all = map[string]*ipam.Reserved{}
				}
				all[ledger] = r
			}
		}
	}
	return all
}

// InheritMode says whether the role of any of the networks depends on the cluster's mode of
// coordinators.
func InheritMode(networks []Answer[cniconf.Network]) bool {
	return slices.ContainsFunc(networks, func(n Answer[cniconf.Network]) bool { return n.Value != nil && n.Value.Inherits() })
}

// LackCoordination says whether any of the networks may have nobody to adjust a pod's routes.
func LackCoordination(networks []Answer[cniconf.Network]) bool {
	return slices.ContainsFunc(networks, func(n Answer[cniconf.Network]) bool {
		if n.Value == nil {
			return false
		}
		role, _ := n.Value.Role(cniconf.ModeDisable)
		return role == cniconf.RoleNeutral
	})
}

// CoordinatorMode is that of the cluster's SpiderCoordinator; empty when there is none, when
// it is not known, or when it names no mode.
func (f *Facts) CoordinatorMode() cniconf.CoordinatorMode {
	if f.Coordinator.Value == nil {
		return ""
	}
	return *f.Coordinator.Value
}
