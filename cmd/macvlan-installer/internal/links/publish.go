package links

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
	"golang.org/x/time/rate"

	facts "github.com/macvlan-webhook/macvlan-webhook/policy/links"
)

const (
	// debounce is how long to wait after a change: a pod's start is several.
	debounce = 2 * time.Second
	// firstRetry is the time after the first of several failures.
	firstRetry = time.Second
	// burst patches may follow each other, and then one every pace: a cable that
	// comes and goes is not to keep the API server busy, on all nodes of a rack.
	burst = 5
	pace  = time.Minute
)

// Publisher keeps the annotation of a Node as the node's links are.
type Publisher struct {
	// Node is the name of the Node that this node is.
	Node   string
	Server *Server
	// Sysfs is [Sysfs], but in tests.
	Sysfs string
	// Interval is the time after which it is checked that the annotation is as it
	// was published, and the most between two attempts that fail.
	Interval time.Duration
	// Count takes the outcome of an attempt that had something to do: "published"
	// or "failed".
	Count  func(result string)
	Logger *slog.Logger

	// changed gets a value when a link changed, or may have.
	changed chan struct{}
	socket  *nl.NetlinkSocket
	broken  atomic.Bool
	// text is what was published last.
	text  string
	limit *rate.Limiter
}

// Run publishes until ctx ends. Whatever fails is logged, counted and tried again.
// It removes nothing in the end: the links stay while the installer is updated.
func (p *Publisher) Run(ctx context.Context) {
	p.changed = make(chan struct{}, 1)
	p.limit = rate.NewLimiter(rate.Every(pace), burst)
	defer p.deafen()
	var (
		backoff time.Duration
		said    string
		check   = time.NewTimer(scattered(p.Interval))
	)
	defer check.Stop()
	for {
		// Before the look, so that nothing happens between them unnoticed.
		deaf := p.listen()
		err := p.once(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			p.Count("failed")
			p.warn(&said, "cannot publish the node's links", err)
			backoff = min(max(2*backoff, firstRetry), p.Interval)
			// A change is no reason to try earlier.
			if !sleep(ctx, scattered(backoff)) {
				return
			}
			continue
		}
		backoff = 0
		p.warn(&said, "the kernel reports no changes of links: looking at them from time to time instead", deaf)
		select {
		case <-ctx.Done():
			return
		case <-check.C:
			check.Reset(scattered(p.Interval))
			// Somebody may have changed what was published.
			p.text = ""
		case <-p.changed:
			if !sleep(ctx, debounce) {
				return
			}
		}
	}
}

// warn logs an error, if there is one and it is not the one that was said last.
func (p *Publisher) warn(said *string, message string, err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	if text != "" && text != *said {
		p.Logger.Warn(message, "node", p.Node, "error", err)
	}
	*said = text
}

// once publishes the links if they are not what was published.
func (p *Publisher) once(ctx context.Context) (err error) {
	// The library has failed so for links that it did not know, and the plugins
	// matter more than this.
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("read the node's links: %v", fault)
		}
	}()
	text, err := p.read()
	if err != nil || text == p.text {
		return err
	}
	if p.text == "" {
		published, err := p.Server.published(ctx, p.Node)
		if err != nil {
			return err
		}
		if published == text {
			p.text = text
			return nil
		}
	}
	if tokens := p.limit.Tokens(); tokens < 1 {
		delay := time.Duration((1 - tokens) * float64(pace))
		p.Logger.Info("the links change often, publishing them later", "node", p.Node, "after", delay.Round(time.Second).String())
		if !sleep(ctx, delay) {
			return ctx.Err()
		}
		if text, err = p.read(); err != nil || text == p.text {
			return err
		}
	}
	// What the Node has is not known until the next answer.
	p.text = ""
	if err := p.Server.publish(ctx, p.Node, text); err != nil {
		return err
	}
	p.text = text
	p.limit.Allow()
	p.Count("published")
	p.Logger.Info("published the node's links", "node", p.Node, "bytes", len(text))
	return nil
}

func (p *Publisher) read() (string, error) {
	links, err := Read(p.Sysfs)
	if err != nil {
		return "", err
	}
	return facts.Render(links), nil
}

// listen has changes of links reported in p.changed. It returns why they are not.
func (p *Publisher) listen() error {
	if p.socket != nil && !p.broken.Load() {
		return nil
	}
	p.deafen()
	socket, err := nl.Subscribe(unix.NETLINK_ROUTE, unix.RTNLGRP_LINK)
	if err != nil {
		return fmt.Errorf("listen to changes of links: %w", err)
	}
	p.socket = socket
	p.broken.Store(false)
	go func() {
		for {
			_, _, err := socket.Receive()
			// With ENOBUFS changes were lost: that there were some is all that counts.
			broken := err != nil && !errors.Is(err, unix.ENOBUFS)
			p.broken.Store(broken)
			select {
			case p.changed <- struct{}{}:
			default:
			}
			if broken {
				return
			}
		}
	}()
	return nil
}

func (p *Publisher) deafen() {
	if p.socket != nil {
		p.socket.Close()
	}
	p.socket = nil
}

// scattered makes the nodes of a cluster, which start together, ask at different
// times: the time given, or up to a fifth less.
func scattered(d time.Duration) time.Duration { return d - rand.N(d/5+1) }

// sleep waits, and says whether to go on.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
