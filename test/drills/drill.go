package main

import (
	"context"
	"slices"
	"time"

	"github.com/macvlan-webhook/macvlan-webhook/test/controlplane"
	"github.com/macvlan-webhook/macvlan-webhook/test/deploy"
)

// drill is something that happens to a site under load.
type drill struct {
	name  string
	about string // what happens, for the table
	// flags of the replicas, besides the usual ones.
	flags func(scale) []string
	// mayFail is what may fail.
	mayFail mayFail
	// starved says that the cluster itself is taken away from the replicas or from the API
	// server: pods may stay undecided, or fail for the API server's own reasons.
	starved bool
	// crowded says that a slower machine than that of the table may be too slow for all that
	// is going on: in the tests calls may fail in the meantime, and in full none may.
	crowded bool
	// long says that it is left out of the tests, which have another drill that shows the
	// same in a shorter time.
	long bool
	// specimens are created besides the usual ones.
	specimens []*specimen
	run       func(context.Context, *site) error
	// after removes what run has left, when the load is over; nil for nothing.
	after func(context.Context, *site) error
}

// mayFail is which calls may fail: those within a window, and in a full drill not for long.
type mayFail string

const (
	nothing  mayFail = "nothing"
	inFlight mayFail = "calls in flight"
	aWhile   mayFail = "until it is put right"
)

// limit is how long after the beginning of a window a call that fails may be sent.
func (m mayFail) limit() time.Duration {
	switch m {
	case inFlight:
		return 3 * time.Second
	case aWhile:
		return 5 * time.Second
	}
	return 0
}

// memoryLimit is that of the container, in bytes.
const memoryLimit = 128 << 20

// drills are all of them, in the order of the table.
func drills() []*drill {
	return slices.Concat(rollouts(), certificates(), outages(), hostilities())
}

// scale is how much of a drill is done.
type scale struct {
	// timed says that the times are promised too.
	timed bool
	// calls are the fewest that a drill counts.
	calls int
	// rate is how many pods are created a second: more than the 50 that are promised.
	rate int
	// underWay bounds the creations that wait for an answer.
	underWay int
	// times is how often what can be repeated is.
	times int
	// The lives of a CA and of a serving certificate where the CA is rotated.
	caLife, leafLife time.Duration
	// drain is the time that a replica goes on after it was asked to stop.
	drain time.Duration
	// hold is how long something stays stopped or spoiled.
	hold time.Duration
	// unaided is how long the replicas have to put something right by themselves.
	unaided time.Duration
	// hostile is how many requests are sent at once, and idle the numbers of connections.
	hostile int
	idle    []int
	// apply installs the manifests.
	apply func(context.Context, *controlplane.ControlPlane, string) error
}

// full is what make drills does. An etcd that is paused for ten seconds leaves hundreds of
// creations waiting.
func full() scale {
	return scale{
		timed: true, calls: 10_000, rate: 130, underWay: 4000, times: 2, caLife: 18 * time.Second, leafLife: 6 * time.Second,
		drain: 10 * time.Second, hold: 10 * time.Second, unaided: 80 * time.Second, hostile: 2000, idle: []int{250, 1000}, apply: deploy.BaseInTime,
	}
}

// short is what the tests do. Its API server waits longer for an answer, and no more pods come
// than are dealt with, so that a slow machine fails nothing.
func short() scale {
	return scale{
		calls: 200, rate: 55, underWay: 150, times: 1, caLife: 24 * time.Second, leafLife: 7 * time.Second,
		drain: 3 * time.Second, hold: 2 * time.Second, unaided: 5 * time.Second, hostile: 300, idle: []int{400}, apply: deploy.Base,
	}
}

// perform does one drill. What keeps it from being done is a broken promise, too.
func (s *site) perform(ctx context.Context, d *drill) *result {
	r, err := s.attempt(ctx, d)
	if err != nil {
		return &result{drill: d, problems: []string{"not done: " + err.Error()}}
	}
	return r
}

func (s *site) attempt(ctx context.Context, d *drill) (*result, error) {
	var flags []string
	if d.flags != nil {
		flags = d.flags(s.scale)
	}
	if err := s.open(ctx, flags); err != nil {
		return nil, err
	}
	before, err := s.counted(ctx)
	if err != nil {
		return nil, err
	}
	s.counts = counts{}.minus(before)
	s.load = startLoad(s.client, s.rest.Host, s.scale.rate, s.scale.underWay, slices.Concat(specimens(), d.specimens))
	// What came of it until then is told all the same.
	if err := s.drive(ctx, d); err != nil {
		s.problem("given up: %v", err)
	}
	tries, windows := s.load.finish()
	if d.after != nil {
		if err := d.after(ctx, s); err != nil {
			return nil, err
		}
	}
	after, err := s.counted(ctx)
	if err != nil {
		return nil, err
	}
	s.counts = s.counts.plus(after)
	s.retired.Wait()
	for _, r := range s.all() {
		s.inspect(r)
		select {
		case <-r.Exited():
			s.problem("a replica ended by itself: %v", r.Err())
		default:
		}
	}
	return newResult(d, s, tries, windows), nil
}

// drive does what the drill does, and goes on with the load before and after it.
func (s *site) drive(ctx context.Context, d *drill) error {
	if err := s.load.more(2 * s.scale.rate); err != nil {
		return err
	}
	if err := d.run(ctx, s); err != nil {
		return err
	}
	return s.load.more(max(2*s.scale.rate, s.scale.calls-s.load.answered()+s.uncounted))
}
