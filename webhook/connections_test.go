package webhook

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/macvlan-webhook/macvlan-webhook/test/wait"
)

// The silence that a server of the tests bears: none that lasts, or any.
var (
	impatient = silence{first: 100 * time.Millisecond, later: 300 * time.Millisecond}
	forgiving = silence{first: time.Hour, later: time.Hour}
)

// shared is a server behind a listener that shares its places.
type shared struct {
	*connections
	evictions atomic.Int32
	// held is closed to let requests for /hold go on.
	held chan struct{}
}

// serveShared answers GET /review as an AdmissionReview is, /hold likewise when it may go
// on, /refused as what finds too many requests, and everything else as what is no review.
func serveShared(t *testing.T, places, kept int, silence silence) *shared {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &shared{held: make(chan struct{})}
	s.connections = share(listener, places, kept, silence, func() { s.evictions.Add(1) })
	server := &http.Server{ConnState: follow, ConnContext: withConnection, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := connectionOf(r.Context())
		c.begin()
		switch r.URL.Path {
		case "/hold":
			<-s.held
		case "/review":
		case "/refused":
			if !c.keep(false) {
				w.Header().Set("Connection", "close")
			}
			return
		default:
			w.Header().Set("Connection", "close")
			return
		}
		if !c.keep(true) {
			w.Header().Set("Connection", "close")
		}
	})}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(s.connections) }()
	t.Cleanup(func() {
		if err := server.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
	return s
}

// peer is a client's end of a connection.
type peer struct {
	net.Conn
	reader *bufio.Reader
}

func (s *shared) connect(t *testing.T, address string) *peer {
	t.Helper()
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	conn, err := dialer.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(wait.Patience)); err != nil {
		t.Fatal(err)
	}
	return &peer{Conn: conn, reader: bufio.NewReader(conn)}
}

// hold connects so often from an address, each time with a request that is held.
func (s *shared) hold(t *testing.T, address string, count int) (busy []*peer) {
	t.Helper()
	for range count {
		p := s.connect(t, address)
		p.send(t, "/hold")
		busy = append(busy, p)
	}
	return busy
}

func (p *peer) send(t *testing.T, path string) {
	t.Helper()
	if _, err := fmt.Fprintf(p, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", path); err != nil {
		t.Fatal(err)
	}
}

// receive reads an answer, and says whether the connection stays open.
func (p *peer) receive(t *testing.T) (open bool) {
	t.Helper()
	response, err := http.ReadResponse(p.reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	return !response.Close
}

func (p *peer) ask(t *testing.T, path string) (open bool) {
	t.Helper()
	p.send(t, path)
	return p.receive(t)
}

// expectClosed waits until the server has closed the connection.
func (p *peer) expectClosed(t *testing.T) {
	t.Helper()
	if n, err := io.Copy(io.Discard, p.reader); n > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%d bytes, %v", n, err)
	}
}

// A connection that makes no request gives its place to one that does, also from the same
// address.
func TestSilentConnectionGivesWay(t *testing.T) {
	for _, test := range []struct {
		name, address string
		silence       silence
	}{
		{"same address", "127.0.0.1", impatient},
		{"another address", "127.0.0.2", forgiving},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := serveShared(t, 4, 4, test.silence)
			var silent []*peer
			for range 6 {
				silent = append(silent, s.connect(t, "127.0.0.1"))
			}
			if !s.connect(t, test.address).ask(t, "/review") {
				t.Error("the connection is closed")
			}
			if test.silence == impatient {
				silent[0].expectClosed(t)
			} else if n := s.evictions.Load(); n > 0 {
				// There was a place left for another address.
				t.Errorf("%d connections were closed", n)
			}
		})
	}
}

// Nothing ends a request that is under way.
func TestRequestUnderWayStays(t *testing.T) {
	s := serveShared(t, 4, 4, impatient)
	busy := s.hold(t, "127.0.0.1", 3)
	wait.Until(t, "three are under way", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		n := 0
		for c := range s.open {
			if c.busy {
				n++
			}
		}
		return n == 3
	})
	late := s.connect(t, "127.0.0.1")
	late.send(t, "/review")
	other := s.connect(t, "127.0.0.2")
	if !other.ask(t, "/review") {
		t.Error("another address finds no place")
	}
	time.Sleep(impatient.later + 2*recheck) // what is under way may be old
	s.mu.Lock()
	waiting := s.count
	s.mu.Unlock()
	if waiting != 1 || s.evictions.Load() > 0 {
		t.Errorf("%d wait, %d were closed", waiting, s.evictions.Load())
	}
	close(s.held)
	for _, p := range append(busy, late) {
		p.receive(t)
	}
}

// An address that has many places gets no more by the silence of one that has few.
func TestSilenceOfFewIsSpared(t *testing.T) {
	s := serveShared(t, 8, 3, silence{first: time.Nanosecond, later: time.Nanosecond})
	few := s.connect(t, "127.0.0.1")
	busy := s.hold(t, "127.0.0.2", 6)
	wait.Until(t, "all have a place, and one is silent", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		silent, working := 0, 0
		for c := range s.open {
			if c.busy {
				working++
			} else if c.silent(time.Now()) {
				silent++
			}
		}
		return silent == 1 && working == 6
	})
	// Another one of the many waits, however long.
	late := s.connect(t, "127.0.0.2")
	late.send(t, "/review")
	wait.Until(t, "it waits", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.count == 1
	})
	if n := s.evictions.Load(); n != 0 {
		t.Errorf("%d were closed for it", n)
	}
	if !few.ask(t, "/review") {
		t.Error("the silent one is closed")
	}
	close(s.held)
	for _, p := range append(busy, late) {
		p.receive(t)
	}
}

// Connections that had a review answered stay as long as there are places for them. Then
// the one that is idle longest is closed, of the address with the most. An address that
// has the most itself loses none: its next one is closed after the answer.
func TestKnownConnections(t *testing.T) {
	s := serveShared(t, 8, 3, forgiving)
	var flood []*peer
	for range 3 {
		p := s.connect(t, "127.0.0.2")
		if !p.ask(t, "/review") {
			t.Fatal("closed though there are places")
		}
		flood = append(flood, p)
	}
	if s.connect(t, "127.0.0.2").ask(t, "/review") {
		t.Error("a fourth one stays")
	}
	if !flood[0].ask(t, "/review") { // now the second one is idle longest
		t.Error("one of the first is closed")
	}
	server := s.connect(t, "127.0.0.1")
	if !server.ask(t, "/review") {
		t.Error("another address may keep none")
	}
	flood[1].expectClosed(t)
	for _, p := range []*peer{flood[0], flood[2], server} {
		if !p.ask(t, "/review") {
			t.Error("one of the others is closed")
		}
	}
	if n := s.evictions.Load(); n != 1 {
		t.Errorf("%d were closed", n)
	}
}

// A request that finds too many keeps its connection, as a new one: it has no part in the
// places of those that are known.
func TestRefusedConnectionStays(t *testing.T) {
	s := serveShared(t, 4, 1, forgiving)
	refused, known := s.connect(t, "127.0.0.1"), s.connect(t, "127.0.0.2")
	if !refused.ask(t, "/refused") || !known.ask(t, "/review") || !known.ask(t, "/refused") || !refused.ask(t, "/refused") {
		t.Error("a connection is closed")
	}
	if n := s.evictions.Load(); n > 0 {
		t.Errorf("%d were closed", n)
	}
}

// The server reaches itself when there is no place at all, and nothing that waits can
// come before it.
func TestOwnConnectionNeedsNoPlace(t *testing.T) {
	s := serveShared(t, 1, 0, forgiving)
	for _, address := range []string{"127.0.0.1", "127.0.0.2", "127.0.0.3"} {
		s.connect(t, address).send(t, "/hold")
	}
	own := &peer{Conn: s.dial()}
	defer own.Close()
	own.reader = bufio.NewReader(own)
	if own.ask(t, "/review") {
		t.Error("the connection stays open")
	}
	close(s.held)
}

// What waits is closed with the listener, and as soon as too many wait.
func TestWaitingConnections(t *testing.T) {
	s := serveShared(t, 1, 0, forgiving)
	s.connect(t, "127.0.0.1").send(t, "/hold")
	wait.Until(t, "one is under way", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.open) == 1
	})
	first, second := s.connect(t, "127.0.0.2"), s.connect(t, "127.0.0.2")
	third := s.connect(t, "127.0.0.1")
	wait.Until(t, "three wait", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.count == 3
	})
	s.mu.Lock()
	s.shed()
	s.mu.Unlock()
	first.expectClosed(t)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	second.expectClosed(t)
	third.expectClosed(t)
	close(s.held)
}

// A connection that has a place and that the server has not fetched is closed with the
// listener, the server's own too, and one that comes later at once.
func TestUnfetchedConnections(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &shared{connections: share(listener, 4, 4, forgiving, func() {})}
	client := s.connect(t, "127.0.0.1")
	before := s.dial()
	wait.Until(t, "two are in the line", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.line) == 2
	})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	client.expectClosed(t)
	for _, own := range []net.Conn{before, s.dial()} {
		defer own.Close()
		_ = own.SetDeadline(time.Now().Add(wait.Patience)) // closed already, if all is well
		(&peer{Conn: own, reader: bufio.NewReader(own)}).expectClosed(t)
	}
	if conn, err := s.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("accepted %v, %v", conn, err)
	}
}

// failing is a listener that fails as often as there are errors, and goes on.
type failing struct {
	net.Listener
	failures chan error
}

func (f *failing) Accept() (net.Conn, error) {
	select {
	case err := <-f.failures:
		return nil, err
	default:
		return f.Listener.Accept()
	}
}

// Without descriptors the listener goes on when there are some again; what is broken for
// good ends it.
func TestAcceptFails(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	f := &failing{inner, make(chan error, 2)}
	f.failures <- &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
	l := share(f, 1, 1, forgiving, func() {})
	defer l.Close()
	conn, err := net.Dial("tcp", inner.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	f.failures <- broken
	// The one that is being accepted comes first.
	if conn, err = net.Dial("tcp", inner.Addr().String()); err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := l.Accept(); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
	if err := accepted.Close(); err != nil {
		t.Error(err)
	}
}

func TestHostOf(t *testing.T) {
	for address, want := range map[string]string{"10.0.0.1:443": "10.0.0.1", "[::ffff:10.0.0.1]:443": "10.0.0.1", "[fd00::1]:443": "fd00::1", "pipe": "pipe"} {
		if got := hostOf(address); got != want {
			t.Errorf("%s: %s", address, got)
		}
	}
}
