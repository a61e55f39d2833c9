package snapshot

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"strings"

	nadv1 "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/inventory/makers"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf/ipam"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/flatnetwork"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/spiderpool"
	"github.com/macvlan-webhook/macvlan-webhook/policy/nad"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
)

// Layer is what one set of objects says, compiled. That of files never changes; that of
// a cluster ([Cluster]) is filled when it is asked.
type Layer struct {
	networks   map[object.Reference]*cniconf.Network
	namespaces map[string]*pod.Namespace
	nodes      map[string]*nad.Node
	pools      map[string]*spiderpool.Pool
	// reserved is what is in use of the pools of whereabouts, by the names of these.
	reserved map[string]*ipam.Reserved
	subnets  map[flatnetwork.SubnetReference]*flatnetwork.Subnet
	// coordinatorMode is that of the SpiderCoordinator; nil without one.
	coordinatorMode *cniconf.CoordinatorMode
	// ownNetwork is what Spiderpool's settings name as the cluster's own network; nil where
	// they name none.
	ownNetwork *object.Reference
	// spiderpool says that there is an object of Spiderpool's kinds, or a network whose
	// plugins tell that the nodes have its plugins.
	spiderpool bool
	// holders are the pods, workloads and records that keep addresses from others, in the
	// order of the objects.
	holders []keyedHolder
	// users are the pods and workloads that may ask for networks, and userOrder is theirs
	// among the objects.
	users     map[key]*pod.Subject
	userOrder []key
	// owners is what the pods and workloads are as owners of others.
	owners map[object.Identity]ownerObject
	// unplaced are networks whose file names no namespace, by name.
	unplaced map[string]unplaced
	// concealed are things that are there, and of which nothing is known. A network without
	// a namespace is one whose file names none; pools are concealed together, without a name.
	concealed map[thing]bool
	// partial is why there may be other networks, and lacks says that there may be because part
	// of what would tell cannot be read ([Layer.Partial]).
	partial string
	lacks   bool
	// aside says that the layer answers what is asked for by name, and is compared with
	// nothing.
	aside bool

	// cluster is nil for a layer of files.
	cluster *cluster
}

// key names a pod, a workload or a record.
type key struct{ kind, namespace, name string }

// keyedHolder is an object as a holder; nil where it keeps no address, perhaps any more.
type keyedHolder struct {
	key
	holder *pod.Holder
	// subject is what it is in its own words, so that the addresses which its networks give it
	// can be told; nil where it asks for no network.
	subject *pod.Subject
}

func holderOf(s *pod.Subject) keyedHolder {
	h := keyedHolder{key: key{s.Kind, s.Namespace, s.Name}, holder: inventory.HolderOf(s)}
	if namesNetwork(s) {
		h.subject = s
	}
	return h
}

// ownerObject is what is known of a pod or workload as the owner of others.
type ownerObject struct {
	uid      string
	owner    object.Identity
	deleting bool
}

// unplaced is a network whose file names no namespace, and where it stands.
type unplaced struct {
	network *cniconf.Network
	place   string
}

func emptyLayer() *Layer {
	return &Layer{
		networks:   map[object.Reference]*cniconf.Network{},
		namespaces: map[string]*pod.Namespace{},
		nodes:      map[string]*nad.Node{},
		pools:      map[string]*spiderpool.Pool{},
		reserved:   map[string]*ipam.Reserved{},
		subnets:    map[flatnetwork.SubnetReference]*flatnetwork.Subnet{},
		users:      map[key]*pod.Subject{},
		owners:     map[object.Identity]ownerObject{},
	}
}

// NewLayer compiles the objects that an inventory is made of, and ignores the others.
// Objects without a namespace are taken to be in the one given. It is an error when an
// object cannot be decoded, or when a network, a namespace, a node, a pool or a subnet
// stands twice; the error names the places.
func NewLayer(namespace string, objects []Object) (*Layer, error) {
	l, errs := Compile(namespace, objects)
	if len(errs) > 0 {
		return nil, errs[0]
	}
	return l, nil
}

// Compile is NewLayer for who wants a layer of what can be read. What an object that cannot
// be decoded ([*Undecoded]) is about is there, and nothing is known of it. Of things that
// stand twice the last one counts.
func Compile(namespace string, objects []Object) (*Layer, []error) {
	b := newBuilder(namespace)
	var errs []error
	for i := range objects {
		err := b.add(&objects[i])
		if err == nil {
			continue
		}
		errs = append(errs, err)
		var undecoded *Undecoded
		if errors.As(err, &undecoded) {
			b.conceal(&objects[i])
		}
	}
	b.addGenerated()
	return b.Layer, errs
}

// Conceal is a layer in which the objects are there, and nothing is known of them.
func Conceal(namespace string, objects []Object) *Layer {
	b := newBuilder(namespace)
	for i := range objects {
		b.conceal(&objects[i])
	}
	return b.Layer
}

// Partial is a layer that holds the same, and to which other networks may belong. partial is
// why, as in [pod.Doubt], where that is because files do not tell of a cluster; empty where
// they do. lacks says that part of what would tell cannot be read.
func (l *Layer) Partial(partial string, lacks bool) *Layer {
	out := *l
	out.partial, out.lacks = partial, l.lacks || lacks
	return &out
}

// Aside is a layer that answers what is asked for by name, as one that belongs to something
// else: its pods, networks and subnets are compared with no others. Unless its pools are
// shared, none of them is a default.
func (l *Layer) Aside(shared bool) *Layer {
	out := *l
	out.ownNetwork = nil
	out.aside, out.holders, out.users, out.userOrder, out.owners = true, nil, nil, nil, nil
	if !shared {
		out.pools = make(map[string]*spiderpool.Pool, len(l.pools))
		for name, pool := range l.pools {
			named := *pool
			named.Default = false
			out.pools[name] = &named
		}
	}
	return &out
}

// builder makes a layer in which each thing stands once.
type builder struct {
	*Layer
	namespace string
	places    map[thing]string
	// generated are the networks that programs make of other objects. A dump of a cluster has
	// both: then what was made counts.
	generated map[object.Reference]*cniconf.Network
}

func newBuilder(namespace string) *builder {
	return &builder{
		Layer: emptyLayer(), namespace: namespace,
		places: map[thing]string{}, generated: map[object.Reference]*cniconf.Network{},
	}
}

// Sorts of things.
const (
	networkSort   = "network"
	namespaceSort = "namespace"
	poolSort      = "pool"
)

// thing is what an object of an inventory is about.
type thing struct {
	// sort is what messages call it.
	sort string
	ref  object.Reference
}

// name is as annotations write it.
func (t thing) name() string {
	if t.ref.Namespace == "" {
		return t.ref.Name
	}
	return t.ref.String()
}

// add compiles one object.
func (b *builder) add(o *Object) error {
	if o.Deleted {
		return nil
	}
	b.spiderpool = b.spiderpool || inSpiderpool(o)
	if add := adderOf(o); add != nil {
		return add(b, o)
	}
	return nil
}

// adderOf is what compiles objects of that kind; nil for one that is ignored.
func adderOf(o *Object) func(*builder, *Object) error {
	switch {
	case isKind(o, inventory.Agents) && o.Name == inventory.AgentName:
		return (*builder).addAgentSubject
	case pod.HoldsPod(o.APIVersion, o.Kind):
		return (*builder).addSubject
	case isKind(o, inventory.Settings) && o.Name == inventory.SettingsName:
		return (*builder).addSettings
	case o.Kind == inventory.Coordinators.Name && inSpiderpool(o):
		return (*builder).addCoordinator
	case makers.Known(o.APIVersion, o.Kind):
		return (*builder).addMade
	case o.Kind == inventory.Pools.Name && inSpiderpool(o):
		return (*builder).addPool
	case isKind(o, inventory.Namespaces):
		return (*builder).addNamespace
	case isKind(o, inventory.Nodes):
		return (*builder).addNode
	case isKind(o, inventory.WhereaboutsPools):
		return (*builder).addReserved
	case isKind(o, inventory.Networks):
		return (*builder).addNetwork
	default:
		return flatNetworkAdder(o)
	}
}

// conceal notes that what an object is about is there, and that nothing is known of it. Of
// most kinds that is how things are without the object.
func (b *builder) conceal(o *Object) {
	g, isSubnet := flatnetwork.SubnetGeneration(o.APIVersion, o.Kind)
	ref := o.Reference(b.namespace)
	switch {
	case isSubnet:
		b.concealSubnet(g, o)
	case isKind(o, inventory.Namespaces):
		b.hide(thing{namespaceSort, ref})
	case o.Kind == inventory.Pools.Name && inSpiderpool(o):
		// Which pools there are is known of all or of none.
		b.hide(thing{poolSort, object.Reference{}})
	case isKind(o, inventory.Networks), makers.Known(o.APIVersion, o.Kind):
		// What makes networks may make others than one of its own name.
		b.lacks = b.lacks || !isKind(o, inventory.Networks)
		b.hide(thing{networkSort, ref})
		if o.Namespace == "" {
			b.hide(thing{networkSort, object.Reference{Name: ref.Name}})
		}
	}
}

// concealsNetworks says whether there are networks of which nothing is known.
func (l *Layer) concealsNetworks() bool {
	for t := range l.concealed {
		if t.sort == networkSort {
			return true
		}
	}
	return false
}

func (b *builder) hide(t thing) {
	if b.concealed == nil {
		b.concealed = map[thing]bool{}
	}
	b.concealed[t] = true
}

// isKind says whether an object is of a kind, in the version that is read.
func isKind(o *Object, k inventory.Kind) bool {
	return k.Controller() == object.Controller{APIVersion: o.APIVersion, Kind: o.Kind}
}

// inSpiderpool says whether an object belongs to Spiderpool's API, in whichever
// version: a file may be older than what is read of a cluster.
func inSpiderpool(o *Object) bool {
	return strings.HasPrefix(o.APIVersion, inventory.SpiderpoolVersion.Group+"/")
}

// claim notes where a thing stands, and fails when it stands elsewhere already.
func (b *builder) claim(o *Object, t thing) error {
	if before, twice := b.places[t]; twice {
		return fmt.Errorf("%s: %s %s is already at %s: remove one of them", o.place(), t.sort, quote.Value(t.name()), before)
	}
	b.places[t] = o.place()
	return nil
}

func (b *builder) addNetwork(o *Object) error {
	var nad nadv1.NetworkAttachmentDefinition
	if err := o.decode(&nad); err != nil {
		return o.undecoded(err)
	}
	nad.Namespace = cmp.Or(nad.Namespace, b.namespace)
	ref := object.Reference{Namespace: nad.Namespace, Name: nad.Name}
	network := inventory.CompileNetwork(&nad)
	b.networks[ref] = network
	b.spiderpool = b.spiderpool || network.Coordinated() || network.IPAM.Pools() != nil
	if o.Namespace == "" {
		b.leaveUnplaced(o, network)
	}
	return b.claim(o, thing{networkSort, ref})
}

// leaveUnplaced notes a network that may come to be in any namespace.
func (b *builder) leaveUnplaced(o *Object, n *cniconf.Network) {
	if b.unplaced == nil {
		b.unplaced = map[string]unplaced{}
	}
	b.unplaced[n.Name] = unplaced{n, o.place()}
}

// addMade notes the networks that a program makes of an object. A name that is still to be
// made up is one that nobody can write yet.
func (b *builder) addMade(o *Object) error {
	made, err := makers.Networks(o.APIVersion, o.Kind, o.Namespace, o.JSON)
	if err != nil {
		return o.undecoded(err)
	}
	for i := range made {
		source := &made[i].Source
		if source.Name == "" || made[i].NameBegins {
			continue
		}
		placed := source.Namespace != ""
		source.Namespace = cmp.Or(source.Namespace, b.namespace)
		network := nad.Compile(*source)
		b.generated[object.Reference{Namespace: source.Namespace, Name: source.Name}] = network
		if !placed {
			b.leaveUnplaced(o, network)
		}
	}
	return nil
}

func (b *builder) addGenerated() {
	for ref, network := range b.generated {
		if _, written := b.places[thing{networkSort, ref}]; !written {
			b.networks[ref] = network
		}
	}
}

// addNamespace adds a namespace. A name that the API server is still to make up is one
// that nobody can write yet; so are those of pools and nodes.
func (b *builder) addNamespace(o *Object) error {
	var namespace corev1.Namespace
	if err := o.decode(&namespace); err != nil {
		return o.undecoded(err)
	}
	if namespace.Name == "" {
		return nil
	}
	b.namespaces[namespace.Name] = inventory.CompileNamespace(&namespace)
	return b.claim(o, thing{namespaceSort, object.Reference{Name: namespace.Name}})
}

func (b *builder) addPool(o *Object) error {
	var pool inventory.SpiderIPPool
	if err := o.decode(&pool); err != nil {
		return o.undecoded(err)
	}
	if pool.Name == "" {
		return nil
	}
	b.pools[pool.Name] = inventory.CompilePool(&pool)
	return b.claim(o, thing{poolSort, object.Reference{Name: pool.Name}})
}

func (b *builder) addReserved(o *Object) error {
	var pool inventory.WhereaboutsPool
	if err := o.decode(&pool); err != nil {
		return o.undecoded(err)
	}
	if pool.Name == "" {
		return nil
	}
	b.reserved[pool.Name] = inventory.CompileWhereaboutsPool(&pool)
	return b.claim(o, thing{"pool of whereabouts", object.Reference{Namespace: cmp.Or(o.Namespace, b.namespace), Name: pool.Name}})
}

func (b *builder) addNode(o *Object) error {
	var node inventory.Node
	if err := o.decode(&node); err != nil {
		return o.undecoded(err)
	}
	if node.Name == "" {
		return nil
	}
	b.nodes[node.Name] = inventory.CompileNode(&node)
	return b.claim(o, thing{"node", object.Reference{Name: node.Name}})
}

func (b *builder) addCoordinator(o *Object) error {
	var c inventory.SpiderCoordinator
	if err := o.decode(&c); err != nil {
		return o.undecoded(err)
	}
	if c.Name == inventory.CoordinatorName {
		b.coordinatorMode = &c.Spec.Mode
	}
	return nil
}

// addAgentSubject notes Spiderpool's agent as any workload, and reads its settings.
func (b *builder) addAgentSubject(o *Object) error {
	if err := b.addAgent(o); err != nil {
		return err
	}
	return b.addSubject(o)
}

// addAgent reads the settings of Spiderpool's agent, and addSettings the ConfigMap that it
// shares with Multus. What both say is the same, and the agent's counts: it is what
// Spiderpool goes by.
func (b *builder) addAgent(o *Object) error {
	if network := inventory.OwnNetworkOfAgent(cmp.Or(o.Namespace, b.namespace), o.JSON); network != nil {
		b.ownNetwork = network
	}
	return nil
}

func (b *builder) addSettings(o *Object) error {
	if b.ownNetwork == nil {
		b.ownNetwork = inventory.OwnNetworkOfSettings(cmp.Or(o.Namespace, b.namespace), o.JSON)
	}
	return nil
}

// flatNetworkAdder is what compiles a subnet or a record of the flat network; nil for any
// other object.
func flatNetworkAdder(o *Object) func(*builder, *Object) error {
	if g, ok := flatnetwork.SubnetGeneration(o.APIVersion, o.Kind); ok {
		return func(b *builder, o *Object) error { return b.addSubnet(g, o) }
	}
	for _, g := range flatnetwork.Generations {
		if isKind(o, inventory.Records(g)) {
			return func(b *builder, o *Object) error { return b.addRecord(g, o) }
		}
	}
	return nil
}

// addSubnet adds a subnet. One outside the namespace whose subnets are heeded is none
// that a pod could name; without a namespace it is taken to be meant for that one, which
// its own verdict asks to be written.
func (b *builder) addSubnet(g flatnetwork.Generation, o *Object) error {
	subnet, err := flatnetwork.CompileSubnet(g, g.SubnetNamespace(), o.JSON)
	switch {
	case err != nil:
		return o.undecoded(err)
	case subnet.Namespace != g.SubnetNamespace() || subnet.Generated:
		return nil
	}
	b.subnets[subnet.Reference] = subnet
	return b.claim(o, thing{g.SubnetKind(), object.Reference{Name: subnet.Reference.Name}})
}

func (b *builder) addRecord(g flatnetwork.Generation, o *Object) error {
	holder, err := inventory.CompileRecord(g, cmp.Or(o.Namespace, b.namespace), o.JSON)
	if err != nil {
		return o.undecoded(err)
	}
	b.holders = append(b.holders, keyedHolder{key: key{o.Kind, holder.Namespace, holder.Name}, holder: holder})
	return nil
}

// addSubject notes a pod or workload. One that cannot be decoded is reported where it is
// judged; here it uses nothing that could be told.
func (b *builder) addSubject(o *Object) error {
	s, err := b.subject(o)
	if err != nil {
		return nil
	}
	id := s.Identity()
	id.UID = ""
	b.owners[id] = ownerObject{uid: s.UID, owner: s.Owner, deleting: s.Deleting}
	// A dump of a cluster has workloads beside what they made for themselves.
	if !s.Spawned() {
		b.addUser(s)
		b.holders = append(b.holders, holderOf(s))
	}
	return nil
}

func (b *builder) addUser(s *pod.Subject) {
	user := key{s.Kind, s.Namespace, s.Name}
	if _, known := b.users[user]; !known {
		b.userOrder = append(b.userOrder, user)
	}
	b.users[user] = s
}

// subject is a pod or workload.
func (b *builder) subject(o *Object) (*pod.Subject, error) {
	return pod.Decode(o.APIVersion, o.Kind, cmp.Or(o.Namespace, b.namespace), o.JSON)
}

// take adds what another layer holds. Of equal names the other's count.
func (l *Layer) take(other *Layer) {
	maps.Copy(l.networks, other.networks)
	maps.Copy(l.namespaces, other.namespaces)
	maps.Copy(l.nodes, other.nodes)
	maps.Copy(l.pools, other.pools)
	maps.Copy(l.reserved, other.reserved)
	maps.Copy(l.subnets, other.subnets)
	l.spiderpool = l.spiderpool || other.spiderpool
	if other.coordinatorMode != nil {
		l.coordinatorMode = other.coordinatorMode
	}
	if other.ownNetwork != nil {
		l.ownNetwork = other.ownNetwork
	}
	l.holders = append(l.holders, other.holders...)
	for _, user := range other.userOrder {
		if _, known := l.users[user]; !known {
			l.userOrder = append(l.userOrder, user)
		}
		l.users[user] = other.users[user]
	}
	maps.Copy(l.owners, other.owners)
}
