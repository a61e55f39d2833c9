package main

import (
	"errors"
	"io"
	"net"
	"sync"
)

// forwarder passes TCP connections on.
type forwarder struct {
	listener net.Listener
	// pick names the address that the next connection goes to; false refuses it.
	pick func() (address string, ok bool)

	mu    sync.Mutex
	links map[*link]bool
}

// link is a connection that is passed on.
type link struct {
	address        string
	client, server net.Conn
}

// newForwarder listens on the loopback interface.
func newForwarder(pick func() (string, bool)) (*forwarder, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	f := &forwarder{listener: listener, pick: pick, links: map[*link]bool{}}
	go f.serve()
	return f, nil
}

func (f *forwarder) address() string { return f.listener.Addr().String() }

func (f *forwarder) serve() {
	for {
		client, err := f.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			go f.forward(client)
		}
	}
}

func (f *forwarder) forward(client net.Conn) {
	address, ok := f.pick()
	if !ok {
		refuse(client)
		return
	}
	server, err := net.Dial("tcp", address)
	if err != nil {
		refuse(client)
		return
	}
	l := &link{address: address, client: client, server: server}
	f.mu.Lock()
	f.links[l] = true
	f.mu.Unlock()
	ended := make(chan struct{}, 2)
	for _, way := range [][2]net.Conn{{client, server}, {server, client}} {
		go func() {
			// Whichever side ends ends both: neither speaks after it has closed.
			_, _ = io.Copy(way[0], way[1])
			ended <- struct{}{}
		}()
	}
	<-ended
	f.end(l)
	<-ended
}

// refuse ends a connection by a reset, as a port does where nobody listens.
func refuse(client net.Conn) {
	_ = client.(*net.TCPConn).SetLinger(0)
	_ = client.Close()
}

func (f *forwarder) end(l *link) {
	f.mu.Lock()
	delete(f.links, l)
	f.mu.Unlock()
	_ = l.client.Close()
	_ = l.server.Close()
}

// open is how many connections go to the address.
func (f *forwarder) open(address string) (count int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for l := range f.links {
		if l.address == address {
			count++
		}
	}
	return count
}

// cut ends all connections.
func (f *forwarder) cut() {
	f.mu.Lock()
	var all []*link
	for l := range f.links {
		all = append(all, l)
	}
	f.mu.Unlock()
	for _, l := range all {
		f.end(l)
	}
}

func (f *forwarder) close() {
	_ = f.listener.Close()
	f.cut()
}
