package certs

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

const (
	// interval lies between two looks at the Secret and the configurations. A
	// read of one small object a minute costs less than a watch, and needs no
	// right to list.
	interval = time.Minute

	// firstRetry is the pause after the first failure; it doubles up to interval.
	firstRetry = time.Second
)

// Run reconciles about every minute until ctx ends, and then returns nil. A
// failed pass is tried again, after a second at first; until one succeeds the
// certificate at hand is served and renewed. Failures are logged when they
// begin, change and end, not each time.
func (s *SelfSigned) Run(ctx context.Context) error {
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
				s.logger.Error("certificates are not set up yet, retrying", "error", err)
				state = next
			}
		}
		s.pause(ctx, delay(failures, rand.Float64()))
	}
	return nil
}

// failureState reduces an error to what is worth a new line in the log: a
// connection error names another port each time, the situation is the same.
func failureState(err error) string {
	if unusable, ok := errors.AsType[*SecretError](err); ok {
		return unusable.Error()
	}
	return "api " + string(apierrors.ReasonForError(err))
}

// delay is the pause before the next pass. Up to a tenth is added, for a random
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

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
