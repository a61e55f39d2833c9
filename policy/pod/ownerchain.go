package pod

import (
	"slices"

	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
)

// kindPod is the kind of pods, and replicaKinds are those whose objects an owner of a kind
// that is not known here replaces by others, with its addresses. Of topKinds are the
// owners at which a line of known ones ends.
const kindPod = "Pod"

var (
	replicaKinds = []string{kindPod, "ReplicaSet", "ReplicationController"}
	topKinds     = []string{"Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob"}
)

// ownerChain is an object with its owners, from its own upwards.
type ownerChain struct {
	self   object.Identity
	owners []object.Identity
	// top is the workload at the end of the chain, the object itself among them; nil when
	// none of their kinds is known.
	top *object.Identity
}

func ownerChainOf(self, owner object.Identity, above []object.Identity) ownerChain {
	if owner != (object.Identity{}) && !slices.ContainsFunc(above, owner.Is) {
		above = append([]object.Identity{owner}, above...)
	}
	c := ownerChain{self: self, owners: above}
	if endsChain(c.self) {
		c.top = &c.self
	}
	for n := range above {
		if endsChain(above[n]) {
			c.top = &above[n]
		}
	}
	return c
}

// endsChain says whether an object is of a kind at which a chain of known owners ends.
func endsChain(i object.Identity) bool {
	return slices.Contains(topKinds, i.Kind) && HoldsPod(i.APIVersion, i.Kind)
}

// related says whether one object is the other, made it, or was made by it, or whether
// both were made by one workload: its pods share its addresses, and what it makes pods by
// takes the place of what it made before.
func (c *ownerChain) related(other *ownerChain) bool {
	switch {
	case other.self.Is(c.self), slices.ContainsFunc(c.owners, other.self.Is), slices.ContainsFunc(other.owners, c.self.Is):
		return true
	case c.top != nil || other.top != nil:
		return c.top != nil && other.top != nil && c.top.Is(*other.top)
	}
	return slices.Contains(replicaKinds, c.self.Kind) && slices.Contains(replicaKinds, other.self.Kind) &&
		slices.ContainsFunc(other.owners, func(i object.Identity) bool { return slices.ContainsFunc(c.owners, i.Is) })
}
