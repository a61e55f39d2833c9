package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/macvlan-webhook/macvlan-webhook/test/wait"
)

const (
	// burst is how many of them come at once, as controllers create pods.
	burst = 5
	// storedEvery is how often a pod is stored, instead of created for show. The webhooks
	// are called for both.
	storedEvery = 25
	// answerTimeout is more than an API server takes for a request.
	answerTimeout = 90 * time.Second
)

// load creates pods at a steady rate, whatever becomes of those before while they are not too
// many.
type load struct {
	client    *http.Client
	url       string
	specimens []*specimen
	stop      context.CancelFunc
	stopped   chan struct{}

	mu      sync.Mutex
	tries   []try
	windows []window
}

// try is one creation.
type try struct {
	specimen string
	calls    int // that it made, if nothing went wrong
	sent     time.Time
	took     time.Duration
	outcome  outcome
	said     string // what was answered, unless it is right
}

func (t *try) end() time.Time { return t.sent.Add(t.took) }

// window is a time in which something goes on that calls may fail of, where a drill allows
// that at all.
type window struct {
	what     string
	from, to time.Time // to is zero while it goes on
}

func (w *window) holds(t *try) bool {
	return t.end().After(w.from) && (w.to.IsZero() || t.sent.Before(w.to))
}

// startLoad begins to create the specimens in turn, so many a second. When too many are under
// way, it waits.
func startLoad(client *http.Client, host string, rate, underWay int, specimens []*specimen) *load {
	ctx, stop := context.WithCancel(context.Background())
	l := &load{client: client, url: host + "/api/v1/namespaces/" + namespace + "/pods", specimens: specimens, stop: stop, stopped: make(chan struct{})}
	go l.run(ctx, rate, underWay)
	return l
}

func (l *load) run(ctx context.Context, rate, underWay int) {
	defer close(l.stopped)
	var creations sync.WaitGroup
	defer creations.Wait()
	places := make(chan struct{}, underWay)
	start := time.Now()
	for n := 0; ; n++ {
		// By the clock, so that a delay is made up for.
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Until(start.Add(time.Duration(n/burst) * burst * time.Second / time.Duration(rate)))):
		}
		places <- struct{}{}
		creations.Go(func() {
			l.create(l.specimens[n%len(l.specimens)], n%storedEvery == 0)
			<-places
		})
	}
}

// create creates one pod and notes what becomes of it.
func (l *load) create(s *specimen, stored bool) {
	url := l.url
	if !stored {
		url += "?dryRun=All"
	}
	before := s.rightly()
	t := try{specimen: s.name, calls: s.calls, sent: time.Now()}
	code, body, err := post(l.client, url, s.pod(), answerTimeout)
	t.took = time.Since(t.sent)
	if err != nil {
		t.outcome, t.said = elsewhere, err.Error()
	} else {
		t.outcome, t.said = judge(code, body, slices.Concat(before, s.rightly())...)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tries = append(l.tries, t)
}

// post sends a body of JSON and returns the status and the body of the answer.
func post(client *http.Client, url string, body []byte, timeout time.Duration) (code int, answer []byte, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	answer, err = io.ReadAll(response.Body)
	return response.StatusCode, answer, err
}

// finish ends the load and returns all that it did.
func (l *load) finish() ([]try, []window) {
	l.stop()
	<-l.stopped
	return l.tries, l.windows
}

// begin opens a window.
func (l *load) begin(what string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.windows = append(l.windows, window{what: what, from: time.Now()})
}

// over closes the window: the site is in order again.
func (l *load) over() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.windows[len(l.windows)-1].to = time.Now()
}

// answered is how many calls have had a verdict of ours, right or wrong.
func (l *load) answered() (count int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.tries {
		if o := l.tries[i].outcome; o == right || o == wrong {
			count += l.tries[i].calls
		}
	}
	return count
}

// more waits for so many more calls that have had a verdict.
func (l *load) more(calls int) error {
	now := l.answered()
	goal := now + calls
	// As long as there is some progress, however slow the machine is.
	for now < goal {
		before := now
		err := wait.For(fmt.Sprintf("a verdict after %d calls", before), func() bool { return l.answered() > before })
		if err != nil {
			return err
		}
		now = l.answered()
	}
	return nil
}
