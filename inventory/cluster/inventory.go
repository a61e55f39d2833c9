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
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"

	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/policy"
	"github.com/macvlan-webhook/macvlan-webhook/policy/cniconf"
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
}

// Inventory answers from a cluster.
type Inventory struct {
	networks     *watched[cniconf.Network]
	coordinators *watched[cniconf.CoordinatorMode]
}

var _ inventory.Inventory = (*Inventory)(nil)

// New prepares an inventory; nothing is asked before [Inventory.Run].
func New(o Options) (*Inventory, error) {
	inv := &Inventory{}
	count, err := inv.register(o.Metrics)
	if err != nil {
		return nil, err
	}
	reads := rate.NewLimiter(liveReadsPerSecond, liveReadBurst)
	if inv.networks, err = follow(o.Config, networkKind, o.Logger, reads, count); err != nil {
		return nil, err
	}
	if inv.coordinators, err = follow(o.Config, coordinatorKind, o.Logger, reads, count); err != nil {
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

// Run fills the caches and keeps them up to date until ctx ends.
func (i *Inventory) Run(ctx context.Context) error {
	var resources sync.WaitGroup
	resources.Go(func() { i.networks.run(ctx) })
	resources.Go(func() { i.coordinators.run(ctx) })
	resources.Wait()
	return nil
}

// Ready is nil when the caches are filled.
func (i *Inventory) Ready() error {
	return errors.Join(i.networks.ready(), i.coordinators.ready())
}

// Facts implements [inventory.Inventory].
func (i *Inventory) Facts(ctx context.Context, references []policy.Reference) policy.Facts {
	facts := policy.Facts{Networks: make([]policy.Fact, len(references)), CoordinatorMode: i.coordinatorMode(ctx)}
	missing := false
	for n, ref := range references {
		facts.Networks[n].Network = i.networks.lookup(ref)
		missing = missing || facts.Networks[n].Network == nil
	}
	if missing {
		i.readAll(ctx, references, facts, func(f policy.Fact) bool { return f.Network == nil })
	}
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
func (i *Inventory) Refresh(ctx context.Context, references []policy.Reference, facts policy.Facts) policy.Facts {
	fresh := facts
	fresh.Networks = slices.Clone(facts.Networks)
	i.readAll(ctx, references, fresh, func(f policy.Fact) bool { return !f.Fresh })
	return fresh
}

// readAll asks the API server, at once, for the networks whose facts want it.
func (i *Inventory) readAll(ctx context.Context, references []policy.Reference, facts policy.Facts, wanted func(policy.Fact) bool) {
	var reads sync.WaitGroup
	for n := range facts.Networks {
		if wanted(facts.Networks[n]) {
			reads.Go(func() {
				read := i.networks.reader.read(ctx, references[n])
				facts.Networks[n] = policy.Fact{Network: read.value, Err: read.err, Fresh: read.fresh}
			})
		}
	}
	reads.Wait()
}
