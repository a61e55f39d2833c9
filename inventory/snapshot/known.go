package snapshot

import (
	"context"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf/ipam"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/flatnetwork"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/multus"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/spiderpool"
	"github.com/macvlan-webhook/macvlan-webhook/policy/nad"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
)

// What a layer knows of each kind: files what they hold, and a cluster what it lists when
// it is asked for the first time.

// network is nil where there is none of that name, or, as it says, where whoever asks may
// not see whether there is.
func (l *Layer) network(ctx context.Context, ref object.Reference) (network *cniconf.Network, isHidden bool, err error) {
	defer l.lock()()
	if l.cluster != nil {
		listed, err := l.list(ctx, inventory.Networks, (*builder).addNetwork)
		if err != nil {
			return nil, false, err
		}
		if listed.extent == hidden {
			found, err := l.readOnce(ctx, inventory.Networks, ref, (*builder).addNetwork,
				"some networks cannot be read: nothing is known of them")
			if err != nil {
				return nil, false, err
			}
			isHidden = found == unknown
		}
	}
	return l.networks[ref], isHidden, nil
}

// lacksNetworks says that the cluster was found not to have the kind of networks.
func (l *Layer) lacksNetworks() bool {
	defer l.lock()()
	return l.cluster != nil && l.cluster.listings[inventory.Networks].extent == absent
}

// everyNetwork are those that are known.
func (l *Layer) everyNetwork(ctx context.Context) map[object.Reference]*cniconf.Network {
	defer l.lock()()
	if l.cluster == nil {
		return l.networks
	}
	if l.advise(ctx, inventory.Networks, (*builder).addNetwork,
		"networks cannot be listed: none is compared with others") != complete {
		// Those that were read one by one are not all.
		return nil
	}
	return l.networks
}

// namespace is nil where there is none of that name, or where it is not known.
func (l *Layer) namespace(ctx context.Context, name string) (*pod.Namespace, error) {
	defer l.lock()()
	if l.cluster != nil {
		found, err := l.list(ctx, inventory.Namespaces, (*builder).addNamespace)
		if err != nil {
			return nil, err
		}
		if found.extent == hidden {
			if _, err := l.readOnce(ctx, inventory.Namespaces, object.Reference{Name: name}, (*builder).addNamespace,
				"namespaces cannot be read: their mode and their pools are unknown"); err != nil {
				return nil, err
			}
		}
	}
	return l.namespaces[name], nil
}

// everyNode are those that are known.
func (l *Layer) everyNode(ctx context.Context) map[string]*nad.Node {
	defer l.lock()()
	if l.cluster == nil {
		return l.nodes
	}
	l.advise(ctx, inventory.Nodes, (*builder).addNode,
		"nodes cannot be listed: masters are not looked for on them")
	return l.nodes
}

// everyPool are those that are known, and how many these are.
func (l *Layer) everyPool(ctx context.Context) (map[string]*spiderpool.Pool, extent, error) {
	defer l.lock()()
	if l.cluster == nil {
		return l.pools, extentOfFiles(len(l.pools)), nil
	}
	found, err := l.fill(ctx, inventory.Pools, (*builder).addPool,
		"IP pools cannot be listed: they are not checked")
	return l.pools, found, err
}

// everyReserved is what is in use of those pools of whereabouts that are known.
func (l *Layer) everyReserved(ctx context.Context) map[string]*ipam.Reserved {
	defer l.lock()()
	if l.cluster != nil {
		l.advise(ctx, inventory.WhereaboutsPools, (*builder).addReserved,
			"pools of whereabouts cannot be listed: whether they are full is not checked")
	}
	return l.reserved
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
	_, err := l.readOnce(ctx, inventory.Coordinators, object.Reference{Name: inventory.CoordinatorName}, (*builder).addCoordinator,
		"cannot read SpiderCoordinator "+inventory.CoordinatorName+": using spiderpool.coordinatorMode")
	// The verdict on a network has no room for this.
	l.cluster.doWithout(ctx, "failed to read SpiderCoordinator "+inventory.CoordinatorName+": networks are checked with spiderpool.coordinatorMode", err)
	return l.coordinatorMode, err
}

// ownNetworkOf is the network that Spiderpool's settings name as the cluster's own; nil where
// they name none, or cannot be read: then everything is as where they name none. Whoever
// may not list the DaemonSets may still read what is in the namespace given.
func (l *Layer) ownNetworkOf(ctx context.Context, namespace string) *object.Reference {
	defer l.lock()()
	if l.cluster == nil || l.ownNetwork != nil || l.cluster.said[noSettings] {
		return l.ownNetwork
	}
	err := l.readSettings(ctx, namespace)
	l.cluster.doWithout(ctx, noSettings, err)
	return l.ownNetwork
}

const noSettings = "some settings of Spiderpool cannot be read: it is not known whether they name the cluster's own network"

// readSettings looks for Spiderpool's settings, until one names a network.
func (l *Layer) readSettings(ctx context.Context, namespace string) error {
	listed, err := l.list(ctx, inventory.Agents, (*builder).addAgent)
	if err == nil && listed.extent == hidden {
		_, err = l.readOnce(ctx, inventory.Agents, object.Reference{Namespace: namespace, Name: inventory.AgentName}, (*builder).addAgent, noSettings)
	}
	if err == nil && l.ownNetwork == nil {
		_, err = l.readOnce(ctx, inventory.Settings, object.Reference{Namespace: namespace, Name: inventory.SettingsName}, (*builder).addSettings, noSettings)
	}
	return err
}

// hasSpiderpool says whether Spiderpool is there: files have something of it, and a cluster
// its kinds. Nothing but advice depends on it, so what is not known is not there.
func (l *Layer) hasSpiderpool(ctx context.Context) bool {
	defer l.lock()()
	if l.cluster == nil || l.spiderpool {
		return l.spiderpool
	}
	if listed, asked := l.cluster.listings[inventory.Pools]; asked && listed.extent != hidden {
		return listed.extent == complete
	}
	found, err := l.readOnce(ctx, inventory.Coordinators, object.Reference{Name: inventory.CoordinatorName}, (*builder).addCoordinator, "")
	return err == nil && (found == there || found == gone)
}

// subnet is nil where there is none of that name, or where it is not known; of its
// generation so many are. One of those that may not be listed may still be read.
func (l *Layer) subnet(ctx context.Context, ref flatnetwork.SubnetReference) (*flatnetwork.Subnet, extent, error) {
	defer l.lock()()
	if l.cluster == nil {
		return l.subnets[ref], l.subnetsOfFiles(ref.Generation), nil
	}
	g := ref.Generation
	listed, err := l.list(ctx, inventory.Subnets(g), subnetAdder(g))
	if err != nil {
		return nil, unasked, err
	}
	if listed.extent != hidden {
		return l.subnets[ref], listed.extent, nil
	}
	found, err := l.readOnce(ctx, inventory.Subnets(g), object.Reference{Namespace: g.SubnetNamespace(), Name: ref.Name}, subnetAdder(g),
		"some subnets cannot be read: nothing is known of them")
	switch {
	case err != nil:
		return nil, unasked, err
	case found == ofNoKind:
		return nil, absent, nil
	case found == gone:
		// Others may be there, but not this one.
		return nil, complete, nil
	default:
		return l.subnets[ref], hidden, nil
	}
}

// everySubnet are those that are known, of both generations.
func (l *Layer) everySubnet(ctx context.Context) map[flatnetwork.SubnetReference]*flatnetwork.Subnet {
	defer l.lock()()
	if l.cluster == nil {
		return l.subnets
	}
	for _, g := range flatnetwork.Generations {
		if _, err := l.fill(ctx, inventory.Subnets(g), subnetAdder(g),
			"subnets cannot be listed: none is compared with others"); err != nil {
			l.cluster.fail(err)
		}
	}
	return l.subnets
}

// subnetsOfFiles says how many subnets of one generation are known of files.
func (l *Layer) subnetsOfFiles(g flatnetwork.Generation) extent {
	count := 0
	for ref := range l.subnets {
		if ref.Generation == g {
			count++
		}
	}
	return extentOfFiles(count)
}

// subnetAdder adds a subnet of a cluster.
func subnetAdder(g flatnetwork.Generation) func(*builder, *Object) error {
	return func(b *builder, o *Object) error {
		if b.addSubnet(g, o) != nil {
			b.concealSubnet(g, o)
		}
		return nil
	}
}

// concealSubnet adds a subnet that is there, and of which nothing is known.
func (b *builder) concealSubnet(g flatnetwork.Generation, o *Object) {
	ref := flatnetwork.SubnetReference{Generation: g, Name: o.Name}
	b.subnets[ref] = &flatnetwork.Subnet{Reference: ref}
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
		l.cluster.say("some objects that may hold addresses cannot be listed: addresses in use may be missed",
			refusal, "resources", strings.Join(resources, ","))
	}
	return l.holders, nil
}

// addHolder notes a workload for the addresses that its template, or the networks that it names,
// fix. What a workload
// made for itself keeps nothing: the workload does.
func (b *builder) addHolder(o *Object) error {
	s, err := b.subject(o)
	if err != nil || s.Spawned() {
		return nil
	}
	if h := holderOf(s); h.holder != nil || h.subject != nil {
		b.holders = append(b.holders, h)
	}
	return nil
}

// everyUser are the pods and workloads that may ask for networks, and their order. Of a
// cluster they are its pods, and those that name no network only where these use one too.
func (l *Layer) everyUser(ctx context.Context, unnamed bool) (map[key]*pod.Subject, []key, error) {
	defer l.lock()()
	if l.cluster == nil {
		return l.users, l.userOrder, nil
	}
	if unnamed && !l.cluster.keepsUnnamed {
		delete(l.cluster.listings, inventory.Pods)
	}
	found, err := l.list(ctx, inventory.Pods, func(b *builder, o *Object) error {
		if s, err := b.subject(o); err == nil && (unnamed || namesNetwork(s)) {
			b.addUser(s)
		}
		return nil
	})
	if err == nil {
		l.cluster.keepsUnnamed = l.cluster.keepsUnnamed || unnamed
		err = found.refusal
	}
	return l.users, l.userOrder, err
}

// namesNetwork says whether a pod has an annotation that asks for networks.
func namesNetwork(s *pod.Subject) bool {
	return s.Annotations[multus.NetworksAnnotation] != "" || s.Annotations[multus.DefaultNetworkAnnotation] != ""
}

// owner is a pod or workload as the owner of others. In a cluster one that was created again
// under the same name is not the same.
func (l *Layer) owner(ctx context.Context, id object.Identity) (ownerObject, presence, error) {
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
	found, err := l.readOnce(ctx, kind, object.Reference{Namespace: id.Namespace, Name: id.Name}, func(b *builder, o *Object) error {
		owner, err := ownerOf(o)
		b.owners[name] = owner
		return err
	}, "some objects that may hold addresses cannot be read: addresses in use may be out of date")
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
func ownerKind(c object.Controller) (inventory.Kind, bool) {
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
