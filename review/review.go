// Package review is the one road from "an object was written" to a verdict: it decodes
// the object, fills in what is left to the configuration, asks the inventory, lets the
// rules judge, confirms a refusal by a fresh read, and spares an update what stood there
// before. The admission server and kubectl-macvlan both take it, each from its own [Change]
// and with its own words for the [Outcome], so that both say the same of the same object.
//
// [Kinds] are the kinds of objects that are judged: pods and the workloads that make them
// (pod.go), the Bindings that write into pods (binding.go), NetworkAttachmentDefinitions and what Spiderpool makes them of (network.go), and
// the subnets of Rancher's flat network (subnet.go). For subjects that are decoded already there are [JudgePod],
// [JudgeNetwork] and [JudgeSubnet].
package review

import (
	"cmp"
	"context"
	"fmt"

	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// Change is an object that is written or deleted.
type Change struct {
	APIVersion, Kind string
	// Namespace is the one that counts: an object that a request or a file carries may
	// name none, or another. Where it is empty, the object's own counts.
	Namespace string
	// Name of the object, where the object itself cannot be read.
	Name      string
	Operation Operation
	// New is the object in JSON, nil for a deletion. Old is the one that it takes the place
	// of, or that is deleted; nil where there is none, or where it is not known.
	New, Old []byte

	// Stored is what there is without the change; it may be nil. Where Old is nil, a network
	// is judged as a change of what Stored has under its name.
	Stored inventory.Inventory
	// Mode, when it is not empty, stands in for that of the namespace.
	Mode verdict.Mode
	// Final says that New is what will be stored, so that nothing is filled in any more.
	Final bool
	// PassSpawned says to pass what a workload made of its own template
	// ([pod.Subject.Spawned]): that was judged when somebody wrote it.
	PassSpawned bool
	// Replicas is to how many pods a workload is scaled, in place of what New says of it;
	// nil where it is not scaled.
	Replicas *int
	// ReadPod reads the pod that a Binding writes into, in JSON; nil without an error where
	// there is none. It is called for Bindings alone.
	ReadPod func(ctx context.Context, namespace, name string) ([]byte, error)
}

// Object names a Kubernetes object. The name is the object's generateName with a trailing
// * when it is not known yet.
type Object struct{ APIVersion, Kind, Namespace, Name string }

// Interface is one network interface that a pod will have.
type Interface struct {
	// Name inside the pod, such as eth0 or net1.
	Name string
	// Network is the zero value for the cluster's own one, where that is a plain CNI
	// configuration.
	Network  object.Reference
	Role     cniconf.Role
	Evidence cniconf.Evidence
	// Pools are nil for an interface whose addresses do not come from Spiderpool.
	Pools *pod.Pools
}

// Outcome is what is to be said and done about a change.
type Outcome struct {
	Object  Object
	Verdict verdict.Verdict
	// Interfaces the pod will have, the first one first. None for a pod that is not judged,
	// or where an annotation cannot be read.
	Interfaces []Interface
	// Patch is what is filled in; nil for nothing. The verdict is on the outcome of it.
	Patch []pod.PatchOperation
	// Unread says, in a sentence, that there is no verdict because the object cannot be
	// read, nor could be before: then it passes. It is empty otherwise.
	Unread string
	// Spawned says that there is no verdict because a workload made the object of its
	// template ([Change.PassSpawned]).
	Spawned bool
}

// Judge gives the verdict on a change.
//
// An old object that cannot be read is as good as none: nothing is inherited from it, since
// it is repaired now. Where neither can be read, for the same reason, the change passes: an
// object need not be repaired to be worked with. And nothing has to be readable to be
// deleted.
//
// It is an error when the kind, or its deletion, is not among what [Kinds] say is judged;
// and a [*object.FieldError] when the object that is written cannot be read.
func Judge(ctx context.Context, inv inventory.Inventory, config *config.Config, c Change) (Outcome, error) {
	kind, ok := KindOf(c.APIVersion, c.Kind)
	if !ok || c.Operation == Delete && !kind.Judges(Delete) {
		return Outcome{}, fmt.Errorf("%s of %s %s is not checked", c.Operation, c.APIVersion, c.Kind)
	}
	switch kind.subject {
	case ofNetworks:
		return c.judgeNetwork(ctx, inv, config)
	case ofMadeNetworks:
		return c.judgeMade(ctx, inv, config)
	case ofSubnets:
		return c.judgeSubnet(ctx, inv, config, kind.generation)
	case ofBindings:
		return c.judgeBinding(ctx, inv, config)
	default:
		return c.judgePod(ctx, inv, config)
	}
}

// Mode is how strictly a change is taken whose object cannot be read: that of its namespace for
// pods, and for what is written into them. Where the namespace is not known, it has no say.
func Mode(ctx context.Context, inv inventory.Inventory, config *config.Config, c Change) verdict.Mode {
	if kind, _ := KindOf(c.APIVersion, c.Kind); !kind.HoldsPods() && kind.subject != ofBindings {
		return config.UsualMode(c.Namespace)
	}
	var labels map[string]string
	if of := inv.Facts(ctx, pod.Questions{Namespace: c.Namespace}).Namespace.Value; of != nil {
		labels = of.Labels
	}
	mode, _ := config.Mode(c.Namespace, labels)
	return mode
}

// old is what an update takes the place of; nil where that is not known, and for any other
// operation.
func (c *Change) old() []byte {
	if c.Operation != Update {
		return nil
	}
	return c.Old
}

// object names the object of a change, given the namespace and the name that stand in it.
func (c *Change) object(namespace, name string) Object {
	return Object{APIVersion: c.APIVersion, Kind: c.Kind, Namespace: cmp.Or(c.Namespace, namespace), Name: name}
}

// unread is the outcome where the new object cannot be read. It passes when the old one
// could not be read either, for the same reason, which readOld returns.
func (c *Change) unread(problem error, part string, readOld func() error) (Outcome, error) {
	if c.old() != nil {
		if before := readOld(); before != nil && before.Error() == problem.Error() {
			return Outcome{
				Object: c.object(c.Namespace, c.Name),
				Unread: unreadWords(c.Kind, part),
			}, nil
		}
	}
	return Outcome{}, problem
}

// unreadWords say that an object of a kind is not judged, because part of something is not
// readable.
func unreadWords(kind, part string) string {
	return "macvlan-webhook could not check this " + kind + ": part of " + part + " is too large or not readable"
}
