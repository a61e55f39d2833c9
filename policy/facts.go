package policy

import (
	"github.com/macvlan-webhook/macvlan-webhook/policy/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/flatnetwork"
	"github.com/macvlan-webhook/macvlan-webhook/policy/spiderpool"
)

// Reference names a NetworkAttachmentDefinition.
type Reference struct{ Namespace, Name string }

// String is the reference as the annotations write it: namespace/name.
func (r Reference) String() string { return r.Namespace + "/" + r.Name }

// Questions are what a verdict on a pod depends on: an inventory answers them.
type Questions struct {
	// Networks are those that the pod asks for, each once.
	Networks []Reference
	// Namespace is the pod's; empty when nothing about it is asked.
	Namespace string
	// Pools are the names of the pools that the pod's interfaces may get, each
	// once, and EveryPool says that it depends on which pools there are besides:
	// because of a pattern, or because default pools serve an interface. Both are
	// known only after a first verdict ([Pod.Questions]).
	Pools     []string
	EveryPool bool
	// Subnets are those of the flat network that the pod names, each once.
	Subnets []flatnetwork.SubnetReference
	// Addresses are those that the pod asks for by themselves: who else holds them is
	// asked. Owner is what controls the pod, or the workload, that asks.
	Addresses Addresses
	Owner     Identity
	// Contested are the holders that have to be confirmed, each of which holds one of the
	// addresses. They are known only after a first verdict ([Pod.Unconfirmed]).
	Contested []*Holder
	// DefaultNamespace is where a default-network without a namespace is looked up.
	DefaultNamespace string
}

// Fact is what an inventory answers about one network.
type Fact struct {
	// Network is nil when no NetworkAttachmentDefinition has that name.
	Network *cniconf.Network
	// Err says why nothing could be found out. Then Network is nil.
	Err error
	// Fresh says that the answer comes from the source itself, was asked for
	// after the question came up, and need not be confirmed.
	Fresh bool
}

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

// NamespaceFact is what an inventory answers about the pod's namespace.
type NamespaceFact struct {
	// Namespace is nil when it is not known. No rule then rests on it.
	Namespace *Namespace
	// Err says why nothing could be found out. Then Namespace is nil.
	Err error
	// Fresh is as in [Fact].
	Fresh bool
}

// CoordinatorFact is what an inventory answers about the cluster's SpiderCoordinator.
type CoordinatorFact struct {
	// Mode is empty when there is none, or when it names no mode.
	Mode cniconf.CoordinatorMode
	// Err says why nothing could be found out. Then Mode is empty.
	Err error
	// Fresh is as in [Fact].
	Fresh bool
}

// SubnetFact is what an inventory answers about one subnet of the flat network.
type SubnetFact struct {
	// Subnet is nil when there is none of that name, or when it is not known.
	Subnet *flatnetwork.Subnet
	// Unknown says that it is not known which subnets there are, as in a cluster
	// without that generation of the flat network and in files without any subnet.
	// Then no subnet is missing.
	Unknown bool
	// Err says why nothing could be found out. Then Subnet is nil.
	Err error
	// Fresh is as in [Fact].
	Fresh bool
}

// PoolFacts are what an inventory answers about Spiderpool's pools.
type PoolFacts struct {
	// Index holds the pools; nil when they are not known, as in a cluster without
	// Spiderpool and in files without any pool. Then no pool is missing.
	Index *spiderpool.Index
	// Err says why nothing could be found out. Then Index is nil.
	Err error
	// Fresh and EveryFresh say for which pools the answer is fresh as in [Fact]:
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
	Networks []Fact
	// NamesOnly says that the inventory knows no networks at all: they are
	// judged by their names, and none counts as missing.
	NamesOnly bool
	// CoordinatorMode is the mode of the cluster's SpiderCoordinator; empty when
	// there is none, or when it names no mode. Coordinator says how it is known.
	CoordinatorMode cniconf.CoordinatorMode
	Coordinator     CoordinatorFact
	Namespace       NamespaceFact
	Pools           PoolFacts
	// Subnets stand in the order of the questions.
	Subnets []SubnetFact
	Holders HolderFacts
}

// coordinatorMode is the mode of coordinators that name none.
func (f *Facts) coordinatorMode(c *Config) cniconf.CoordinatorMode {
	if f.CoordinatorMode != "" {
		return f.CoordinatorMode
	}
	return c.Spiderpool.CoordinatorMode
}
