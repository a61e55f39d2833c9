package e2e

import (
	"context"
	"crypto/tls"
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

// expectAllowed sends a good request, which must be answered, and says how long that took.
func expectAllowed(t *testing.T, client *http.Client, s *server.Server) time.Duration {
	t.Helper()
	took, refused := goodRequest(t, client, s)
	if refused {
		t.Error("a good request is refused")
	}
	return took
}

// goodRequest sends a good request, which must be answered, if only by a refusal since
// there are too many. It says how long that took.
func goodRequest(t *testing.T, client *http.Client, s *server.Server) (took time.Duration, refused bool) {
	t.Helper()
	start := time.Now()
	status, text, err := post(client, "https://"+s.Address+"/validate?timeout=5s", "application/json",
		strings.NewReader(podReview("good", `"k8s.v1.cni.cncf.io/networks":"kube-system/macvlan-overlay-vlan0"`)))
	if err == nil && status == http.StatusServiceUnavailable && strings.Contains(text, "too many requests at once: try again") {
		return time.Since(start), true
	}
	if err != nil || status != http.StatusOK || !strings.Contains(text, `"allowed":true`) {
		t.Errorf("a good request is answered with %d %.300s %v", status, text, err)
	}
	return time.Since(start), false
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
		{name: "4 large objects", clients: 4, body: manyLimits},
		{name: "12 large objects", clients: 12, body: manyLimits},
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
			for range 30 {
				slowest = max(slowest, expectAllowed(t, good, s))
				time.Sleep(50 * time.Millisecond)
			}
			t.Logf("the slowest good request took %s", slowest.Round(time.Millisecond))
			// From the address of the load, requests wait with it.
			slowest = 0
			refusals := 0
			for range 5 {
				took, refused := goodRequest(t, beside, s)
				slowest = max(slowest, took)
				if refused {
					refusals++
				}
			}
			t.Logf("from the same address, %d of 5 good requests were refused, the slowest took %s", refusals, slowest.Round(time.Millisecond))
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
	start := time.Now()
	for range 2000 {
		requests.Go(func() { expectAllowed(t, client, s) })
	}
	requests.Wait()
	t.Logf("2,000 requests at once took %s", time.Since(start).Round(time.Millisecond))
	expectMemoryBelow(t, s, containerLimit)
}

// Clients that hold connections and do nothing never keep an API server out, whatever they
// did before, and whichever port they hold.
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
	for _, test := range []struct {
		name   string
		plain  bool // no handshake
		probes bool // on the other port
		do     func(net.Conn) error
	}{
		{name: "nothing sent", plain: true, do: nothing},
		{name: "handshake", do: func(conn net.Conn) error { return conn.(*tls.Conn).Handshake() }},
		{name: "half a header", do: func(conn net.Conn) error {
			_, err := io.WriteString(conn, "POST /validate HTTP/1.1\r\n")
			return err
		}},
		{name: "garbage", do: say("GET /x HTTP/1.1\r\nHost: a\r\n\r\n")},
		{name: "one good review", do: say(rawRequest(podReview("u", "")))},
		{name: "probe port, nothing sent", plain: true, probes: true, do: nothing},
		{name: "probe port, one probe", plain: true, probes: true, do: say("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")},
	} {
		for _, address := range []string{attacker, apiServer} {
			for _, number := range []int{250, 1000} {
				if address == apiServer && number == 250 {
					continue // the more, the harder
				}
				t.Run(fmt.Sprintf("%s/%s/%d", test.name, address, number), func(t *testing.T) {
					s, client := standalone(t, "apiVersion: v1\nkind: List\nitems: []\n")
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					target := s.Address
					if test.probes {
						target = s.Probes
					}
					var clients sync.WaitGroup
					for range number {
						clients.Go(func() {
							dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
							conn, err := dialer.DialContext(ctx, "tcp", target)
							if err != nil {
								t.Errorf("connect: %v", err)
								return
							}
							defer conn.Close()
							context.AfterFunc(ctx, func() { conn.Close() })
							if !test.plain {
								config := client.Transport.(*http.Transport).TLSClientConfig.Clone()
								config.ServerName = apiServer
								conn = tls.Client(conn, config)
							}
							_ = test.do(conn) // closed meanwhile, perhaps
							<-ctx.Done()
						})
					}
					time.Sleep(500 * time.Millisecond)
					t.Logf("a good request took %s", expectAllowed(t, from(t, client, apiServer), s).Round(time.Millisecond))
					expectReady(t, s)
					cancel()
					clients.Wait()
					expectMemoryBelow(t, s, memoryLimit)
				})
			}
		}
	}
}
