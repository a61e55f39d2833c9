package cluster

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"

	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/policy"
	"github.com/macvlan-webhook/macvlan-webhook/policy/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/spiderpool"
)

const (
	// A live list of thousands of pools takes a second or two of an API server's
	// work, so it has a rate apart from that of single reads. All who wait share the
	// next one: at two a second nobody waits much longer than for the list itself.
	// The burst lets the first refusals after a quiet time through without any wait.
	liveListsPerSecond = 2
	liveListBurst      = 4
	// poolsPerPage bounds what a live list takes up at once. The status of a pool
	// names each address in use with the pod behind it, some 100 bytes: a /24 has up
	// to 25 KB, and a page of such pools 6 MB.
	poolsPerPage = 250
	// mostNamedReads is up to how many pools single reads cost less than a list.
	mostNamedReads = 16
)

var poolKind = kind[spiderpool.Pool]{
	resource: inventory.SpiderpoolVersion.WithResource(inventory.PoolResource),
	object:   func() runtime.Object { return &inventory.SpiderIPPool{} },
	list:     func() runtime.Object { return &inventory.SpiderIPPoolList{} },
	perPage:  poolsPerPage,
	compile: func(o runtime.Object) *spiderpool.Pool {
		return inventory.CompilePool(o.(*inventory.SpiderIPPool))
	},
}

// pools follows Spiderpool's pools and keeps an index of them.
type pools struct {
	*watched[spiderpool.Pool]
	// index holds the pools that the watch has brought. It changes while rules
	// look into it, each pool at once. Where Spiderpool is uninstalled the watch
	// empties it, and absent hides it then: pools of which there cannot be any
	// are not missing.
	index *spiderpool.Index
	// lists shares live lists between concurrent askers as the reader of single
	// pools shares reads; all have the same empty reference.
	lists *reader[spiderpool.Index]
	// begun says that the cache is being filled, or is about to be.
	begun atomic.Bool

	mu sync.Mutex
	// kept is what the pools are taken to be where no cache is ever filled; nil
	// before they were listed.
	kept *policy.PoolFacts
}

// followPools prepares to follow the pools; nothing is asked before run.
func followPools(config *rest.Config, logger *slog.Logger, reads *rate.Limiter, count counters) (*pools, error) {
	w, err := follow(config, poolKind, logger, reads, count.reads)
	if err != nil {
		return nil, err
	}
	p := &pools{watched: w, index: spiderpool.NewIndex()}
	if err := w.onChange(func(_ string, pool *spiderpool.Pool) { p.index.Set(pool) }, p.index.Delete); err != nil {
		return nil, err
	}
	limiter := rate.NewLimiter(liveListsPerSecond, liveListBurst)
	p.lists = newReader(p.indexed, limiter, time.Now, func(result string) { count.lists(inventory.PoolResource, result) })
	return p, nil
}

// facts are the pools as memory has them; known is false as long as it does not.
func (p *pools) facts() (facts policy.PoolFacts, known bool) {
	switch {
	case p.absent.Load():
		return policy.PoolFacts{}, true
	case p.ready() == nil:
		return policy.PoolFacts{Index: p.index}, true
	default:
		return policy.PoolFacts{}, false
	}
}

// unfilled are the pools while there is no cache. Where there will be none, as in a
// check from the command line, one list serves all questions: they came up
// together, when the check began.
func (p *pools) unfilled(ctx context.Context) policy.PoolFacts {
	if p.begun.Load() {
		return p.listed(ctx)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.kept != nil {
		return *p.kept
	}
	facts := p.listed(ctx)
	if ctx.Err() == nil {
		p.kept = &facts
	}
	return facts
}

// refresh answers anew: pools asked for by name one by one, as long as these are
// few, otherwise all of them. What the facts say of other pools stays.
func (p *pools) refresh(ctx context.Context, q *policy.Questions, facts policy.PoolFacts) policy.PoolFacts {
	var names []string
	for _, name := range q.Pools {
		if !facts.Fresh[name] {
			names = append(names, name)
		}
	}
	switch {
	case facts.Index == nil && facts.Err == nil:
		return facts
	case p.absent.Load():
		return policy.PoolFacts{EveryFresh: true}
	case facts.Index == nil || q.EveryPool || len(names) > mostNamedReads:
		return p.listed(ctx)
	default:
		return p.named(ctx, names, facts)
	}
}

// listed asks the API server for all pools.
func (p *pools) listed(ctx context.Context) policy.PoolFacts {
	all := p.lists.read(ctx, policy.Reference{})
	return policy.PoolFacts{Index: all.value, Err: all.err, EveryFresh: all.fresh}
}

// named asks the API server for some pools and puts what it says over the facts.
func (p *pools) named(ctx context.Context, names []string, facts policy.PoolFacts) policy.PoolFacts {
	answers := make([]answer[spiderpool.Pool], len(names))
	var reads sync.WaitGroup
	for n, name := range names {
		reads.Go(func() { answers[n] = p.reader.read(ctx, policy.Reference{Name: name}) })
	}
	reads.Wait()

	out := policy.PoolFacts{Index: facts.Index.Clone(), Fresh: maps.Clone(facts.Fresh)}
	if out.Fresh == nil {
		out.Fresh = make(map[string]bool, len(names))
	}
	for n, name := range names {
		read := &answers[n]
		switch {
		case read.err != nil:
			return policy.PoolFacts{Err: fmt.Errorf("pool %s: %w", quote.Value(name), read.err)}
		case read.value != nil:
			out.Index.Set(read.value)
		default:
			out.Index.Delete(name)
		}
		out.Fresh[name] = read.fresh
	}
	return out
}

// indexed lists all pools; nil without an error when the API server has no such
// resource.
func (p *pools) indexed(ctx context.Context, _ policy.Reference) (*spiderpool.Index, error) {
	all, err := p.list(ctx)
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return spiderpool.NewIndex(all...), nil
}
