package certs

import (
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"
)

// tolerance is how far apart two clocks may be without it being worth a word: certificates
// are dated back by an hour.
const tolerance = time.Minute

// Clock tells the time as the API server has it, by which it judges certificates. So a node
// whose clock is wrong signs none that the API server refuses.
type Clock struct {
	logger *slog.Logger
	now    func() time.Time
	// behind is by how much the own clock is behind the API server's, in nanoseconds; less
	// than tolerance counts as nothing.
	behind atomic.Int64
}

// NewClock makes a clock that runs as the machine's own until the API server has answered.
func NewClock(logger *slog.Logger) *Clock { return &Clock{logger: logger, now: time.Now} }

// Now is the API server's time.
func (c *Clock) Now() time.Time { return c.now().Add(time.Duration(c.behind.Load())) }

// Problem says that the machine's own clock is wrong.
func (c *Clock) Problem() error {
	switch behind := time.Duration(c.behind.Load()); {
	case behind > 0:
		return fmt.Errorf("the clock of this node is %s behind the API server's: correct it, or the certificates of other programs will fail", behind)
	case behind < 0:
		return fmt.Errorf("the clock of this node is %s ahead of the API server's: correct it, or the certificates of other programs will fail", -behind)
	}
	return nil
}

// Wrap reads the time in every answer; it is for [k8s.io/client-go/rest.Config.Wrap].
func (c *Clock) Wrap(next http.RoundTripper) http.RoundTripper {
	return observer{clock: c, next: next}
}

type observer struct {
	clock *Clock
	next  http.RoundTripper
}

// RoundTrip passes a request on.
func (o observer) RoundTrip(request *http.Request) (*http.Response, error) {
	sent := o.clock.now()
	response, err := o.next.RoundTrip(request)
	if err == nil {
		o.clock.observe(response.Header.Get("Date"), sent, o.clock.now())
	}
	return response, err
}

// observe compares the clocks. The date was written between the two times, however long
// the way back took, or this process was stopped.
func (c *Clock) observe(date string, sent, received time.Time) {
	theirs, err := http.ParseTime(date)
	if err != nil {
		return // a proxy may have dropped it
	}
	behind := time.Duration(0)
	switch {
	case theirs.After(received):
		behind = theirs.Sub(received).Round(time.Second)
	case theirs.Before(sent):
		behind = theirs.Sub(sent).Round(time.Second)
	}
	if behind.Abs() < tolerance {
		behind = 0
	}
	before := time.Duration(c.behind.Swap(int64(behind)))
	switch {
	case (behind - before).Abs() < tolerance:
	case behind == 0:
		c.logger.Info("the clock of this node is right again")
	default:
		c.logger.Warn("the clock of this node is wrong, the API server's counts", "behind", behind.String())
	}
}
