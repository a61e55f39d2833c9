package e2e

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/macvlan-webhook/macvlan-webhook/test/fixtures"
	"github.com/macvlan-webhook/macvlan-webhook/test/server"
)

// containerLimit is the memory limit of the container in the Deployment, in bytes.
const containerLimit = 128 << 20

// Addresses of the loopback interface that stand for clients: the server tells them apart
// by their address.
const (
	apiServer = "127.0.0.1"
	attacker  = "127.0.0.2"
)

// from is a client that trusts what another one trusts, and calls from an address.
func from(t *testing.T, client *http.Client, address string) *http.Client {
	t.Helper()
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	transport := &http.Transport{
		TLSClientConfig: client.Transport.(*http.Transport).TLSClientConfig.Clone(),
		DialContext:     dialer.DialContext,
		// As kube-apiserver has it for webhooks.
		MaxIdleConnsPerHost: 25,
		IdleConnTimeout:     90 * time.Second,
	}
	t.Cleanup(transport.CloseIdleConnections)
	// The longest that an API server can be told to wait.
	return &http.Client{Transport: transport, Timeout: 30 * time.Second}
}

// connect opens a connection from an address, and makes the handshake.
func connect(ctx context.Context, client *http.Client, address string, s *server.Server) (net.Conn, error) {
	dialer := &tls.Dialer{
		NetDialer: &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}},
		Config:    client.Transport.(*http.Transport).TLSClientConfig.Clone(),
	}
	return dialer.DialContext(ctx, "tcp", s.Address)
}

// rawRequest is a request as it goes over a connection.
func rawRequest(body string) string {
	return fmt.Sprintf("POST /validate?timeout=5s HTTP/1.1\r\nHost: webhook\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

// faulty is a pod with as many things wrong as fit into its annotation.
func faulty() string {
	element := `{"name":"Bad_Name_%03d","namespace":"kube-system","interface":"an-interface-name-that-is-much-too-long-%03d","mac":"not-a-mac-%03d","infiniband-guid":"not-a-guid-%03d",` +
		`"ips":["10.1.1.%03d/33","10.1.2.%03d/33","10.1.3.%03d/33","10.1.4.%03d/33","10.1.5.%03d/33","10.1.6.%03d/33","10.1.7.%03d/33"]}`
	return manyElements(126, element)
}

// manyElements is the review of a pod with that many networks.
func manyElements(count int, element string) string {
	elements := make([]string, count)
	for i := range elements {
		elements[i] = strings.ReplaceAll(element, "%03d", fmt.Sprintf("%03d", i))
	}
	return podReview("u", fmt.Sprintf(`"k8s.v1.cni.cncf.io/networks":%q`, "["+strings.Join(elements, ",")+"]"))
}

// padded is the review of a good pod with more in it.
func padded(old, addition string) string {
	return strings.Replace(podReview("u", `"k8s.v1.cni.cncf.io/networks":"kube-system/macvlan-overlay-vlan0"`), old, addition, 1)
}

// manyLimits has 2.9 MB of names in the limits of its first container.
func manyLimits() string {
	var limits strings.Builder
	for i := range 190_000 {
		fmt.Fprintf(&limits, `,"x%06d":"1"`, i)
	}
	return padded(`"containers":[]`, `"containers":[{"name":"c","resources":{"limits":{"cpu":"1"`+limits.String()+`}}}]`)
}

// manyConditions has 4.5 MB of empty conditions.
func manyConditions() string {
	return padded(`"spec":{`, `"status":{"conditions":[`+strings.Repeat("{},", 1_500_000)+`{}]},"spec":{`)
}

// flood is a load, and how many clients make it.
type flood struct {
	name    string
	clients int
	body    func() string
	// unread clients send the next request without reading the answer, until the server
	// closes the connection.
	unread bool
}

// attack makes a load from an address until ctx ends. Refused and failed requests are its
// own affair.
func (f flood) attack(ctx context.Context, client *http.Client, address string, s *server.Server) {
	request := rawRequest(f.body())
	var clients sync.WaitGroup
	defer clients.Wait()
	for range f.clients {
		clients.Go(func() {
			for ctx.Err() == nil {
				conn, err := connect(ctx, client, address, s)
				if err != nil {
					continue
				}
				release := context.AfterFunc(ctx, func() { conn.Close() })
				if !f.unread {
					go func() { _, _ = io.Copy(io.Discard, conn) }()
				}
				for err == nil {
					_, err = io.WriteString(conn, request)
				}
				release()
				conn.Close()
			}
		})
	}
}

// errRefused is the answer to a good request where there are too many.
var errRefused = errors.New("a good request is refused: there are too many")

// goodRequest sends a good request, which must be allowed, and says how long that took.
func goodRequest(client *http.Client, s *server.Server) (took time.Duration, err error) {
	start := time.Now()
	status, text, err := post(client, "https://"+s.Address+"/validate?timeout=5s", "application/json",
		strings.NewReader(podReview("good", `"k8s.v1.cni.cncf.io/networks":"kube-system/macvlan-overlay-vlan0"`)))
	switch took = time.Since(start); {
	case err != nil:
		return took, err
	case status == http.StatusServiceUnavailable && strings.Contains(text, "too many requests at once: try again"):
		return took, errRefused
	case status != http.StatusOK || !strings.Contains(text, `"allowed":true`):
		return took, fmt.Errorf("a good request is answered with %d %.300s", status, text)
	}
	return took, nil
}

// expectAllowed is goodRequest that fails the test.
func expectAllowed(t *testing.T, client *http.Client, s *server.Server) time.Duration {
	t.Helper()
	took, err := goodRequest(client, s)
	if err != nil {
		t.Errorf("after %s: %v", took.Round(time.Millisecond), err)
	}
	return took
}

// expectReady wants the server to be ready, and to live, as the kubelet asks.
func expectReady(t *testing.T, s *server.Server) {
	t.Helper()
	for _, path := range []string{"/healthz", "/readyz"} {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		start := time.Now()
		if status, text, err := s.Probe(ctx, path); err != nil || status != http.StatusOK {
			t.Errorf("%s is answered with %d %s %v", path, status, text, err)
		}
		t.Logf("%s took %s", path, time.Since(start).Round(time.Millisecond))
	}
}

// tally counts problems by their kind: of very many connections, each line would be one too
// many.
type tally struct {
	mu    sync.Mutex
	kinds map[string]int
}

// add counts an error by what is at the bottom of it.
func (y *tally) add(err error) {
	for inner := err; inner != nil; inner = errors.Unwrap(inner) {
		err = inner
	}
	y.mu.Lock()
	defer y.mu.Unlock()
	if y.kinds == nil {
		y.kinds = map[string]int{}
	}
	y.kinds[err.Error()]++
}

// report has the test fail with a line for each kind.
func (y *tally) report(t *testing.T, what string) {
	t.Helper()
	y.mu.Lock()
	defer y.mu.Unlock()
	for kind, number := range y.kinds {
		t.Errorf("%d times: %s: %s", number, what, kind)
	}
}

// Requests that cost much neither take the memory of the container, nor keep others from
// being answered, nor the kubelet from seeing that all is well.
func TestFloods(t *testing.T) {
	heavy(t)
	for _, f := range []flood{
		{name: "many findings, answers not read", clients: 240, body: faulty, unread: true},
		{name: "many findings, answers read", clients: 240, body: faulty},
		{name: "many networks", clients: 30, body: func() string {
			return manyElements(120, `{"name":"macvlan-standalone-vlan0","namespace":"kube-system","ips":["10.1.1.1/24"`+strings.Repeat(`,"10.1.1.1/24"`, 19)+`]}`)
		}},
		{name: "large objects", clients: 12, body: manyLimits},
		{name: "large statuses", clients: 8, body: manyConditions},
	} {
		t.Run(f.name, func(t *testing.T) {
			s, client := standalone(t, string(fixtures.Inventory()), "--decision-timeout=4s")
			ctx, stop := context.WithCancel(t.Context())
			var attackers sync.WaitGroup
			attackers.Go(func() { f.attack(ctx, client, attacker, s) })
			time.Sleep(time.Second) // the load builds up
			good, beside := from(t, client, apiServer), from(t, client, attacker)
			var slowest time.Duration
			for range 10 {
				slowest = max(slowest, expectAllowed(t, good, s))
				time.Sleep(50 * time.Millisecond)
			}
			t.Logf("the slowest good request took %s", slowest.Round(time.Millisecond))
			// From the address of the load, requests wait with it.
			slowest = 0
			refusals := 0
			for range 3 {
				took, err := goodRequest(beside, s)
				slowest = max(slowest, took)
				if errors.Is(err, errRefused) {
					refusals++
				} else if err != nil {
					t.Errorf("from the address of the load: %v", err)
				}
			}
			t.Logf("from the same address, %d of 3 good requests were refused, the slowest took %s", refusals, slowest.Round(time.Millisecond))
			expectReady(t, s)
			stop()
			attackers.Wait()
			expectMemoryBelow(t, s, containerLimit)
		})
	}
}

// An API server that creates very many pods at once gets every answer, though there are
// more requests than places.
func TestBurst(t *testing.T) {
	heavy(t)
	s, client := standalone(t, "apiVersion: v1\nkind: List\nitems: []\n", "--decision-timeout=4s")
	client = from(t, client, apiServer)
	var requests sync.WaitGroup
	var failed tally
	start := time.Now()
	for range 2000 {
		requests.Go(func() {
			if _, err := goodRequest(client, s); err != nil {
				failed.add(err)
			}
		})
	}
	requests.Wait()
	failed.report(t, "ask")
	t.Logf("2,000 requests at once took %s", time.Since(start).Round(time.Millisecond))
	expectMemoryBelow(t, s, containerLimit)
}

// held is what clients do with connections that they hold.
type held struct {
	name   string
	number int
	plain  bool // no handshake
	probes bool // on the other port
	do     func(net.Conn) error
}

// open opens the connections from an address, and returns once each is open, or has failed to
// be. They stay open until ctx ends.
func (h held) open(ctx context.Context, t *testing.T, client *http.Client, address string, s *server.Server) (wait func()) {
	t.Helper()
	target := s.Address
	if h.probes {
		target = s.Probes
	}
	var failed tally
	var opened, clients sync.WaitGroup
	opened.Add(h.number)
	for range h.number {
		clients.Go(func() {
			dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
			conn, err := dialer.DialContext(ctx, "tcp", target)
			opened.Done()
			if err != nil {
				failed.add(err)
				return
			}
			defer conn.Close()
			context.AfterFunc(ctx, func() { conn.Close() })
			if !h.plain {
				config := client.Transport.(*http.Transport).TLSClientConfig.Clone()
				config.ServerName = apiServer
				conn = tls.Client(conn, config)
			}
			_ = h.do(conn) // closed meanwhile, perhaps
			<-ctx.Done()
		})
	}
	opened.Wait()
	failed.report(t, "connect")
	return clients.Wait
}

// Clients that hold connections and do nothing never keep an API server out, whatever they
// did before, whichever port they hold, and also where they have the API server's address.
func TestIdleConnections(t *testing.T) {
	heavy(t)
	nothing := func(net.Conn) error { return nil }
	say := func(request string) func(net.Conn) error {
		return func(conn net.Conn) error {
			if _, err := io.WriteString(conn, request); err != nil {
				return err
			}
			_, err := conn.Read(make([]byte, 1<<10))
			return err
		}
	}
	for _, h := range []held{
		{name: "nothing sent", number: 1000, plain: true, do: nothing},
		{name: "half a header", number: 1000, do: func(conn net.Conn) error {
			_, err := io.WriteString(conn, "POST /validate HTTP/1.1\r\n")
			return err
		}},
		// As many as fill the places of those that are known.
		{name: "one good review", number: 250, do: say(rawRequest(podReview("u", "")))},
		{name: "probe port, nothing sent", number: 1000, plain: true, probes: true, do: nothing},
	} {
		for _, address := range []string{attacker, apiServer} {
			t.Run(h.name+"/"+address, func(t *testing.T) {
				s, client := standalone(t, "apiVersion: v1\nkind: List\nitems: []\n")
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				wait := h.open(ctx, t, client, address, s)
				time.Sleep(500 * time.Millisecond) // for what they do
				t.Logf("a good request took %s", expectAllowed(t, from(t, client, apiServer), s).Round(time.Millisecond))
				expectReady(t, s)
				cancel()
				wait()
				expectMemoryBelow(t, s, memoryLimit)
			})
		}
	}
}
