package snapshot

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/policy"
	"github.com/macvlan-webhook/macvlan-webhook/policy/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/flatnetwork"
	"github.com/macvlan-webhook/macvlan-webhook/policy/spiderpool"
)

// Source is a cluster that can be asked for its objects.
type Source interface {
	// List visits all objects of a kind, until visit fails.
	List(ctx context.Context, kind inventory.Kind, visit func(*Object) error) error
	// Get is one object; nil without an error when there is none.
	Get(ctx context.Context, kind inventory.Kind, ref policy.Reference) (*Object, error)
}

// Cluster is the layer of what a cluster holds. Each kind is listed when the first
// question about it comes up, and remembered from then on, so that all questions are
// answered of one state; a list that fails is not remembered.
//
// What whoever asks may not see is not known, which is logged once for each kind. Who may
// not list networks or namespaces may still be allowed to read those that a pod names.
func Cluster(source Source, logger *slog.Logger) *Layer {
	l := emptyLayer()
	l.cluster = &cluster{
		source: source, logger: logger,
		listings: map[schema.GroupVersionResource]listing{},
		read:     map[readObject]presence{}, said: map[string]bool{},
	}
	return l
}

// cluster is where a layer comes from that is filled when it is asked.
type cluster struct {
	source Source
	logger *slog.Logger

	// mu is held while a question is answered, and with it what the layer holds.
	mu sync.Mutex
	// listings are those of the kinds that were listed.
	listings map[schema.GroupVersionResource]listing
	// read are the single objects that were read.
	read map[readObject]presence
	said map[string]bool
	// failure is the first one that no answer told of.
	failure error
}

type readObject struct {
	resource schema.GroupVersionResource
	ref      policy.Reference
}

// extent is how much is known of the objects of a kind.
type extent int

const (
	// unasked is that of a kind that was not listed yet.
	unasked extent = iota
	// complete: all objects are known.
	complete
	// absent: the cluster has no such kind.
	absent
	// hidden: whoever asks may not see them.
	hidden
)

// Err is why something was not known that an answer could not tell of; nil when there is
// no such thing. What was judged without it does not count.
func (l *Layer) Err() error {
	if l.cluster == nil {
		return nil
	}
	l.cluster.mu.Lock()
	defer l.cluster.mu.Unlock()
	return l.cluster.failure
}

// fail notes a failure that the answer does not tell of.
func (c *cluster) fail(err error) {
	if c.failure == nil {
		c.failure = err
	}
}

// say logs what follows from something that is hidden, once.
func (c *cluster) say(text string, err error, more ...any) {
	if !c.said[text] {
		c.said[text] = true
		c.logger.Warn(text, append(more, "error", err)...)
	}
}

// lock keeps others from the layer until the function returned is called. Files need
// none: they do not change.
func (l *Layer) lock() (unlock func()) {
	if l.cluster == nil {
		return func() {}
	}
	l.cluster.mu.Lock()
	return l.cluster.mu.Unlock
}

// listing is what became of the list of a kind: how much is known, and why it is hidden.
type listing struct {
	extent
	refusal error
}

// list fills in the objects of a kind, if that was not done before.
func (l *Layer) list(ctx context.Context, kind inventory.Kind, add func(*builder, *Object) error) (listing, error) {
	c := l.cluster
	if before, asked := c.listings[kind.GroupVersionResource]; asked {
		return before, nil
	}
	b := newBuilder(kind.Namespace)
	err := c.source.List(ctx, kind, func(o *Object) error { return add(b, o) })
	var found listing
	switch {
	case err == nil:
		found.extent = complete
		l.take(b.Layer)
	case apierrors.IsNotFound(err):
		found.extent = absent
	case apierrors.IsForbidden(err):
		found = listing{hidden, err}
	default:
		return listing{}, fmt.Errorf("list %s: %w", kind.Resource, err)
	}
	c.listings[kind.GroupVersionResource] = found
	return found, nil
}

// readOnce reads one object, if that was not done before. It is unknown whether one is
// there that whoever asks may not see; what follows from that is logged.
func (l *Layer) readOnce(
	ctx context.Context, kind inventory.Kind, ref policy.Reference, add func(*Object) error, follows string,
) (presence, error) {
	c, key := l.cluster, readObject{kind.GroupVersionResource, ref}
	if before, asked := c.read[key]; asked {
		return before, nil
	}
	o, err := c.source.Get(ctx, kind, ref)
	found := gone
	switch {
	case apierrors.IsForbidden(err):
		found = unknown
		c.say(follows, err)
	case err != nil:
		return unknown, fmt.Errorf("read %s: %w", kind.Resource, err)
	case o != nil:
		found = there
		if err := add(o); err != nil {
			return unknown, err
		}
	}
	c.read[key] = found
	return found, nil
}

// presence says whether an object is there.
type presence int

const (
	// unknown: it may be there.
	unknown presence = iota
	there
	gone
)

// network is nil where there is none of that name. One that whoever asks may not see is
// judged by its name.
func (l *Layer) network(ctx context.Context, ref policy.Reference) (*cniconf.Network, error) {
	defer l.lock()()
	if l.cluster != nil {
		found, err := l.list(ctx, inventory.Networks, (*builder).addNetwork)
		if err != nil {
			return nil, err
		}
		if found.extent == hidden {
			return l.readNetwork(ctx, ref)
		}
	}
	return l.networks[ref], nil
}

func (l *Layer) readNetwork(ctx context.Context, ref policy.Reference) (*cniconf.Network, error) {
	found, err := l.readOnce(ctx, inventory.Networks, ref, func(o *Object) error {
		b := newBuilder(ref.Namespace)
		defer l.take(b.Layer)
		return b.addNetwork(o)
	}, "networks that may not be read are judged by their names")
	if err == nil && found == unknown {
		return cniconf.FromName(ref.Namespace, ref.Name), nil
	}
	return l.networks[ref], err
}

// everyNetwork are those that are known.
func (l *Layer) everyNetwork(ctx context.Context) map[policy.Reference]*cniconf.Network {
	defer l.lock()()
	if l.cluster == nil {
		return l.networks
	}
	found, err := l.list(ctx, inventory.Networks, (*builder).addNetwork)
	switch {
	case err != nil:
		l.cluster.fail(err)
		return nil
	case found.extent == hidden:
		l.cluster.say("the networks of the cluster cannot be listed, so none is compared with others", found.refusal)
		return nil
	}
	return l.networks
}

// namespace is nil where there is none of that name, or where it is not known.
func (l *Layer) namespace(ctx context.Context, name string) (*policy.Namespace, error) {
	defer l.lock()()
	if l.cluster != nil {
		found, err := l.list(ctx, inventory.Namespaces, (*builder).addNamespace)
		if err != nil {
			return nil, err
		}
		if found.extent == hidden {
			if _, err := l.readOnce(ctx, inventory.Namespaces, policy.Reference{Name: name}, func(o *Object) error {
				b := newBuilder("")
				defer l.take(b.Layer)
				return b.addNamespace(o)
			}, "nothing is known of namespaces that may not be read, neither their mode nor their pools"); err != nil {
				return nil, err
			}
		}
	}
	return l.namespaces[name], nil
}

// everyNode are those that are known.
func (l *Layer) everyNode(ctx context.Context) map[string]*policy.Node {
	defer l.lock()()
	if l.cluster == nil {
		return l.nodes
	}
	found, err := l.list(ctx, inventory.Nodes, (*builder).addNode)
	switch {
	case err != nil:
		l.cluster.fail(err)
	case found.extent == hidden:
		l.cluster.say("the nodes of the cluster cannot be listed, so masters are not looked for on them", found.refusal)
	}
	return l.nodes
}

// everyPool are those that are known, and how many these are.
func (l *Layer) everyPool(ctx context.Context) (map[string]*spiderpool.Pool, extent, error) {
	defer l.lock()()
	if l.cluster == nil {
		return l.pools, extentOfFiles(len(l.pools)), nil
	}
	found, err := l.list(ctx, inventory.Pools, (*builder).addPool)
	if err != nil {
		return nil, unasked, err
	}
	if found.extent == hidden {
		l.cluster.say("the IP pools of the cluster cannot be listed, so nothing is said of them", found.refusal)
	}
	return l.pools, found.extent, nil
}

// extentOfFiles: without any object of a kind, files do not tell which ones there are.
func extentOfFiles(objects int) extent {
	if objects == 0 {
		return absent
	}
	return complete
}

// mode is that of coordinators which name none; nil without a SpiderCoordinator. When it
// is not known, the configured one has to do.
func (l *Layer) mode(ctx context.Context) (*cniconf.CoordinatorMode, error) {
	defer l.lock()()
	if l.cluster == nil {
		return l.coordinatorMode, nil
	}
	found, err := l.list(ctx, inventory.Coordinators, (*builder).addCoordinator)
	switch {
	case err != nil:
		l.cluster.fail(err)
		return nil, err
	case found.extent == hidden:
		l.cluster.say("the mode of coordinators that name none is not known, the configured one stands in", found.refusal)
	}
	return l.coordinatorMode, nil
}

// subnet is nil where there is none of that name, or where it is not known; of its
// generation so many are.
func (l *Layer) subnet(ctx context.Context, ref flatnetwork.SubnetReference) (*flatnetwork.Subnet, extent, error) {
	defer l.lock()()
	found, err := l.listSubnets(ctx, ref.Generation)
	if err != nil {
		return nil, unasked, err
	}
	return l.subnets[ref], found, nil
}

// everySubnet are those that are known, of both generations.
func (l *Layer) everySubnet(ctx context.Context) map[flatnetwork.SubnetReference]*flatnetwork.Subnet {
	defer l.lock()()
	for _, g := range flatnetwork.Generations {
		if _, err := l.listSubnets(ctx, g); err != nil {
			l.cluster.fail(err)
		}
	}
	return l.subnets
}

// listSubnets fills in the subnets of one generation, and says how many are known.
func (l *Layer) listSubnets(ctx context.Context, g flatnetwork.Generation) (extent, error) {
	if l.cluster == nil {
		count := 0
		for ref := range l.subnets {
			if ref.Generation == g {
				count++
			}
		}
		return extentOfFiles(count), nil
	}
	found, err := l.list(ctx, inventory.Subnets(g), func(b *builder, o *Object) error {
		if b.addSubnet(g, o) != nil {
			// It is there, and nothing is known of it.
			ref := flatnetwork.SubnetReference{Generation: g, Name: o.Name}
			b.subnets[ref] = &flatnetwork.Subnet{Reference: ref}
		}
		return nil
	})
	if found.extent == hidden {
		l.cluster.say("the subnets of the cluster cannot be listed, so nothing is said of them, and none is compared with others",
			found.refusal)
	}
	return found.extent, err
}

// everyHolder are the objects that may keep addresses from others. Many who may write a
// pod may not list these, so what cannot be listed holds nothing.
func (l *Layer) everyHolder(ctx context.Context) ([]keyedHolder, error) {
	defer l.lock()()
	if l.cluster == nil {
		return l.holders, nil
	}
	var resources []string
	var refusal error
	list := func(kind inventory.Kind, add func(*builder, *Object) error) error {
		found, err := l.list(ctx, kind, add)
		if found.extent == hidden {
			resources, refusal = append(resources, kind.Resource), found.refusal
		}
		return err
	}
	for _, g := range flatnetwork.Generations {
		// A record that cannot be read keeps no address.
		if err := list(inventory.Records(g), func(b *builder, o *Object) error { _ = b.addRecord(g, o); return nil }); err != nil {
			return nil, err
		}
	}
	for _, kind := range inventory.Workloads {
		if err := list(kind, (*builder).addHolder); err != nil {
			return nil, err
		}
	}
	if refusal != nil {
		l.cluster.say("not all that may hold addresses can be listed, so addresses in use may be missed",
			refusal, "resources", strings.Join(resources, ","))
	}
	return l.holders, nil
}

// addHolder notes a workload for the addresses that its template fixes. What a workload
// made for itself keeps nothing: the workload does.
func (b *builder) addHolder(o *Object) error {
	s, err := b.subject(o)
	if err != nil || s.Spawned() {
		return nil
	}
	if holder := inventory.HolderOf(s); holder != nil {
		b.holders = append(b.holders, keyedHolder{object{s.Kind, s.Namespace, s.Name}, holder})
	}
	return nil
}

// everyUser are the pods and workloads that may ask for networks, and their order. Of a
// cluster they are its pods.
func (l *Layer) everyUser(ctx context.Context) (map[object]*policy.Subject, []object, error) {
	defer l.lock()()
	if l.cluster == nil {
		return l.users, l.userOrder, nil
	}
	found, err := l.list(ctx, inventory.Pods, func(b *builder, o *Object) error {
		if s, err := b.subject(o); err == nil {
			b.addUser(s)
		}
		return nil
	})
	if err == nil {
		err = found.refusal
	}
	return l.users, l.userOrder, err
}

// owner is a pod or workload as the owner of others. In a cluster one that was made anew
// under the same name is not the same.
func (l *Layer) owner(ctx context.Context, id policy.Identity) (ownerObject, presence, error) {
	defer l.lock()()
	name := id
	name.UID = ""
	if l.cluster == nil {
		found, known := l.owners[name]
		if !known {
			return found, unknown, nil
		}
		return found, there, nil
	}
	kind, known := ownerKind(id.Controller)
	if !known {
		return ownerObject{}, unknown, nil
	}
	found, err := l.readOnce(ctx, kind, policy.Reference{Namespace: id.Namespace, Name: id.Name}, func(o *Object) error {
		owner, err := ownerOf(o)
		l.owners[name] = owner
		return err
	}, "not all that may hold addresses can be read, so what is said of addresses in use may be out of date")
	owner := l.owners[name]
	switch {
	case err != nil || found == unknown:
		return ownerObject{}, unknown, err
	case found == gone || id.UID != "" && owner.uid != id.UID:
		return ownerObject{}, gone, nil
	}
	return owner, there, nil
}

// ownerKind is a kind of pods or workloads, of which the metadata is read.
func ownerKind(c policy.Controller) (inventory.Kind, bool) {
	for _, kind := range append([]inventory.Kind{inventory.Pods}, inventory.Workloads...) {
		if kind.Controller() == c {
			kind.MetadataOnly = true
			return kind, true
		}
	}
	return inventory.Kind{}, false
}

// ownerOf reads the metadata of a pod or workload.
func ownerOf(o *Object) (ownerObject, error) {
	var m metav1.PartialObjectMetadata
	if err := o.decode(&m); err != nil {
		return ownerObject{}, o.undecoded(err)
	}
	return ownerObject{uid: string(m.UID), owner: inventory.ControllerOf(&m), deleting: inventory.Ending(&m)}, nil
}
