package webhook

import (
	"context"
	"net/http"
	"runtime"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/policy/nad"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
)

const (
	// smallBody is read without asking, since nearly all pods fit: the number of
	// connections bounds the memory that small bodies take.
	smallBody = 64 << 10
	// largeBodies is what all bodies above smallBody may take up at once: one of the
	// largest, and one that is as large as an object may be.
	largeBodies = maxBody + 3<<20
	// largeVerdicts is how many of them are judged at once. What an object becomes when
	// it is decoded is a multiple of its text.
	largeVerdicts = 1
	// maxVerdicts bounds what is judged at once on machines with very many cores.
	maxVerdicts = 16
	// sleepingBodies is what the small bodies may take up whose verdicts wait for the API
	// server: some two hundred usual pods.
	sleepingBodies = 2 << 20
	// sleepingLarge is how many large ones may wait for it. largeBodies bounds their text;
	// what was read of the annotations takes up to 1 MiB each.
	sleepingLarge = 16
	// smallAnswer fits into what the kernel buffers for a connection, so it is sent at
	// once, whether or not the client reads it.
	smallAnswer = 16 << 10
	// largeAnswers is what all answers above smallAnswer that are being sent may take up.
	largeAnswers = 4 << 20
	// queueTimeout is how long a request may wait for places in all, far below the timeout
	// of the API server.
	queueTimeout = 2 * time.Second
	// maxQueue is how many requests may wait: as many as there are connections.
	maxQueue = newPlaces + keptPlaces
	// patience is how long a verdict that waits for the API server keeps its place. What
	// the cache knows is there in microseconds.
	patience = 5 * time.Millisecond
)

// gates bound what requests use at the same time. It is memory that they guard: what does
// not get in waits, with nothing but its body, or is refused.
type gates struct {
	// bodies, sleeping and answers count bytes, the others places.
	bodies, verdicts, large, sleeping, sleepingLarge, answers *room
}

func newGates() *gates {
	return &gates{
		bodies:        newRoom(largeBodies, maxQueue),
		large:         newRoom(largeVerdicts, maxQueue),
		verdicts:      newRoom(min(2*int64(runtime.GOMAXPROCS(0)), maxVerdicts), maxQueue),
		sleeping:      newRoom(sleepingBodies, 0),
		sleepingLarge: newRoom(sleepingLarge, 0),
		answers:       newRoom(largeAnswers, 0),
	}
}

// overloaded is the answer to a request that does not get in.
func overloaded() *httpError {
	return fail(http.StatusServiceUnavailable, "macvlan-webhook has too many requests at once: try again")
}

// guest is who asks for places.
type guest struct {
	// host tells clients apart.
	host string
	// until is when it is refused what it still waits for, whatever it waited for before:
	// the rest of the time is for the verdict, and for the answer to arrive.
	until time.Time
}

// newGuest is a client whose request came at start and is to be decided within that time.
func newGuest(host string, start time.Time, decision time.Duration) guest {
	return guest{host: host, until: start.Add(min(queueTimeout, decision/2))}
}

// queue waits for a share of a room.
func queue(ctx context.Context, r *room, g guest, size int64) *httpError {
	ctx, cancel := context.WithDeadline(ctx, g.until)
	defer cancel()
	if err := r.enter(ctx, g.host, size); err != nil {
		return overloaded()
	}
	return nil
}

// place is the right to work on a verdict.
type place struct {
	gates *gates
	host  string
	size  int64
	large bool

	mu sync.Mutex
	// waits is how many readers wait for the API server.
	waits        int
	held, asleep bool
}

// enter waits for a place for a request with a body of that size.
func (g *gates) enter(ctx context.Context, who guest, size int) (*place, *httpError) {
	p := &place{gates: g, host: who.host, size: int64(size), large: size > smallBody}
	if p.large {
		if problem := queue(ctx, g.large, who, 1); problem != nil {
			return nil, problem
		}
	}
	if problem := queue(ctx, g.verdicts, who, 1); problem != nil {
		if p.large {
			g.large.leave(p.host, 1)
		}
		return nil, problem
	}
	p.held = true
	return p, nil
}

// leave gives the place back.
func (p *place) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.release()
}

// release gives back what is held.
func (p *place) release() {
	if !p.held {
		return
	}
	p.held = false
	p.gates.verdicts.leave(p.host, 1)
	if p.large {
		p.gates.large.leave(p.host, 1)
	}
}

// bed is the room that a request takes while its place is lent, and its share of it.
func (p *place) bed() (*room, int64) {
	if p.large {
		return p.gates.sleepingLarge, 1
	}
	return p.gates.sleeping, p.size
}

// sleep lends the place to others, as far as there is room for requests that wait.
func (p *place) sleep() {
	p.mu.Lock()
	defer p.mu.Unlock()
	// The timer may have been too late.
	if bed, share := p.bed(); p.waits > 0 && p.held && bed.try(p.host, share) {
		p.asleep = true
		p.release()
	}
}

// wake takes a place again. Where there is none until ctx ends, the verdict is at its end
// as well, and goes on without.
func (p *place) wake(ctx context.Context) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waits--
	if p.waits > 0 || !p.asleep {
		return
	}
	p.asleep = false
	bed, share := p.bed()
	defer bed.leave(p.host, share)
	// In the order of enter.
	if p.large && p.gates.large.reenter(ctx, p.host, 1) != nil {
		return
	}
	p.held = p.gates.verdicts.reenter(ctx, p.host, 1) == nil
	if p.large && !p.held {
		p.gates.large.leave(p.host, 1)
	}
}

type placeKey struct{}

// waiting lends the place of a request to others until awake is called, if that takes a
// while.
func waiting(ctx context.Context) (awake func()) {
	p, _ := ctx.Value(placeKey{}).(*place)
	if p == nil {
		return func() {}
	}
	p.mu.Lock()
	p.waits++
	p.mu.Unlock()
	timer := time.AfterFunc(patience, p.sleep)
	return func() {
		timer.Stop()
		p.wake(ctx)
	}
}

// patient is an inventory whose readers lend their places to others while it asks the API
// server: a slow one must not keep everybody from being judged.
type patient struct{ inventory.Inventory }

func (p patient) Facts(ctx context.Context, q pod.Questions) pod.Facts {
	defer waiting(ctx)()
	return p.Inventory.Facts(ctx, q)
}

func (p patient) Refresh(ctx context.Context, q pod.Questions, facts pod.Facts) pod.Facts {
	defer waiting(ctx)()
	return p.Inventory.Refresh(ctx, q, facts)
}

func (p patient) Users(ctx context.Context, network object.Reference, config *config.Config) nad.Users {
	defer waiting(ctx)()
	return p.Inventory.Users(ctx, network, config)
}

// patientWorkloads is the same for the workloads that are scaled.
type patientWorkloads struct{ Workloads }

func (p patientWorkloads) Workload(ctx context.Context, resource schema.GroupVersionResource, namespace, name string) ([]byte, error) {
	defer waiting(ctx)()
	return p.Workloads.Workload(ctx, resource, namespace, name)
}
