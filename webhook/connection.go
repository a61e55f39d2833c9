package webhook

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// connection is one of a client, or of the server with itself.
type connection struct {
	net.Conn
	from *connections
	host string
	// own marks the server's own, which needs no place.
	own bool
	// heard is when the first byte since the last answer came, in nanoseconds; 0 before.
	heard atomic.Int64
	// reading is since when the server waits for a byte, in nanoseconds; 0 when it does
	// not.
	reading atomic.Int64
	// first is how far the first request has come, wrote says that the server has answered
	// the client's first words in the handshake, and last is how many bytes came since.
	first atomic.Int32
	wrote atomic.Bool
	last  atomic.Int64

	// What follows is guarded by from.mu.

	// known is set once an AdmissionReview was answered.
	known bool
	// busy is set while a request is under way, and asked once a header has arrived.
	busy, asked bool
	// since is when the connection got its place, or its last answer.
	since time.Time
}

// How far the first request of a connection has come.
const (
	handshaking int32 = iota
	awaited
	begun
)

// finishedBytes is the most that a client sends to finish a handshake of TLS 1.3 without a
// certificate of its own: a record for old middleboxes, and one with a digest of 48 bytes
// (RFC 8446, 4.4.4, 5.2 and appendix D.4). Of what is more, a part belongs to a request.
const finishedBytes = 6 + 5 + 4 + 48 + 1 + 16

// SetReadDeadline lets a client whose handshake is over wait with its first request for as
// long as with a later one. An API server opens more connections than it needs when many
// requests come at once, and keeps them for later; when the server closes such a one in the
// moment in which it is used first, the call fails. (net/http repeats a request on a
// connection that was used before, and not on a new one.)
//
// http.Server sets the deadline of the handshake, none when that is over, and then the one of
// the header.
func (c *connection) SetReadDeadline(t time.Time) error {
	switch {
	case t.IsZero() && c.last.Load() <= finishedBytes:
		c.first.CompareAndSwap(handshaking, awaited)
	case t.IsZero():
		c.first.CompareAndSwap(handshaking, begun)
	case c.first.Load() == awaited && time.Until(t) > 0: // one that is over ends a read
		t = time.Now().Add(idleTimeout)
	}
	return c.Conn.SetReadDeadline(t)
}

// Write notes where a client's last words in the handshake begin.
func (c *connection) Write(p []byte) (int, error) {
	if c.first.Load() == handshaking && !c.wrote.Swap(true) {
		c.last.Store(0)
	}
	return c.Conn.Write(p)
}

// Close gives the place back.
func (c *connection) Close() error {
	l := c.from
	l.mu.Lock()
	if _, open := l.open[c]; open {
		delete(l.open, c)
		l.fill()
	}
	l.mu.Unlock()
	return c.Conn.Close()
}

// Read notes how long there is nothing to read, and when a request begins to arrive.
func (c *connection) Read(p []byte) (int, error) {
	c.reading.Store(time.Now().UnixNano())
	if c.from.closed() {
		c.from.mu.Lock()
		asked := c.asked
		c.from.mu.Unlock()
		if !asked && !c.own {
			return 0, net.ErrClosed
		}
	}
	n, err := c.Conn.Read(p)
	c.reading.Store(0)
	if n > 0 {
		c.heard.CompareAndSwap(0, time.Now().UnixNano())
		c.last.Add(int64(n))
		if c.first.CompareAndSwap(awaited, begun) {
			// From its first byte on, a header has to arrive in time. What fails here fails
			// with the next byte.
			_ = c.Conn.SetReadDeadline(time.Now().Add(headerTimeout))
		}
	}
	return n, err
}

// silent says of a new connection that the client has sent nothing for long enough to lose
// its place.
func (c *connection) silent(now time.Time) bool {
	reading, limit := c.reading.Load(), c.from.silence.first
	if c.heard.Load() != 0 {
		limit = c.from.silence.later
	}
	return !c.known && !c.busy && reading != 0 && now.Sub(time.Unix(0, reading)) >= limit
}

// idle says of a connection that is known that nothing is under way on it.
func (c *connection) idle(now time.Time) bool {
	heard := c.heard.Load()
	return c.known && !c.busy && (heard == 0 || now.Sub(time.Unix(0, heard)) >= c.from.silence.first)
}

// begin says that a request is under way, which is never ended to make room. On a
// connection that is not known yet it is called when a request has arrived as a whole, or
// waits for the server.
func (c *connection) begin() {
	if c == nil {
		return
	}
	c.from.mu.Lock()
	defer c.from.mu.Unlock()
	c.busy = true
}

// abandon ends a connection at once. TLS would first try to say goodbye, for five seconds.
func (c *connection) abandon() {
	if c != nil {
		_ = c.Close()
	}
}

// keep says whether the connection may stay open after the answer. Useful says that the
// answer is to an AdmissionReview.
func (c *connection) keep(useful bool) bool {
	if c == nil {
		return true
	}
	l := c.from
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case c.own || l.draining:
		return false
	case c.known || !useful:
		return true
	}
	known, own := 0, 0
	for other := range l.open {
		if other.known {
			known++
			if other.host == c.host {
				own++
			}
		}
	}
	// Where all places are this address's, closing its new connection after the answer
	// loses nothing, and closing one that is idle might.
	if known >= l.kept && !l.evict(own+1, (*connection).idle) {
		return false
	}
	c.known = true
	l.fill()
	return true
}

// follow is for http.Server.ConnState.
func follow(conn net.Conn, state http.ConnState) {
	c := tracked(conn)
	if c == nil {
		return
	}
	c.from.mu.Lock()
	defer c.from.mu.Unlock()
	switch state {
	case http.StateActive:
		c.asked = true
		c.busy = c.busy || c.known
	case http.StateIdle:
		c.busy, c.since = false, time.Now()
		c.heard.Store(0)
		// Others may have waited for one that is idle.
		c.from.fill()
	}
}

// tracked is the connection below TLS; nil for one of another listener.
func tracked(conn net.Conn) *connection {
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn()
	}
	c, _ := conn.(*connection)
	return c
}

type connectionKey struct{}

// withConnection is for http.Server.ConnContext.
func withConnection(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, connectionKey{}, tracked(conn))
}

// connectionOf is the connection of a request; nil where another listener accepted it.
func connectionOf(ctx context.Context) *connection {
	c, _ := ctx.Value(connectionKey{}).(*connection)
	return c
}
