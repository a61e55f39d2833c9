package cluster

import (
	"sync"
	"time"
)

// patience tells a cache that is being filled from one that cannot be: it ends some time
// after the first failure, or after the last sign of progress without one.
type patience struct {
	now func() time.Time

	mu sync.Mutex
	// since is the last sign of progress, or the first failure after it; the zero value
	// before the cache begins to be filled.
	since   time.Time
	failing bool
	// over stays: nobody who was ready without the cache is taken out of the Service for
	// it again.
	over bool
}

// progress notes that the filling goes on.
func (p *patience) progress() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.since, p.failing = p.now(), false
}

// failure notes that the cache could not be filled now.
func (p *patience) failure() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.failing {
		p.since, p.failing = p.now(), true
	}
}

// ended says whether the cache need not be waited for any more.
func (p *patience) ended() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = p.over || !p.since.IsZero() && p.now().Sub(p.since) >= fillPatience
	return p.over
}
