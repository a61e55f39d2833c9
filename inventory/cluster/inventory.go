package cluster

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"

	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/flatnetwork"
	"github.com/macvlan-webhook/macvlan-webhook/policy/nad"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
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

// fillPatience is for how long readiness waits for a cache that not every verdict needs
// and that cannot be filled, for want of a right or since a conversion webhook is down: it
// must not keep away the verdicts that do without. A cache that is being filled is waited
// for, however large the cluster is, so that none of the objects that need it is turned away.
const fillPatience = 15 * time.Second

// Inventory answers from a cluster.
type Inventory struct {
	caches
	// kinds are all that are followed.
	kinds []followed
	users *users
	// start says together which kinds are absent when the inventory begins to run.
	start *start

	now func() time.Time
	// modeUnknown says that the mode of coordinators could not be found out, as was
	// logged.
	modeUnknown atomic.Bool
}

var _ inventory.Inventory = (*Inventory)(nil)

// follower makes what follows the kinds of an inventory.
type follower struct {
	*Inventory
	config *rest.Config
	logger *slog.Logger
	// reads is the rate of live reads of all kinds together.
	reads *rate.Limiter
	count counters
}

// New prepares an inventory; nothing is asked before [Inventory.Run].
func New(o Options) (*Inventory, error) {
	count, err := countRequests(o.Metrics)
	if err != nil {
		return nil, err
	}
	f := &follower{
		Inventory: &Inventory{now: time.Now, start: newStart(o.Logger)},
		config:    o.Config, logger: o.Logger, count: count,
		reads: rate.NewLimiter(liveReadsPerSecond, liveReadBurst),
	}
	if err := f.followAll(o.NodeFacts); err != nil {
		return nil, err
	}
	if f.users, err = newUsers(o.Config, count.lists); err != nil {
		return nil, err
	}
	return f.Inventory, f.register(o.Metrics)
}

// Run fills the caches and keeps them up to date until ctx ends.
func (i *Inventory) Run(ctx context.Context) error {
	var kinds sync.WaitGroup
	kinds.Go(func() { i.start.run(ctx) })
	for _, k := range i.kinds {
		kinds.Go(func() { k.run(ctx) })
	}
	kinds.Wait()
	return nil
}

// Ready is nil when the caches are filled that every verdict needs. For the others, but
// for those of advice, it waits as long as they are being filled, and a while longer; after
// that, questions that need them are answered with the reason why nothing is known.
func (i *Inventory) Ready() error {
	return i.filled(func(k followed) bool { return k.traits().required || !k.traits().advice && !k.stuck() })
}

// Filled is nil when all caches are filled.
func (i *Inventory) Filled() error {
	return i.filled(func(followed) bool { return true })
}

func (i *Inventory) filled(counts func(followed) bool) error {
	var errs []error
	for _, k := range i.kinds {
		if counts(k) {
			errs = append(errs, k.ready())
		}
	}
	return errors.Join(errs...)
}

// NoMultus is [inventory.ErrNoMultus] where the cluster is known not to have the kind of
// networks.
func (i *Inventory) NoMultus() error {
	if i.networks.absent.Load() {
		return inventory.ErrNoMultus
	}
	return nil
}

// Facts implements [inventory.Inventory].
func (i *Inventory) Facts(ctx context.Context, q pod.Questions) pod.Facts {
	facts := pod.Facts{Networks: make([]pod.Answer[cniconf.Network], len(q.Networks)), Subnets: make([]pod.Answer[flatnetwork.Subnet], len(q.Subnets))}
	var missing sync.WaitGroup
	for n, ref := range q.Networks {
		if facts.Networks[n].Value = i.networks.lookup(ref); facts.Networks[n].Value == nil {
			missing.Go(func() { facts.Networks[n] = i.readNetwork(ctx, ref) })
		}
	}
	if q.Namespace != "" {
		if facts.Namespace.Value = i.namespaces.lookup(object.Reference{Name: q.Namespace}); facts.Namespace.Value == nil {
			missing.Go(func() { facts.Namespace = i.readNamespace(ctx, q.Namespace) })
		}
	}
	facts.Pools = i.pools.facts()
	for n, ref := range q.Subnets {
		if facts.Subnets[n].Value = i.subnets.lookup(ref); facts.Subnets[n].Value == nil {
			missing.Go(func() { facts.Subnets[n] = i.subnets.read(ctx, ref) })
		}
	}
	if !q.Addresses.Empty() {
		facts.Holders = i.holderFacts(&q)
	}
	if q.SpiderpoolNamespace != "" {
		facts.OwnNetwork = i.ownNetwork()
	}
	facts.ContainerRuntime = func() string { return inventory.ContainerRuntime(i.Nodes(ctx)) }
	facts.Spiderpool = i.pools.present() || i.coordinators.present()
	missing.Wait()
	facts.NoMultus = i.networks.absent.Load()
	facts.Reserved = pod.ReservedOf(facts.Networks, i.reserved.named)
	facts.Coordinator = i.coordinator(ctx, q.Coordinator || pod.InheritMode(facts.Networks))
	return facts
}

// ownNetwork is what memory says that Spiderpool's agent takes to be the cluster's own
// network. Of several agents, which nobody should have, one counts.
func (i *Inventory) ownNetwork() pod.Answer[pod.OwnNetwork] {
	for ref := range i.agents.all() {
		if ref != nil {
			return pod.Answer[pod.OwnNetwork]{Value: &pod.OwnNetwork{Reference: *ref, Network: i.networks.lookup(*ref)}}
		}
	}
	return pod.Answer[pod.OwnNetwork]{}
}

// coordinator is what memory says of the cluster's SpiderCoordinator. While the cache is
// not filled it is read, if anything depends on it.
func (i *Inventory) coordinator(ctx context.Context, depended bool) pod.Answer[cniconf.CoordinatorMode] {
	if i.coordinators.absent.Load() {
		return pod.Answer[cniconf.CoordinatorMode]{Fresh: true}
	}
	if mode := i.coordinators.lookup(object.Reference{Name: inventory.CoordinatorName}); mode != nil {
		return pod.Answer[cniconf.CoordinatorMode]{Value: mode}
	}
	if i.coordinators.ready() == nil || !depended {
		return pod.Answer[cniconf.CoordinatorMode]{}
	}
	return i.readCoordinator(ctx)
}

// readCoordinator asks the API server. Where it may not be read, no mode is known, so that
// the configured one stands in, as where there is none. That the API server does not tell is
// logged once, until it does. What memory says is not used then: it may be out of date.
func (i *Inventory) readCoordinator(ctx context.Context) pod.Answer[cniconf.CoordinatorMode] {
	read := i.coordinators.reader.read(ctx, object.Reference{Name: inventory.CoordinatorName})
	unknown, forbidden := read.Err != nil, apierrors.IsForbidden(read.Err)
	if i.modeUnknown.Swap(unknown) != unknown && unknown {
		text := "failed to read SpiderCoordinator " + inventory.CoordinatorName + ": pods whose networks depend on its mode are refused"
		if forbidden {
			text = "cannot read SpiderCoordinator " + inventory.CoordinatorName + ": using spiderpool.coordinatorMode"
		}
		i.coordinators.logger.Warn(text, "error", read.Err)
	}
	if forbidden {
		return pod.Answer[cniconf.CoordinatorMode]{Fresh: true}
	}
	return read
}

// Refresh implements [inventory.Inventory].
func (i *Inventory) Refresh(ctx context.Context, q pod.Questions, facts pod.Facts) pod.Facts {
	fresh := facts
	fresh.Networks = slices.Clone(facts.Networks)
	fresh.NoMultus = i.networks.absent.Load()
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
	// Which role a network inherits is asked once it is known that it inherits one.
	if depended := q.Coordinator || len(q.Networks) > 0 && pod.InheritMode(fresh.Networks); depended && !fresh.Coordinator.Fresh {
		fresh.Coordinator = i.readCoordinator(ctx)
	}
	return fresh
}

func (i *Inventory) readNetwork(ctx context.Context, ref object.Reference) pod.Answer[cniconf.Network] {
	return i.networks.reader.read(ctx, ref)
}

func (i *Inventory) readNamespace(ctx context.Context, name string) pod.Answer[pod.Namespace] {
	return i.namespaces.reader.read(ctx, object.Reference{Name: name})
}

// Networks implements [inventory.Inventory] from memory. As long as the cache is not
// filled, those that are known so far are no answer.
func (i *Inventory) Networks(context.Context) iter.Seq[*cniconf.Network] {
	if i.networks.ready() != nil {
		return nil
	}
	return i.networks.all()
}

// Nodes implements [inventory.Inventory] from memory. Some of them, or those of before,
// are no answer.
func (i *Inventory) Nodes(context.Context) iter.Seq[*nad.Node] {
	return func(yield func(*nad.Node) bool) {
		if i.nodes != nil && i.nodes.ready() == nil && !i.nodes.forbidden.Load() {
			i.nodes.all()(yield)
		}
	}
}
