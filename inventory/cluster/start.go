package cluster

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// start says which kinds the cluster does not have when an inventory begins to follow it, all
// of them in one line: most clusters lack several, and none of that is a fault.
type start struct {
	logger *slog.Logger
	// complete is closed when every kind was found or not.
	complete chan struct{}

	mu     sync.Mutex
	open   int
	absent []string
	// over says that the line was logged: what is found to be absent later has its own.
	over bool
}

func newStart(logger *slog.Logger) *start {
	return &start{logger: logger, complete: make(chan struct{})}
}

// expect adds a kind that is going to be looked for.
func (s *start) expect() { s.open++ }

// found notes whether the cluster has a kind, once for each.
func (s *start) found(resource string, served bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !served {
		s.absent = append(s.absent, resource)
	}
	if s.over {
		s.say()
	}
	if s.open--; s.open == 0 {
		close(s.complete)
	}
}

// run says it as soon as all is known, or when no more is to be expected for now.
func (s *start) run(ctx context.Context) {
	select {
	case <-s.complete:
	case <-time.After(fillPatience):
	case <-ctx.Done():
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	s.say()
}

func (s *start) say() {
	if len(s.absent) > 0 {
		slices.Sort(s.absent)
		s.logger.Info("this cluster does not have some of the kinds that are followed: each is as soon as it is installed", "resources", s.absent)
		s.absent = nil
	}
}
