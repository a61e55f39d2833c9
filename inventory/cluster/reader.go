package cluster

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
)

const (
	// readTimeout bounds one live read. It is below the deadline of a request,
	// so that a hanging API server is reported as such.
	readTimeout = 3 * time.Second
	// absenceKept is how long the answer "there is none" may stand in for a
	// read, and only while the read rate is exhausted.
	absenceKept = time.Second
	// absencesKept bounds the memory for such answers.
	absencesKept = 4096
)

// getFunc reads one object from the API server; nil without an error when there is
// none.
type getFunc[T any] func(context.Context, object.Reference) (*T, error)

// reader shares live reads between concurrent askers.
//
// golang.org/x/sync/singleflight would hand an asker the answer to a read that
// was sent before the asker came. Here an asker waits for the next read then, so
// at most one read of an object is under way and one is waiting.
type reader[T any] struct {
	get     getFunc[T]
	limiter *rate.Limiter
	// timeout of a read; 0 where get has its own.
	timeout time.Duration
	now     func() time.Time
	count   func(result string)

	mu       sync.Mutex
	running  map[object.Reference]*read[T]
	waiting  map[object.Reference]*read[T]
	absences map[object.Reference]time.Time
}

type read[T any] struct {
	done  chan struct{}
	value *T
	err   error
}

func newReader[T any](get getFunc[T], limiter *rate.Limiter, timeout time.Duration, now func() time.Time, count func(string)) *reader[T] {
	return &reader[T]{
		get: get, limiter: limiter, timeout: timeout, now: now, count: count,
		running:  map[object.Reference]*read[T]{},
		waiting:  map[object.Reference]*read[T]{},
		absences: map[object.Reference]time.Time{},
	}
}

// read asks the API server for an object. It gives up when ctx ends.
func (r *reader[T]) read(ctx context.Context, ref object.Reference) pod.Answer[T] {
	r.mu.Lock()
	call, ok := r.waiting[ref]
	if !ok {
		if _, busy := r.running[ref]; !busy && r.absentLately(ref) && r.limiter.Tokens() < 1 {
			r.mu.Unlock()
			r.count("remembered")
			return pod.Answer[T]{}
		}
		call = &read[T]{done: make(chan struct{})}
		if _, busy := r.running[ref]; busy {
			r.waiting[ref] = call
		} else {
			r.running[ref] = call
			go r.run(ref, call)
		}
	}
	r.mu.Unlock()

	select {
	case <-call.done:
		return pod.Answer[T]{Value: call.value, Err: call.err, Fresh: call.err == nil}
	case <-ctx.Done():
		return pod.Answer[T]{Err: fmt.Errorf("the API server did not answer in time: %w", ctx.Err())}
	}
}

// absentLately says whether the object was not there a moment ago.
func (r *reader[T]) absentLately(ref object.Reference) bool {
	seen, ok := r.absences[ref]
	return ok && r.now().Sub(seen) < absenceKept
}

// run does one read and starts the next of the same object, if one waits. It
// belongs to all who wait, so no asker's context ends it.
func (r *reader[T]) run(ref object.Reference, call *read[T]) {
	ctx := context.Background()
	if r.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, r.timeout)
		defer cancel()
	}
	if err := r.limiter.Wait(ctx); err != nil {
		call.err = errors.New("too many reads at once: try again")
	} else {
		call.value, call.err = r.get(ctx, ref)
	}

	result := "found"
	r.mu.Lock()
	switch {
	case call.err != nil:
		result = "failed"
	case call.value == nil:
		result = "absent"
		r.rememberAbsence(ref)
	default:
		delete(r.absences, ref)
	}
	if next, ok := r.waiting[ref]; ok {
		delete(r.waiting, ref)
		r.running[ref] = next
		go r.run(ref, next)
	} else {
		delete(r.running, ref)
	}
	r.mu.Unlock()
	r.count(result)
	close(call.done)
}

func (r *reader[T]) rememberAbsence(ref object.Reference) {
	now := r.now()
	if len(r.absences) >= absencesKept {
		for old, seen := range r.absences {
			if now.Sub(seen) >= absenceKept {
				delete(r.absences, old)
			}
		}
	}
	if len(r.absences) < absencesKept {
		r.absences[ref] = now
	}
}
