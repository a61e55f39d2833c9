package cluster

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"

	nadv1 "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"

	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/policy"
	"github.com/macvlan-webhook/macvlan-webhook/policy/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/flatnetwork"
)

const (
	// Live reads have a rate of their own, apart from the watch. client-go's
	// default of 5 a second makes the pods of a rollout wait for each other;
	// 100 a second is what a few hundred pods a minute with new networks need,
	// and little to an API server.
	liveReadsPerSecond = 100
	liveReadBurst      = 200
)

// Options say which cluster to ask.
type Options struct {
	Config  *rest.Config
	Logger  *slog.Logger
	Metrics prometheus.Registerer
	// NodeFacts says that nodes are asked for as well. Where the API server forbids
	// it, nothing is known of them.
	NodeFacts bool
}

// Inventory answers from a cluster.
type Inventory struct {
	networks     *watched[cniconf.Network]
	coordinators *watched[cniconf.CoordinatorMode]
	namespaces   *watched[policy.Namespace]
	pools        *pools
	subnets      *subnets
	holders      *holders
	users        *users
	// nodes is nil when they are not to be asked for.
	nodes *watched[policy.Node]

	mu sync.Mutex
	// listed are the networks where no cache is ever filled; nil before they were
	// asked for.
	listed []*cniconf.Network

	nodesOnce sync.Once
	// listedNodes are the nodes where no cache is ever filled.
	listedNodes []*policy.Node
}

var _ inventory.Inventory = (*Inventory)(nil)

// New prepares an inventory; nothing is asked before [Inventory.Run].
func New(o Options) (*Inventory, error) {
	inv := &Inventory{}
	count, err := inv.register(o.Metrics, o.NodeFacts)
	if err != nil {
		return nil, err
	}
	reads := rate.NewLimiter(liveReadsPerSecond, liveReadBurst)
	if inv.networks, err = follow(o.Config, networkKind, o.Logger, reads, count.reads); err != nil {
		return nil, err
	}
	if inv.coordinators, err = follow(o.Config, coordinatorKind, o.Logger, reads, count.reads); err != nil {
		return nil, err
	}
	if inv.namespaces, err = follow(o.Config, namespaceKind, o.Logger, reads, count.reads); err != nil {
		return nil, err
	}
	if inv.pools, err = followPools(o.Config, o.Logger, reads, count); err != nil {
		return nil, err
	}
	if inv.subnets, err = followSubnets(o.Config, o.Logger, reads, count); err != nil {
		return nil, err
	}
	if inv.holders, err = followHolders(o.Config, o.Logger, reads, count); err != nil {
		return nil, err
	}
	if o.NodeFacts {
		if inv.nodes, err = follow(o.Config, nodeKind, o.Logger, reads, count.reads); err != nil {
			return nil, err
		}
	}
	if inv.users, err = newUsers(o.Config, count.lists); err != nil {
		return nil, err
	}
	return inv, nil
}

var networkKind = kind[cniconf.Network]{
	resource: nadv1.SchemeGroupVersion.WithResource(inventory.NetworkResource),
	object:   func() runtime.Object { return &nadv1.NetworkAttachmentDefinition{} },
	list:     func() runtime.Object { return &nadv1.NetworkAttachmentDefinitionList{} },
	compile: func(o runtime.Object) *cniconf.Network {
		return inventory.CompileNetwork(o.(*nadv1.NetworkAttachmentDefinition))
	},
}

var coordinatorKind = kind[cniconf.CoordinatorMode]{
	resource: inventory.SpiderpoolVersion.WithResource(inventory.CoordinatorResource),
	object:   func() runtime.Object { return &inventory.SpiderCoordinator{} },
	list:     func() runtime.Object { return &inventory.SpiderCoordinatorList{} },
	compile: func(o runtime.Object) *cniconf.CoordinatorMode {
		mode := o.(*inventory.SpiderCoordinator).Spec.Mode
		return &mode
	},
}

var namespaceKind = kind[policy.Namespace]{
	resource: corev1.SchemeGroupVersion.WithResource(inventory.NamespaceResource),
	object:   func() runtime.Object { return &corev1.Namespace{} },
	list:     func() runtime.Object { return &corev1.NamespaceList{} },
	compile: func(o runtime.Object) *policy.Namespace {
		return inventory.CompileNamespace(o.(*corev1.Namespace))
	},
}

// Run fills the caches and keeps them up to date until ctx ends.
func (i *Inventory) Run(ctx context.Context) error {
	i.pools.begun.Store(true)
	var resources sync.WaitGroup
	resources.Go(func() { i.networks.run(ctx) })
	resources.Go(func() { i.coordinators.run(ctx) })
	resources.Go(func() { i.namespaces.run(ctx) })
	resources.Go(func() { i.pools.run(ctx) })
	for _, subnets := range i.subnets.kinds {
		resources.Go(func() { subnets.run(ctx) })
	}
	for _, holding := range i.holders.holdings {
		resources.Go(func() { holding.run(ctx) })
	}
	if i.nodes != nil {
		resources.Go(func() { i.nodes.run(ctx) })
	}
	resources.Wait()
	return nil
}

// Ready is nil when the caches are filled. That of nodes does not count: what is said
// of them is advice.
func (i *Inventory) Ready() error {
	return errors.Join(i.networks.ready(), i.coordinators.ready(), i.namespaces.ready(), i.pools.ready(), i.subnets.ready(), i.holders.ready())
}

// Facts implements [inventory.Inventory].
func (i *Inventory) Facts(ctx context.Context, q policy.Questions) policy.Facts {
	facts := policy.Facts{Networks: make([]policy.Answer[cniconf.Network], len(q.Networks)), Subnets: make([]policy.Answer[flatnetwork.Subnet], len(q.Subnets))}
	var missing sync.WaitGroup
	for n, ref := range q.Networks {
		if facts.Networks[n].Value = i.networks.lookup(ref); facts.Networks[n].Value == nil {
			missing.Go(func() { facts.Networks[n] = i.readNetwork(ctx, ref) })
		}
	}
	if q.Namespace != "" {
		if facts.Namespace.Value = i.namespaces.lookup(policy.Reference{Name: q.Namespace}); facts.Namespace.Value == nil {
			missing.Go(func() { facts.Namespace = i.readNamespace(ctx, q.Namespace) })
		}
	}
	var known bool
	if facts.Pools, known = i.pools.facts(); !known {
		missing.Go(func() { facts.Pools = i.pools.unfilled(ctx) })
	}
	for n, ref := range q.Subnets {
		if facts.Subnets[n].Value = i.subnets.lookup(ref); facts.Subnets[n].Value == nil {
			missing.Go(func() { facts.Subnets[n] = i.subnets.read(ctx, ref) })
		}
	}
	if !q.Addresses.Empty() {
		missing.Go(func() { facts.Holders = i.holderFacts(ctx, &q) })
	}
	facts.CoordinatorMode = i.coordinatorMode(ctx)
	missing.Wait()
	return facts
}

// coordinatorMode is the mode of the cluster's SpiderCoordinator, empty when there
// is none. It is read live only while the cache is not filled, as in a check from
// the command line; when that fails, the configured mode has to do.
func (i *Inventory) coordinatorMode(ctx context.Context) cniconf.CoordinatorMode {
	ref := policy.Reference{Name: inventory.CoordinatorName}
	mode := i.coordinators.lookup(ref)
	if mode == nil && i.coordinators.ready() != nil {
		read := i.coordinators.reader.read(ctx, ref)
		if read.err != nil {
			i.coordinators.logger.Warn("the mode of coordinators that name none is not known, the configured one stands in", "error", read.err)
		}
		mode = read.value
	}
	if mode == nil {
		return ""
	}
	return *mode
}

// Refresh implements [inventory.Inventory].
func (i *Inventory) Refresh(ctx context.Context, q policy.Questions, facts policy.Facts) policy.Facts {
	fresh := facts
	fresh.Networks = slices.Clone(facts.Networks)
	var stale sync.WaitGroup
	for n := range q.Networks {
		if !fresh.Networks[n].Fresh {
			stale.Go(func() { fresh.Networks[n] = i.readNetwork(ctx, q.Networks[n]) })
		}
	}
	if q.Namespace != "" && !fresh.Namespace.Fresh {
		stale.Go(func() { fresh.Namespace = i.readNamespace(ctx, q.Namespace) })
	}
	if !fresh.Pools.Confirmed(&q) {
		stale.Go(func() { fresh.Pools = i.pools.refresh(ctx, &q, facts.Pools) })
	}
	fresh.Subnets = slices.Clone(facts.Subnets)
	for n := range q.Subnets {
		if !fresh.Subnets[n].Fresh {
			stale.Go(func() { fresh.Subnets[n] = i.subnets.read(ctx, q.Subnets[n]) })
		}
	}
	if !q.Addresses.Empty() && !fresh.Holders.Fresh {
		stale.Go(func() { fresh.Holders = i.refreshHolders(ctx, &q, facts.Holders.Holders) })
	}
	stale.Wait()
	return fresh
}

func (i *Inventory) readNetwork(ctx context.Context, ref policy.Reference) policy.Answer[cniconf.Network] {
	read := i.networks.reader.read(ctx, ref)
	return policy.Answer[cniconf.Network]{Value: read.value, Err: read.err, Fresh: read.fresh}
}

func (i *Inventory) readNamespace(ctx context.Context, name string) policy.Answer[policy.Namespace] {
	read := i.namespaces.reader.read(ctx, policy.Reference{Name: name})
	return policy.Answer[policy.Namespace]{Value: read.value, Err: read.err, Fresh: read.fresh}
}
