package webhook

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	// settling and stalling are the silence that a server usually bears. An API server
	// sends at once; it only may have to wait for a processor, as the server may, whose own
	// time does not count.
	settling = time.Second
	stalling = 3 * time.Second
	// recheck is how often connections that wait look for one that may give way.
	recheck = settling / 10
	// maxWaiting is how many connections may wait for a place. Nothing is read from
	// them, so each costs a descriptor and little memory. It is what the kernel lets
	// wait to be accepted.
	maxWaiting = 4096
)

// connections is a listener that shares its places fairly, since anybody who reaches the
// port can open connections, and a full listener would shut out the API server.
//
// There are places for connections that have not had an AdmissionReview answered yet, and
// others for those that have, so that no number of the first takes the connections that
// an API server keeps open. What comes when all places are taken waits, and gets the place
// of a connection that is silent for too long. Clients are told apart by their address.
type connections struct {
	net.Listener
	// places is how many connections may be new, and kept how many of those that are
	// known may stay open.
	places, kept int
	silence      silence
	// evicted is called when a connection is closed to make room.
	evicted func()

	// signal is filled when there is something in the line.
	signal chan struct{}
	failed chan error
	done   chan struct{}
	stop   func() error

	mu       sync.Mutex
	draining bool
	// line holds connections with a place that the server has not fetched yet.
	line []*connection
	// open are those with a place.
	open map[*connection]struct{}
	// waiting are those without, by address, the newest last.
	waiting map[string][]*connection
	count   int
	timer   *time.Timer
}

// silence is how long the server waits for the first byte on a new connection before that
// can lose its place to another, and how long for each that follows.
type silence struct{ first, later time.Duration }

// share makes a listener of another one. It accepts connections from now on.
func share(listener net.Listener, places, kept int, silence silence, evicted func()) *connections {
	l := &connections{
		Listener: listener, places: places, kept: kept, silence: silence, evicted: evicted,
		signal: make(chan struct{}, 1), failed: make(chan error, 1), done: make(chan struct{}),
		open: map[*connection]struct{}{}, waiting: map[string][]*connection{},
	}
	// Who closes it has Accept return, and so http.Server close it, too.
	l.stop = sync.OnceValue(func() error {
		close(l.done)
		return listener.Close()
	})
	l.timer = time.AfterFunc(recheck, l.look)
	l.timer.Stop()
	go l.collect()
	return l
}

// collect accepts connections as they come, so that the kernel's queue stays short and
// an address is seen before it is decided who gets a place.
func (l *connections) collect() {
	for {
		conn, err := l.Listener.Accept()
		if err == nil {
			l.arrive(conn)
			continue
		}
		var passing interface{ Temporary() bool }
		if !errors.As(err, &passing) || !passing.Temporary() {
			l.failed <- err
			return
		}
		// Most likely there are no descriptors left.
		l.mu.Lock()
		l.shed()
		l.mu.Unlock()
		select {
		case <-l.done:
			return
		case <-time.After(recheck):
		}
	}
}

// Accept returns the next connection that has got a place.
func (l *connections) Accept() (net.Conn, error) {
	for {
		l.mu.Lock()
		if len(l.line) > 0 {
			c := l.line[0]
			l.line[0], l.line = nil, l.line[1:]
			l.mu.Unlock()
			return c, nil
		}
		l.mu.Unlock()
		select {
		case <-l.signal:
		case err := <-l.failed:
			return nil, err
		case <-l.done:
			return nil, net.ErrClosed
		}
	}
}

// Close ends the listener, the connections that wait or that nobody has fetched, and new
// ones on which no request has come: http.Server.Shutdown, which ends those that are idle,
// does not know the former, and would wait for the latter.
func (l *connections) Close() error {
	err := l.stop()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.timer.Stop()
	for host, conns := range l.waiting {
		for _, c := range conns {
			_ = c.Conn.Close()
		}
		delete(l.waiting, host)
	}
	l.count = 0
	for _, c := range l.line {
		delete(l.open, c)
		_ = c.Conn.Close()
	}
	l.line = nil
	for c := range l.open {
		if !c.asked && c.reading.Load() != 0 {
			_ = c.Conn.Close()
		}
	}
	return err
}

// drain has every connection closed after its next answer.
func (l *connections) drain() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.draining = true
}

// dial connects to the server without a way through the network, and without a place.
func (l *connections) dial() net.Conn {
	client, server := net.Pipe()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed() {
		_ = server.Close()
	} else {
		l.give(&connection{Conn: server, from: l, own: true})
	}
	return client
}

// closed says whether the listener has ended.
func (l *connections) closed() bool {
	select {
	case <-l.done:
		return true
	default:
		return false
	}
}

func (l *connections) arrive(conn net.Conn) {
	c := &connection{Conn: conn, from: l, host: hostOf(conn.RemoteAddr().String())}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed() {
		_ = conn.Close()
		return
	}
	if l.place(c.host) {
		l.give(c)
		return
	}
	l.waiting[c.host] = append(l.waiting[c.host], c)
	l.count++
	if l.count > maxWaiting {
		l.shed()
	}
	l.timer.Reset(recheck)
}

// hostOf is the address without the port.
func hostOf(address string) string {
	if ap, err := netip.ParseAddrPort(address); err == nil {
		return ap.Addr().Unmap().String()
	}
	return address
}

// give hands a connection to the server.
func (l *connections) give(c *connection) {
	c.since = time.Now()
	if !c.own {
		l.open[c] = struct{}{}
	}
	l.line = append(l.line, c)
	select {
	case l.signal <- struct{}{}:
	default:
	}
}

// held is how many places for new connections each address has.
func (l *connections) held() map[string]int {
	held := map[string]int{}
	for c := range l.open {
		if !c.known {
			held[c.host]++
		}
	}
	return held
}

// place says whether there is a place for a new connection from the address, and makes one
// where it can.
func (l *connections) place(host string) bool {
	held := l.held()
	free, own := l.places, held[host]
	for _, n := range held {
		free -= n
	}
	// An address may have three times of what it leaves free, so there is a place for
	// others, however many one opens, and fewer the more addresses there are.
	if own < 3*free {
		return true
	}
	// Nobody gives way to an address that has more: a client that is starved of a processor
	// while another one floods the server is silent too.
	return l.evict(0, func(c *connection, now time.Time) bool { return held[c.host] >= own && c.silent(now) })
}

// evict closes a connection of those that may be closed: of the address with the most of
// them, if it has more than that number, the one that is idle longest. An API server uses
// the connection again that it used last, so this is the one that it is least likely to be
// sending on.
//
// It may be, all the same, and such a call fails: net/http sends a POST again when it
// wrote nothing of it yet, and never when it wrote a part. So nothing is closed that a
// byte has arrived on, and nothing that is known where there is another way.
func (l *connections) evict(above int, may func(c *connection, now time.Time) bool) bool {
	now := time.Now()
	number := map[string]int{}
	for c := range l.open {
		if may(c, now) {
			number[c.host]++
		}
	}
	var victim *connection
	for c := range l.open {
		if !may(c, now) {
			continue
		}
		if victim == nil || number[c.host] > number[victim.host] || number[c.host] == number[victim.host] && c.since.Before(victim.since) {
			victim = c
		}
	}
	if victim == nil || number[victim.host] <= above {
		return false
	}
	delete(l.open, victim)
	// Not its own Close, which wants the lock. The server notices, and gives it up.
	_ = victim.Conn.Close()
	l.evicted()
	return true
}

// shed closes the connection that waits longest, of the address with the most that wait.
func (l *connections) shed() {
	var most string
	for host, conns := range l.waiting {
		if len(conns) > len(l.waiting[most]) {
			most = host
		}
	}
	if len(l.waiting[most]) == 0 {
		return
	}
	_ = l.waiting[most][0].Conn.Close()
	l.remove(most, 0)
	l.evicted()
}

func (l *connections) remove(host string, i int) {
	conns := l.waiting[host]
	copy(conns[i:], conns[i+1:])
	conns[len(conns)-1] = nil
	if l.waiting[host] = conns[:len(conns)-1]; len(conns) == 1 {
		delete(l.waiting, host)
	}
	l.count--
}

// look gives places to connections that wait.
func (l *connections) look() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fill()
}

// fill gives free places to connections that wait: to the address that has the fewest,
// and there to the newest, since whoever has waited long may have given up.
func (l *connections) fill() {
	for l.count > 0 {
		held := l.held()
		next, first := "", true
		for host := range l.waiting {
			if first || held[host] < held[next] {
				next, first = host, false
			}
		}
		if !l.place(next) {
			l.timer.Reset(recheck)
			return
		}
		newest := len(l.waiting[next]) - 1
		c := l.waiting[next][newest]
		l.remove(next, newest)
		l.give(c)
	}
}
