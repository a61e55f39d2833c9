package policy

import "slices"

// kindPod is the kind of pods, and replicaKinds are those whose objects an owner of a kind
// that is not known here replaces by others, with its addresses. Of topKinds are the
// owners at which a line of known ones ends.
const kindPod = "Pod"

var (
	replicaKinds = []string{kindPod, "ReplicaSet", "ReplicationController"}
	topKinds     = []string{"Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob"}
)

// kin is an object with its owners, from its own upwards.
type kin struct {
	self   Identity
	owners []Identity
	// top is the workload at the end of the line, the object itself among them; nil when
	// none of their kinds is known.
	top *Identity
}

func kinOf(self, owner Identity, line []Identity) kin {
	if owner != (Identity{}) && !slices.ContainsFunc(line, owner.Is) {
		line = append([]Identity{owner}, line...)
	}
	k := kin{self: self, owners: line}
	if k.self.tops() {
		k.top = &k.self
	}
	for n := range line {
		if line[n].tops() {
			k.top = &line[n]
		}
	}
	return k
}

// tops says whether an object is of a kind at which a line of known owners ends.
func (i Identity) tops() bool {
	return slices.Contains(topKinds, i.Kind) && HoldsPod(i.APIVersion, i.Kind)
}

// related says whether one object is the other, made it, or was made by it, or whether
// both were made by one workload: its pods share its addresses, and what it makes pods by
// takes the place of what it made before.
func (k *kin) related(other *kin) bool {
	switch {
	case other.self.Is(k.self), slices.ContainsFunc(k.owners, other.self.Is), slices.ContainsFunc(other.owners, k.self.Is):
		return true
	case k.top != nil || other.top != nil:
		return k.top != nil && other.top != nil && k.top.Is(*other.top)
	}
	return slices.Contains(replicaKinds, k.self.Kind) && slices.Contains(replicaKinds, other.self.Kind) &&
		slices.ContainsFunc(other.owners, func(i Identity) bool { return slices.ContainsFunc(k.owners, i.Is) })
}
