// Package snapshot answers from objects as they are at one moment: those of files, those
// that a cluster lists, or files over a cluster.
//
// Objects are compiled into layers, and an inventory lays some over each other: what an
// upper one holds counts before what a lower one holds under the same name. A thing is
// missing only where it is known which ones there are. Files tell that of a kind when they
// hold any of it; a cluster tells it, except of what whoever asks may not see.
package snapshot

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"maps"
	"slices"
	"sync"

	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf/ipam"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/flatnetwork"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/spiderpool"
	"github.com/macvlan-webhook/macvlan-webhook/policy/nad"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
)

// Inventory is what some layers hold together. What it answers never changes.
type Inventory struct {
	// layers begin with the lowest.
	layers []*Layer
	// ofFiles says that no layer is a cluster's, and namesOnly that there is no network.
	ofFiles, namesOnly bool
	// doubt is that about networks that are not found; nil where those that are known are all.
	doubt *pod.Doubt

	mu sync.Mutex
	// pools and holders are put together when they are asked for; nil before.
	pools   *pod.PoolFacts
	holders *pod.HolderIndex
}

var _ inventory.Inventory = (*Inventory)(nil)

// New lays each of the layers over the one before it.
func New(layers ...*Layer) *Inventory {
	i := &Inventory{layers: layers}
	i.ofFiles = !slices.ContainsFunc(layers, func(l *Layer) bool { return l.cluster != nil })
	i.namesOnly = i.ofFiles && i.Len() == 0 && !slices.ContainsFunc(layers, (*Layer).concealsNetworks)
	if reason := i.partial(); reason != "" {
		i.doubt = &pod.Doubt{Partial: reason}
	}
	return i
}

// partial is why there may be other networks than those that are known; empty where these are
// all: a cluster tells, and files tell that have any and are not partial, as long as all of
// them can be read.
func (i *Inventory) partial() string {
	reason := ""
	for _, l := range i.layers {
		if l.lacks {
			return "part of the files cannot be read"
		}
		reason = cmp.Or(reason, l.partial)
	}
	if slices.ContainsFunc(i.layers, func(l *Layer) bool { return l.partial == "" && (l.cluster != nil || len(l.networks) > 0) }) {
		return ""
	}
	return reason
}

// NamesOnly says that there is no network at all, so that they are judged by their names.
func (i *Inventory) NamesOnly() bool { return i.namesOnly }

// Len is the number of networks in files.
func (i *Inventory) Len() int {
	return count(i, func(l *Layer) map[object.Reference]*cniconf.Network { return l.networks })
}

// Pools is the number of Spiderpool's IP pools in files.
func (i *Inventory) Pools() int {
	return count(i, func(l *Layer) map[string]*spiderpool.Pool { return l.pools })
}

// count is how many things files hold under different names.
func count[K comparable, V any](i *Inventory, of func(*Layer) map[K]V) int {
	names := map[K]bool{}
	for _, l := range i.layers {
		if l.cluster == nil {
			for name := range of(l) {
				names[name] = true
			}
		}
	}
	return len(names)
}

// Err is why something was not known that an answer could not tell of; nil when there is
// no such thing. What was judged without it does not count.
func (i *Inventory) Err() error {
	var errs []error
	for _, l := range i.layers {
		errs = append(errs, l.Err())
	}
	return errors.Join(errs...)
}

// downwards are the layers from the uppermost.
func (i *Inventory) downwards() iter.Seq2[int, *Layer] { return slices.Backward(i.layers) }

// Facts implements [inventory.Inventory]. Of files without any network at all, networks
// are judged by their names. Of a cluster no more is listed than the questions, and the
// networks that they name, depend on.
func (i *Inventory) Facts(ctx context.Context, q pod.Questions) pod.Facts {
	f := pod.Facts{Networks: make([]pod.Answer[cniconf.Network], len(q.Networks)), NamesOnly: i.namesOnly}
	dependsOnPools := q.EveryPool || len(q.Pools) > 0
	for n, ref := range q.Networks {
		if f.NamesOnly {
			f.Networks[n] = pod.Answer[cniconf.Network]{Value: cniconf.FromName(ref.Namespace, ref.Name), Fresh: true}
			continue
		}
		f.Networks[n] = i.network(ctx, ref)
		network := f.Networks[n].Value
		dependsOnPools = dependsOnPools || network != nil && network.IPAM.Pools() != nil
	}
	f.NoMultus = slices.ContainsFunc(i.layers, (*Layer).lacksNetworks)
	f.Coordinator.Fresh = true
	if q.Coordinator || pod.InheritMode(f.Networks) {
		f.Coordinator = i.coordinator(ctx)
	}
	if q.SpiderpoolNamespace != "" && dependsOnPools {
		f.OwnNetwork = i.ownNetwork(ctx, q.SpiderpoolNamespace)
	}
	f.ContainerRuntime = func() string { return i.containerRuntime(ctx) }
	if pod.LackCoordination(f.Networks) {
		f.Spiderpool = slices.ContainsFunc(i.layers, func(l *Layer) bool { return l.hasSpiderpool(ctx) })
	}
	f.Namespace = i.namespace(ctx, q.Namespace)
	f.Pools = i.poolFacts(ctx, dependsOnPools)
	f.Reserved = pod.ReservedOf(f.Networks, func(ledger string) *ipam.Reserved { return i.reserved(ctx, ledger) })
	for _, ref := range q.Subnets {
		f.Subnets = append(f.Subnets, i.subnet(ctx, ref))
	}
	if !q.Addresses.Empty() {
		f.Holders = i.holderFacts(ctx, &q)
	}
	return f
}

// Refresh implements [inventory.Inventory]: a snapshot is its own source.
func (i *Inventory) Refresh(_ context.Context, _ pod.Questions, facts pod.Facts) pod.Facts {
	return facts
}

// network answers about one network. Where a layer hides it, it is not known whether there
// is one, nor what it is: its name proves nothing that a pod could be refused for. Where
// there is none, one whose file names no namespace may be meant.
func (i *Inventory) network(ctx context.Context, ref object.Reference) pod.Answer[cniconf.Network] {
	unknown := false
	for _, l := range i.downwards() {
		if l.concealed[thing{networkSort, ref}] {
			return pod.Answer[cniconf.Network]{Unknown: true, Fresh: true}
		}
		network, isHidden, err := l.network(ctx, ref)
		if network != nil || err != nil {
			return pod.Answer[cniconf.Network]{Value: network, Err: err, Fresh: err == nil}
		}
		unknown = unknown || isHidden
	}
	if unknown {
		return pod.Answer[cniconf.Network]{Unknown: true, Fresh: true}
	}
	for _, l := range i.downwards() {
		if l.concealed[thing{networkSort, object.Reference{Name: ref.Name}}] {
			return pod.Answer[cniconf.Network]{Unknown: true, Fresh: true}
		}
		if found, ok := l.unplaced[ref.Name]; ok {
			placed := *found.network
			placed.Namespace = ref.Namespace
			return pod.Answer[cniconf.Network]{Value: &placed, Doubt: &pod.Doubt{Unplaced: found.place}, Fresh: true}
		}
	}
	return pod.Answer[cniconf.Network]{Doubt: i.doubt, Fresh: true}
}

func (i *Inventory) namespace(ctx context.Context, name string) pod.Answer[pod.Namespace] {
	if name == "" {
		return pod.Answer[pod.Namespace]{Fresh: true}
	}
	for _, l := range i.downwards() {
		if l.concealed[thing{namespaceSort, object.Reference{Name: name}}] {
			break
		}
		if namespace, err := l.namespace(ctx, name); namespace != nil || err != nil {
			return pod.Answer[pod.Namespace]{Value: namespace, Err: err, Fresh: err == nil}
		}
	}
	return pod.Answer[pod.Namespace]{Fresh: true}
}

func (i *Inventory) coordinator(ctx context.Context) pod.Answer[cniconf.CoordinatorMode] {
	for _, l := range i.downwards() {
		mode, err := l.mode(ctx)
		switch {
		case err != nil:
			return pod.Answer[cniconf.CoordinatorMode]{Err: err}
		case mode != nil:
			return pod.Answer[cniconf.CoordinatorMode]{Value: mode, Fresh: true}
		}
	}
	return pod.Answer[cniconf.CoordinatorMode]{Fresh: true}
}

// ownNetwork is what Spiderpool's settings name as the cluster's own network.
func (i *Inventory) ownNetwork(ctx context.Context, namespace string) pod.Answer[pod.OwnNetwork] {
	for _, l := range i.downwards() {
		if ref := l.ownNetworkOf(ctx, namespace); ref != nil {
			return pod.Answer[pod.OwnNetwork]{Value: &pod.OwnNetwork{Reference: *ref, Network: i.network(ctx, *ref).Value}, Fresh: true}
		}
	}
	return pod.Answer[pod.OwnNetwork]{Fresh: true}
}

// poolFacts are the pools of all layers, of a cluster only once something has depended on
// them. Where some are hidden, any other may be there as well.
func (i *Inventory) poolFacts(ctx context.Context, depended bool) pod.PoolFacts {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.pools != nil {
		return *i.pools
	}
	if !depended && !i.ofFiles {
		return pod.PoolFacts{EveryFresh: true}
	}
	all, known, isHidden := map[string]*spiderpool.Pool{}, false, false
	for _, l := range i.layers {
		pools, found, err := l.everyPool(ctx)
		if err != nil {
			return pod.PoolFacts{Err: err}
		}
		maps.Copy(all, pools)
		known = known || found == complete
		isHidden = isHidden || found == hidden || l.concealed[thing{poolSort, object.Reference{}}]
	}
	i.pools = &pod.PoolFacts{EveryFresh: true}
	if known && !isHidden {
		i.pools.Index = spiderpool.NewIndex(slices.Collect(maps.Values(all))...)
	}
	return *i.pools
}

// reserved is what is in use of a pool of whereabouts; nil where that is not known.
func (i *Inventory) reserved(ctx context.Context, name string) *ipam.Reserved {
	for _, l := range i.downwards() {
		if r := l.everyReserved(ctx)[name]; r != nil {
			return r
		}
	}
	return nil
}

// subnet answers about one subnet. Where no layer has any of its generation, or some are
// hidden, it is not known which there are.
func (i *Inventory) subnet(ctx context.Context, ref flatnetwork.SubnetReference) pod.Answer[flatnetwork.Subnet] {
	known, isHidden := false, false
	for _, l := range i.downwards() {
		subnet, found, err := l.subnet(ctx, ref)
		switch {
		case err != nil:
			return pod.Answer[flatnetwork.Subnet]{Err: err}
		case subnet != nil:
			return pod.Answer[flatnetwork.Subnet]{Value: subnet, Fresh: true}
		}
		known, isHidden = known || found == complete, isHidden || found == hidden
	}
	return pod.Answer[flatnetwork.Subnet]{Unknown: !known || isHidden, Fresh: true}
}

// each visits what the layers hold that are compared, of each name what the uppermost has.
func each[K comparable, V any](i *Inventory, of func(*Layer) map[K]V) iter.Seq[V] {
	return func(yield func(V) bool) {
		seen := map[K]bool{}
		for _, l := range i.downwards() {
			if l.aside {
				continue
			}
			for name, value := range of(l) {
				if !seen[name] && !yield(value) {
					return
				}
				if len(i.layers) > 1 {
					seen[name] = true
				}
			}
		}
	}
}

// Networks implements [inventory.Inventory].
func (i *Inventory) Networks(ctx context.Context) iter.Seq[*cniconf.Network] {
	return each(i, func(l *Layer) map[object.Reference]*cniconf.Network { return l.everyNetwork(ctx) })
}

// containerRuntime is that of every node. Nodes that only stand among the files which are checked
// need not be all that a cluster has: they may belie it, and do not tell it by themselves.
func (i *Inventory) containerRuntime(ctx context.Context) string {
	if !slices.ContainsFunc(i.layers, func(l *Layer) bool { return l.partial == "" && len(l.everyNode(ctx)) > 0 }) {
		return ""
	}
	return inventory.ContainerRuntime(i.Nodes(ctx))
}

// Nodes implements [inventory.Inventory].
func (i *Inventory) Nodes(ctx context.Context) iter.Seq[*nad.Node] {
	return each(i, func(l *Layer) map[string]*nad.Node { return l.everyNode(ctx) })
}

// Subnets implements [inventory.Inventory].
func (i *Inventory) Subnets(ctx context.Context) iter.Seq[*flatnetwork.Subnet] {
	return each(i, func(l *Layer) map[flatnetwork.SubnetReference]*flatnetwork.Subnet { return l.everySubnet(ctx) })
}

// Users implements [inventory.Inventory]: pods and workloads in the order of the layers.
func (i *Inventory) Users(ctx context.Context, network object.Reference, config *config.Config) nad.Users {
	latest, order := map[key]*pod.Subject{}, []key{}
	var failed error
	for _, l := range i.layers {
		users, ofLayer, err := l.everyUser(ctx, config.GivesNetworks())
		failed = cmp.Or(failed, err)
		for _, user := range ofLayer {
			if _, known := latest[user]; !known {
				order = append(order, user)
			}
			latest[user] = users[user]
		}
	}
	var found nad.Users
	for _, user := range order {
		if s := latest[user]; pod.Uses(config, s, network) {
			found.Add(s.Kind, s.Namespace, s.Name)
		}
	}
	switch {
	case failed == nil:
	case found.Pods+found.Workloads == 0:
		found.Err = failed
	default:
		found.Incomplete = true
	}
	return found
}
