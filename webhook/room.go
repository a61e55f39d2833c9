package webhook

import (
	"context"
	"errors"
	"slices"
	"sync"
)

// errFull says that there is no room, and that too many wait for it already.
var errFull = errors.New("too many requests wait already")

// room is what requests share, such as bytes of memory. Those that wait for it are let in
// by address: the one that uses least comes next, so that a client that sends very many
// requests waits for itself, and not the others for it. golang.org/x/sync/semaphore lets
// in whoever came first.
type room struct {
	// most is how many may wait.
	most int

	mu      sync.Mutex
	free    int64
	used    map[string]int64
	waiting []*waiter // in order of arrival
}

// waiter waits for its share of a room.
type waiter struct {
	host string
	size int64
	// back marks a request that was in the room before.
	back bool
	// entered is written before ready is closed.
	entered bool
	ready   chan struct{}
}

func newRoom(size int64, most int) *room {
	return &room{most: most, free: size, used: map[string]int64{}}
}

// enter waits for a share, until ctx ends. It fails at once when too many wait.
func (r *room) enter(ctx context.Context, host string, size int64) error {
	return r.wait(ctx, &waiter{host: host, size: size, ready: make(chan struct{})})
}

// reenter is enter for a request that has left the room for a while: it comes before the
// others, and is never one too many.
func (r *room) reenter(ctx context.Context, host string, size int64) error {
	return r.wait(ctx, &waiter{host: host, size: size, back: true, ready: make(chan struct{})})
}

func (r *room) wait(ctx context.Context, w *waiter) error {
	r.mu.Lock()
	r.waiting = append(r.waiting, w)
	r.admit()
	if len(r.waiting) > r.most {
		r.refuse()
	}
	r.mu.Unlock()
	select {
	case <-w.ready:
	case <-ctx.Done():
		r.mu.Lock()
		defer r.mu.Unlock()
		if i := slices.Index(r.waiting, w); i >= 0 {
			r.waiting = slices.Delete(r.waiting, i, i+1)
			// It may have been the one that others had to wait for.
			r.admit()
			return ctx.Err()
		}
	}
	if !w.entered {
		return errFull
	}
	return nil
}

// try enters if there is room now. It leaves a quarter to other addresses.
func (r *room) try(host string, size int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	free := r.free - size
	if free < 0 || r.used[host] > 0 && r.used[host]+size > 3*free {
		return false
	}
	r.take(host, size)
	return true
}

// leave gives a share back.
func (r *room) leave(host string, size int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.free += size
	if r.used[host] -= size; r.used[host] == 0 {
		delete(r.used, host)
	}
	r.admit()
}

func (r *room) take(host string, size int64) {
	r.free -= size
	r.used[host] += size
}

// admit lets in those that wait, as far as there is room. Nobody overtakes the one whose
// turn it is, or a large one might wait for ever.
func (r *room) admit() {
	for len(r.waiting) > 0 {
		next := 0
		for i, w := range r.waiting {
			if w.back {
				next = i
				break
			}
			if r.used[w.host] < r.used[r.waiting[next].host] {
				next = i
			}
		}
		w := r.waiting[next]
		if w.size > r.free {
			return
		}
		r.take(w.host, w.size)
		r.waiting = slices.Delete(r.waiting, next, next+1)
		w.entered = true
		close(w.ready)
	}
}

// refuse turns the newest away of the address that has the most that wait.
func (r *room) refuse() {
	number := map[string]int{}
	for _, w := range r.waiting {
		if !w.back {
			number[w.host]++
		}
	}
	last := -1
	for i, w := range r.waiting {
		if !w.back && (last < 0 || number[w.host] >= number[r.waiting[last].host]) {
			last = i
		}
	}
	if last < 0 {
		return
	}
	w := r.waiting[last]
	r.waiting = slices.Delete(r.waiting, last, last+1)
	close(w.ready)
}
