package certs

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"golang.org/x/time/rate"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

const (
	// firstRetry is the pause after the first failure; it doubles up to interval.
	firstRetry = time.Second
	// wakeBurst is how many changes in a row are answered at once.
	wakeBurst = 20
)

// Run reconciles whenever the Secret or a configuration changes, when something is due,
// and about every minute, until ctx ends, and then returns nil. A failed pass is tried
// again, after a second at first; until one succeeds the certificate at hand is served
// and renewed. Failures are logged when they begin, change and end, not each time.
func (s *SelfSigned) Run(ctx context.Context) error {
	changes := make(chan struct{}, 1)
	var watches sync.WaitGroup
	defer watches.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	watches.Go(func() { s.watch(ctx, changes) })
	wakes := rate.NewLimiter(rate.Every(s.lives.wakePause()), wakeBurst)
	failures, state := 0, ""
	for ctx.Err() == nil {
		err := s.Reconcile(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil:
			if failures > 0 {
				s.logger.Info("certificates are set up again", "failures", failures)
			}
			failures, state = 0, ""
		default:
			failures++
			if next := failureState(err); next != state {
				s.logger.Error("certificates are not set up, retrying", "error", err)
				state = next
			}
		}
		if s.pause(ctx, s.untilNext(delay(failures, rand.Float64())), changes) {
			if early := wakes.Reserve().Delay(); early > 0 {
				s.pause(ctx, s.untilNext(early), nil)
			}
		}
	}
	return nil
}

// untilNext is the pause before the next pass, given the longest one.
func (s *SelfSigned) untilNext(longest time.Duration) time.Duration {
	s.pass.Lock()
	defer s.pass.Unlock()
	if s.next.IsZero() {
		return longest
	}
	return min(longest, s.next.Sub(s.clock()))
}

// failureState reduces an error to what is worth a new line in the log: a
// connection error names another port each time, the situation is the same.
func failureState(err error) string {
	if unusable, ok := errors.AsType[*SecretError](err); ok {
		return unusable.Error()
	}
	return "api " + string(apierrors.ReasonForError(err))
}

// delay is the longest pause before the next pass. Up to a tenth is added, for a random
// number in [0, 1), so that replicas which started together drift apart.
func delay(failures int, random float64) time.Duration {
	pause := interval
	if failures > 0 {
		pause = firstRetry
		for range failures - 1 {
			if pause *= 2; pause >= interval {
				pause = interval
				break
			}
		}
	}
	return pause + time.Duration(random*float64(pause)/10)
}

// pause waits, and returns true when a change has ended it.
func pause(ctx context.Context, d time.Duration, changes <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-changes:
		return true
	}
	return false
}
