package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/macvlan-webhook/macvlan-webhook/test/server"
	"github.com/macvlan-webhook/macvlan-webhook/test/wait"
)

// hostilities are the drills in which somebody in the cluster does to the replicas what he
// can, past the API server.
func hostilities() []*drill {
	return []*drill{
		{
			name: "flood", about: "2,000 costly requests at once to one replica, each on a connection of its own",
			mayFail: nothing, crowded: true, run: attack(flood),
		},
		{
			name: "idle-connections", about: "250 connections to each replica that send one request and then nothing, the same to its probe port, then 1,000",
			mayFail: nothing, crowded: true, run: attack(idleConnections),
		},
		{
			name: "slow-clients", about: "240 connections to each replica that send half a body, and 240 that do not read the answer to a costly request",
			mayFail: nothing, crowded: true, run: attack(slowClients),
		},
		{
			name: "large-objects", about: "12 clients send one replica, again and again, objects of 3 MB (190,000 resource limits) and 4.5 MB (1.5 million conditions)",
			mayFail: nothing, crowded: true, run: attack(largeObjects),
		},
	}
}

// attack is what somebody hostile does, until he is gone and the Service has noticed.
func attack(do func(*site) error) func(context.Context, *site) error {
	return func(_ context.Context, s *site) error {
		s.load.begin("the attack begins")
		defer s.load.over()
		if err := do(s); err != nil {
			return err
		}
		return wait.For("all replicas are ready after the attack", func() bool {
			return !slices.ContainsFunc(s.all(), func(r *server.Server) bool { return !s.service.ready(r) })
		})
	}
}

// costly are annotations whose verdicts have cost the most: each a list of networks that
// all have something wrong with them.
var costly = []string{
	// One network 120 times with 20 addresses each.
	list(120, `{"name":"macvlan-standalone-vlan100","namespace":"kube-system","ips":["10.1.1.1/24"`+strings.Repeat(`,"10.1.1.1/24"`, 19)+`]}`),
	// Nothing in it is as it must be.
	list(126, `{"name":"Not_A_Name","namespace":"kube-system","interface":"`+strings.Repeat("i", 200)+`","mac":"no mac","infiniband-guid":"no guid","ips":["no address"]}`),
}

func list(count int, element string) string {
	return "[" + element + strings.Repeat(","+element, count-1) + "]"
}

// costlyReviews are AdmissionReviews of pods with the annotations of costly.
func costlyReviews() (bodies [][]byte) {
	for _, networks := range costly {
		pod := newSpecimen("costly", map[string]string{"k8s.v1.cni.cncf.io/networks": networks})
		bodies = append(bodies, pod.review())
	}
	return bodies
}

// flood sends all requests at once and waits for the answers as long as an API server would.
func flood(s *site) error {
	bodies := costlyReviews()
	victim := s.all()[0]
	answered := 0
	var mu sync.Mutex
	for range s.scale.times {
		var clients sync.WaitGroup
		for i := range s.scale.hostile {
			clients.Go(func() {
				client := &http.Client{Transport: &http.Transport{DialContext: stranger.DialContext, TLSClientConfig: anyCertificate, DisableKeepAlives: true}}
				if code, _, err := post(client, "https://"+victim.Address+"/validate?timeout=5s", bodies[i%len(bodies)], 5*time.Second); err == nil && code == http.StatusOK {
					mu.Lock()
					answered++
					mu.Unlock()
				}
			})
		}
		clients.Wait()
	}
	s.note("%d of %d hostile requests had a verdict within 5 s", answered, s.scale.times*s.scale.hostile)
	return nil
}

// idleConnections opens connections, uses each once, and keeps them while the load goes on.
func idleConnections(s *site) error {
	for _, count := range s.scale.idle {
		held := &holder{}
		for _, r := range s.all() {
			for range count {
				held.hold(r.Address, true, "GET /nowhere HTTP/1.1\r\nHost: webhook\r\n\r\n")
				held.hold(r.Probes, false, "GET /healthz HTTP/1.1\r\nHost: webhook\r\n\r\n")
			}
		}
		opened := held.opened()
		time.Sleep(s.scale.hold)
		err := s.load.more(2 * s.scale.rate)
		held.release()
		if err != nil {
			return err
		}
		s.note("%d connections: %d of %d were let in", count, opened, 2*replicas*count)
	}
	return nil
}

// slowClients sends halves of bodies, and does not read answers.
func slowClients(s *site) error {
	const each = 240
	bodies := costlyReviews()
	held := &holder{}
	for _, r := range s.all() {
		for i := range each {
			large := 6_000_000
			if i%2 == 1 {
				large = 65_000
			}
			held.hold(r.Address, true, head(large)+strings.Repeat("x", min(large-1000, 100_000)))
			body := bodies[i%len(bodies)]
			held.hold(r.Address, true, head(len(body))+string(body))
		}
	}
	time.Sleep(s.scale.hold)
	err := s.load.more(2 * s.scale.rate)
	held.release()
	return err
}

// head is that of a request with a body of the length.
func head(length int) string {
	return fmt.Sprintf("POST /validate?timeout=5s HTTP/1.1\r\nHost: webhook\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", length)
}

// holder keeps connections open.
type holder struct {
	opening sync.WaitGroup
	mu      sync.Mutex
	conns   []net.Conn
}

// hold opens a connection, over TLS or not, writes to it and leaves it. A server that does not
// let it in is no error.
func (h *holder) hold(address string, overTLS bool, text string) {
	h.opening.Go(func() {
		conn, err := stranger.Dial("tcp", address)
		if err != nil {
			return
		}
		if overTLS {
			secure := tls.Client(conn, anyCertificate)
			_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
			if secure.Handshake() != nil {
				_ = conn.Close()
				return
			}
			conn = secure
		}
		_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
		if _, err := io.WriteString(conn, text); err != nil {
			_ = conn.Close()
			return
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		h.conns = append(h.conns, conn)
	})
}

// opened waits until every connection is open or refused, and says how many are.
func (h *holder) opened() int {
	h.opening.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.conns)
}

func (h *holder) release() {
	h.opened()
	for _, conn := range h.conns {
		_ = conn.Close()
	}
}

// largeObjects are sent to one replica by few clients again and again.
func largeObjects(s *site) error {
	bodies := [][]byte{manyLimits(190_000), manyConditions(1_500_000)}
	until := time.Now().Add(s.scale.hold)
	victim := s.all()[0]
	var clients sync.WaitGroup
	for i := range 12 {
		clients.Go(func() { sendUntil(until, victim, bodies[i%len(bodies)]) })
	}
	clients.Wait()
	return nil
}

// sendUntil sends a body at least once.
func sendUntil(until time.Time, r *server.Server, body []byte) {
	client := &http.Client{Transport: &http.Transport{DialContext: stranger.DialContext, TLSClientConfig: anyCertificate}}
	defer client.CloseIdleConnections()
	for {
		// Whatever it is answered with.
		_, _, _ = post(client, "https://"+r.Address+"/validate?timeout=5s", body, 10*time.Second)
		if time.Now().After(until) {
			return
		}
	}
}

// manyLimits is a review of a pod whose container has that many names in its limits.
func manyLimits(count int) []byte {
	var limits strings.Builder
	for i := range count {
		fmt.Fprintf(&limits, `,"a%d":"1"`, i)
	}
	return inserted(`"resources":{"limits":{"cpu":"1"`+limits.String()+`}},`, `"image":"none"`)
}

// manyConditions is a review of a pod with that many conditions.
func manyConditions(count int) []byte {
	return inserted(`"status":{"conditions":[{}`+strings.Repeat(",{}", count-1)+`]},`, `"spec":{`)
}

// inserted is a review of a good pod with a text put before another.
func inserted(text, before string) []byte {
	return []byte(strings.Replace(string(specimens()[0].review()), before, text+before, 1))
}
