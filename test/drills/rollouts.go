package main

import (
	"context"
	"fmt"
	"syscall"
	"time"

	"github.com/macvlan-webhook/macvlan-webhook/test/wait"
)

// rollouts are the drills in which replicas come and go.
func rollouts() []*drill {
	return []*drill{
		{
			name: "rolling-update", about: "all replicas are replaced one by one, as the Deployment does it (maxUnavailable 0, maxSurge 1); in full twice",
			mayFail: nothing, flags: drain, run: rollingUpdate,
		},
		{
			name: "replica-killed", about: "kill -9 of one replica; another one takes its place",
			mayFail: inFlight, run: killed,
		},
		{
			name: "replica-stopped", about: "one replica is stopped (SIGSTOP) for 10 s and goes on",
			mayFail: inFlight, run: stopped,
		},
	}
}

func drain(s scale) []string { return []string{fmt.Sprint("--drain=", s.drain)} }

func rollingUpdate(ctx context.Context, s *site) error {
	for range s.scale.times {
		for _, old := range s.all() {
			if _, err := s.grow(ctx); err != nil {
				return err
			}
			if err := s.retire(old); err != nil {
				return err
			}
		}
		// None of those that stop is asked again.
		s.retired.Wait()
	}
	return nil
}

func killed(ctx context.Context, s *site) error {
	for range s.scale.times {
		victim := s.all()[0]
		s.note("%d connections to it were open", s.service.open(victim.Address))
		s.load.begin("a replica is killed")
		if err := s.kill(victim); err != nil {
			return err
		}
		s.load.over()
		if _, err := s.grow(ctx); err != nil {
			return err
		}
	}
	return nil
}

func stopped(_ context.Context, s *site) error {
	victim := s.all()[0]
	s.note("%d connections to it were open", s.service.open(victim.Address))
	s.load.begin("a replica is stopped")
	if err := victim.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	time.Sleep(s.scale.hold)
	if err := wait.For("the stopped replica is out of the Service", func() bool { return !s.service.ready(victim) }); err != nil {
		return err
	}
	if err := victim.Signal(syscall.SIGCONT); err != nil {
		return err
	}
	err := wait.For("the replica is ready again", func() bool { return s.service.ready(victim) })
	s.load.over()
	return err
}
