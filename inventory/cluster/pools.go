package cluster

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	"golang.org/x/time/rate"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/spiderpool"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
)

const (
	// A live list of thousands of pools takes a second or two of an API server's
	// work, so it has a rate apart from that of single reads. All who wait share the
	// next one: at two a second nobody waits much longer than for the list itself.
	// The burst lets the first refusals after a quiet time through without any wait.
	liveListsPerSecond = 2
	liveListBurst      = 4
	// mostNamedReads is up to how many pools single reads cost less than a list.
	mostNamedReads = 16
)

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
}

// followPools prepares to follow the pools; nothing is asked before run.
func followPools(f *follower) (*pools, error) {
	w, err := follow(f, poolKind())
	if err != nil {
		return nil, err
	}
	p := &pools{watched: w, index: spiderpool.NewIndex()}
	if err := w.onChange(func(_ string, pool *spiderpool.Pool) { p.index.Set(pool) }, p.index.Delete); err != nil {
		return nil, err
	}
	limiter := rate.NewLimiter(liveListsPerSecond, liveListBurst)
	p.lists = newReader(p.indexed, limiter, 0, time.Now, func(result string) { f.count.lists(inventory.Pools.Resource, result) })
	return p, nil
}

// facts are the pools as memory has them. As long as it does not, it is not known which
// there are.
func (p *pools) facts() pod.PoolFacts {
	if p.absent.Load() {
		return pod.PoolFacts{}
	}
	if err := p.ready(); err != nil {
		return pod.PoolFacts{Err: err}
	}
	return pod.PoolFacts{Index: p.index}
}

// refresh answers again: pools asked for by name one by one, as long as these are
// few, otherwise all of them. What the facts say of other pools stays.
func (p *pools) refresh(ctx context.Context, q *pod.Questions, facts pod.PoolFacts) pod.PoolFacts {
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
		return pod.PoolFacts{EveryFresh: true}
	case facts.Index == nil || q.EveryPool || len(names) > mostNamedReads:
		return p.listAll(ctx)
	default:
		return p.readNamed(ctx, names, facts)
	}
}

// listAll asks the API server for all pools.
func (p *pools) listAll(ctx context.Context) pod.PoolFacts {
	all := p.lists.read(ctx, object.Reference{})
	return pod.PoolFacts{Index: all.Value, Err: all.Err, EveryFresh: all.Fresh}
}

// readNamed asks the API server for some pools and puts what it says over the facts.
func (p *pools) readNamed(ctx context.Context, names []string, facts pod.PoolFacts) pod.PoolFacts {
	answers := make([]pod.Answer[spiderpool.Pool], len(names))
	var reads sync.WaitGroup
	for n, name := range names {
		reads.Go(func() { answers[n] = p.reader.read(ctx, object.Reference{Name: name}) })
	}
	reads.Wait()

	out := pod.PoolFacts{Index: facts.Index.Clone(), Fresh: maps.Clone(facts.Fresh)}
	if out.Fresh == nil {
		out.Fresh = make(map[string]bool, len(names))
	}
	for n, name := range names {
		read := &answers[n]
		switch {
		case read.Err != nil:
			return pod.PoolFacts{Err: fmt.Errorf("pool %s: %w", quote.Value(name), read.Err)}
		case read.Value != nil:
			out.Index.Set(read.Value)
		default:
			out.Index.Delete(name)
		}
		out.Fresh[name] = read.Fresh
	}
	return out
}

// indexed lists all pools; nil without an error when the API server has no such
// resource.
func (p *pools) indexed(ctx context.Context, _ object.Reference) (*spiderpool.Index, error) {
	all, err := p.list(ctx)
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return spiderpool.NewIndex(all...), nil
}
