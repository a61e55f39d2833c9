package files

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	nadv1 "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kjson "sigs.k8s.io/json"

	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/policy"
	"github.com/macvlan-webhook/macvlan-webhook/policy/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/flatnetwork"
	"github.com/macvlan-webhook/macvlan-webhook/policy/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/spiderpool"
)

// Inventory is what some files say that a cluster holds. It never changes.
type Inventory struct {
	networks        map[policy.Reference]*cniconf.Network
	namespaces      map[string]*policy.Namespace
	nodes           map[string]*policy.Node
	pools           map[string]*spiderpool.Pool
	index           *spiderpool.Index
	coordinatorMode cniconf.CoordinatorMode
	// users are the pods and workloads that ask for networks, the last of the layers
	// that has them. order is theirs in the files.
	users map[user]*policy.Subject
	order []user
	// subnets are those of the flat network.
	subnets map[flatnetwork.SubnetReference]*flatnetwork.Subnet
	// holders are the pods, workloads and records that keep addresses from others.
	holders *policy.HolderIndex
	// owned is what the pods and workloads are as owners of others, and pods are the pods.
	owned map[policy.Identity]owned
	pods  map[policy.Reference]*policy.Subject
}

// user names a pod or workload.
type user struct {
	kind string
	ref  policy.Reference
}

var _ inventory.Layer = (*Inventory)(nil)

// NewInventory compiles the objects that an inventory is made of, and passes
// over the others. Objects without a namespace are taken to be in the one given.
// A later layer overrides an earlier one; a network, a namespace, a node, a pool or a
// subnet that stands twice in one layer is an error that names both places.
func NewInventory(namespace string, layers ...[]Object) (*Inventory, error) {
	inv := &Inventory{
		networks:   map[policy.Reference]*cniconf.Network{},
		namespaces: map[string]*policy.Namespace{},
		nodes:      map[string]*policy.Node{},
		pools:      map[string]*spiderpool.Pool{},
		users:      map[user]*policy.Subject{},
		subnets:    map[flatnetwork.SubnetReference]*flatnetwork.Subnet{},
		holders:    policy.NewHolderIndex(),
		owned:      map[policy.Identity]owned{},
		pods:       map[policy.Reference]*policy.Subject{},
	}
	for _, objects := range layers {
		l := layer{inv: inv, namespace: namespace, places: map[subject]string{}, generated: map[policy.Reference]*cniconf.Network{}}
		for i := range objects {
			if err := l.add(&objects[i]); err != nil {
				return nil, err
			}
		}
		l.addGenerated()
	}
	if len(inv.pools) > 0 {
		inv.index = spiderpool.NewIndex(slices.Collect(maps.Values(inv.pools))...)
	}
	return inv, nil
}

// subject is what an object of an inventory is about.
type subject struct {
	// sort is what messages call it.
	sort string
	ref  policy.Reference
}

// name is as annotations write it.
func (s subject) name() string {
	if s.ref.Namespace == "" {
		return s.ref.Name
	}
	return s.ref.String()
}

// layer is a set of objects in which each subject stands once.
type layer struct {
	inv       *Inventory
	namespace string
	places    map[subject]string
	// generated are the networks of the objects from which Spiderpool generates
	// networks. A dump of a cluster has both: then what was generated counts.
	generated map[policy.Reference]*cniconf.Network
}

// add compiles one object. Its error names the place.
func (l *layer) add(o *Object) error {
	var err error
	switch {
	case o.Deleted:
	case policy.HoldsPod(o.APIVersion, o.Kind):
		l.addUser(o)
	case o.Kind == inventory.CoordinatorKind && inSpiderpool(o):
		err = l.inv.setCoordinatorMode(o)
	case o.Kind == spiderMultusConfigKind && inSpiderpool(o):
		var network *cniconf.Network
		if network, err = compileSpiderMultusConfig(o, l.namespace); err == nil {
			l.generated[policy.Reference{Namespace: network.Namespace, Name: network.Name}] = network
		}
	case o.Kind == inventory.PoolKind && inSpiderpool(o):
		var pool inventory.SpiderIPPool
		// A name that the API server is still to make up is one that nobody can
		// write yet.
		if err = decode(o, &pool); err == nil && pool.Name != "" {
			if err := l.claim(o, subject{"pool", policy.Reference{Name: pool.Name}}); err != nil {
				return err
			}
			l.inv.pools[pool.Name] = inventory.CompilePool(&pool)
		}
	case o.Kind == inventory.NamespaceKind && o.APIVersion == inventory.NamespaceAPIVersion:
		var namespace corev1.Namespace
		if err = decode(o, &namespace); err == nil && namespace.Name != "" {
			if err := l.claim(o, subject{"namespace", policy.Reference{Name: namespace.Name}}); err != nil {
				return err
			}
			l.inv.namespaces[namespace.Name] = inventory.CompileNamespace(&namespace)
		}
	case o.Kind == inventory.NodeKind && o.APIVersion == inventory.NodeAPIVersion:
		var node metav1.PartialObjectMetadata
		if err = decode(o, &node); err == nil && node.Name != "" {
			if err := l.claim(o, subject{"node", policy.Reference{Name: node.Name}}); err != nil {
				return err
			}
			l.inv.nodes[node.Name] = inventory.CompileNode(&node)
		}
	case o.Kind == inventory.NetworkKind && o.APIVersion == inventory.NetworkAPIVersion:
		var nad nadv1.NetworkAttachmentDefinition
		if err = decode(o, &nad); err == nil {
			nad.Namespace = cmp.Or(nad.Namespace, l.namespace)
			ref := policy.Reference{Namespace: nad.Namespace, Name: nad.Name}
			if err := l.claim(o, subject{"network", ref}); err != nil {
				return err
			}
			l.inv.networks[ref] = inventory.CompileNetwork(&nad)
		}
	default:
		return l.addFlatNetwork(o)
	}
	if err != nil {
		return undecoded(o, err)
	}
	return nil
}

// addUser notes a pod or workload. One that cannot be decoded is reported where it is
// judged; here it uses nothing that could be told.
func (l *layer) addUser(o *Object) {
	s, err := policy.DecodeSubject(o.APIVersion, o.Kind, l.namespace, o.JSON)
	if err != nil {
		return
	}
	if o.Namespace != "" {
		s.Namespace, s.Owner.Namespace = o.Namespace, o.Namespace
	}
	l.inv.noteOwner(s)
	// A dump of a cluster has workloads beside what they made for themselves.
	if s.Spawned() {
		return
	}
	u := user{s.Kind, policy.Reference{Namespace: s.Namespace, Name: s.Name}}
	if _, known := l.inv.users[u]; !known {
		l.inv.order = append(l.inv.order, u)
	}
	l.inv.users[u] = s
	l.inv.holders.Set(holderKey(s.Kind, s.Namespace, s.Name), inventory.HolderOf(s))
}

// claim notes where a subject stands, and fails when it stands elsewhere already.
func (l *layer) claim(o *Object, s subject) error {
	if before, twice := l.places[s]; twice {
		return fmt.Errorf("%s: %s %s stands at %s already: remove one of them", o.Place(), s.sort, quote.Value(s.name()), before)
	}
	l.places[s] = o.Place()
	return nil
}

func (l *layer) addGenerated() {
	for ref, network := range l.generated {
		if _, written := l.places[subject{"network", ref}]; !written {
			l.inv.networks[ref] = network
		}
	}
}

func decode(o *Object, into any) error {
	return kjson.UnmarshalCaseSensitivePreserveInts(o.JSON, into)
}

// inSpiderpool says whether an object belongs to Spiderpool's API, in whichever
// version: a file may be older than what is read of a cluster.
func inSpiderpool(o *Object) bool {
	return strings.HasPrefix(o.APIVersion, inventory.SpiderpoolVersion.Group+"/")
}

func (i *Inventory) setCoordinatorMode(o *Object) error {
	var c inventory.SpiderCoordinator
	if err := decode(o, &c); err != nil {
		return err
	}
	if c.Name == inventory.CoordinatorName {
		i.coordinatorMode = c.Spec.Mode
	}
	return nil
}

// Len is the number of networks.
func (i *Inventory) Len() int { return len(i.networks) }

// Pools is the number of Spiderpool's IP pools.
func (i *Inventory) Pools() int { return len(i.pools) }

// Facts implements [inventory.Inventory]. Without any network at all, networks
// are judged by their names; without any pool, pools are not known, and neither are
// the subnets of a generation without any.
func (i *Inventory) Facts(_ context.Context, q policy.Questions) policy.Facts {
	f := policy.Facts{
		Networks:        make([]policy.Answer[cniconf.Network], len(q.Networks)),
		NamesOnly:       len(i.networks) == 0,
		CoordinatorMode: i.coordinatorMode,
		Namespace:       policy.Answer[policy.Namespace]{Value: i.namespaces[q.Namespace], Fresh: true},
		Pools:           policy.PoolFacts{Index: i.index, EveryFresh: true},
	}
	for n, ref := range q.Networks {
		f.Networks[n].Fresh = true
		if f.NamesOnly {
			f.Networks[n].Value = cniconf.FromName(ref.Namespace, ref.Name)
		} else {
			f.Networks[n].Value = i.networks[ref]
		}
	}
	for _, ref := range q.Subnets {
		f.Subnets = append(f.Subnets, i.subnetFact(ref))
	}
	if !q.Addresses.Empty() {
		f.Holders = i.holderFacts(&q)
	}
	return f
}

// Refresh implements [inventory.Inventory]: files are their own source.
func (i *Inventory) Refresh(_ context.Context, _ policy.Questions, facts policy.Facts) policy.Facts {
	return facts
}

// Networks implements [inventory.Inventory].
func (i *Inventory) Networks(context.Context) iter.Seq[*cniconf.Network] {
	return maps.Values(i.networks)
}

// Nodes implements [inventory.Inventory].
func (i *Inventory) Nodes(context.Context) iter.Seq[*policy.Node] { return maps.Values(i.nodes) }

// Users implements [inventory.Inventory]: pods and workloads in the order of the
// files.
func (i *Inventory) Users(_ context.Context, network policy.Reference, config *policy.Config) policy.Users {
	var users policy.Users
	for _, u := range i.order {
		if s := i.users[u]; policy.Uses(config, s, network) {
			users.Add(s.Kind, s.Namespace, s.Name)
		}
	}
	return users
}
