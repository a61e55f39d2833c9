package main

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/macvlan-webhook/macvlan-webhook/test/server"
)

// probePeriod lies between two readiness probes of a replica, and is how long one may
// take. One that fails takes the replica out, one that succeeds brings it back.
const probePeriod = time.Second

// service is the Service in front of the replicas, together with the kubelet that says
// which of them are ready.
type service struct {
	*forwarder

	mu        sync.Mutex
	endpoints []*endpoint
	next      int
}

// endpoint is a replica as the Service knows it.
type endpoint struct {
	replica *server.Server
	ready   bool
	stop    context.CancelFunc
}

func newService() (*service, error) {
	s := &service{}
	var err error
	s.forwarder, err = newForwarder(s.choose)
	return s, err
}

// choose takes the ready replicas in turn.
func (s *service) choose() (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range s.endpoints {
		s.next++
		if e := s.endpoints[s.next%len(s.endpoints)]; e.ready {
			return e.replica.Address, true
		}
	}
	return "", false
}

// add probes a replica from now on.
func (s *service) add(replica *server.Server) {
	ctx, stop := context.WithCancel(context.Background())
	e := &endpoint{replica: replica, stop: stop}
	s.mu.Lock()
	s.endpoints = append(s.endpoints, e)
	s.mu.Unlock()
	go s.follow(ctx, e)
}

func (s *service) follow(ctx context.Context, e *endpoint) {
	// The kubelet probes on connections of its own.
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: probePeriod}
	for period := time.NewTicker(probePeriod); ; {
		ready := isReady(ctx, client, e.replica)
		s.mu.Lock()
		e.ready = ready && ctx.Err() == nil
		s.mu.Unlock()
		select {
		case <-ctx.Done():
			period.Stop()
			return
		case <-period.C:
		}
	}
}

func isReady(ctx context.Context, client *http.Client, replica *server.Server) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+replica.Probes+"/readyz", nil)
	if err != nil {
		return false
	}
	response, err := client.Do(request)
	if err != nil {
		return false
	}
	response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// ready says whether new connections may go to the replica.
func (s *service) ready(replica *server.Server) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.endpoints, func(e *endpoint) bool { return e.replica == replica && e.ready })
}

// remove forgets a replica. Its connections stay.
func (s *service) remove(replica *server.Server) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endpoints = slices.DeleteFunc(s.endpoints, func(e *endpoint) bool {
		if e.replica == replica {
			e.stop()
		}
		return e.replica == replica
	})
}
