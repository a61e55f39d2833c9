package certs

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

func TestDelay(t *testing.T) {
	for _, test := range []struct {
		failures int
		random   float64
		want     time.Duration
	}{
		{0, 0, time.Minute},
		{0, 0.5, time.Minute + 3*time.Second},
		{1, 0, time.Second},
		{1, 0.5, time.Second + 50*time.Millisecond},
		{2, 0, 2 * time.Second},
		{6, 0, 32 * time.Second},
		{7, 0, time.Minute},
		{8, 0, time.Minute},
		{1 << 30, 0, time.Minute},
	} {
		if got := delay(test.failures, test.random); got != test.want {
			t.Errorf("delay(%d, %v) = %v, want %v", test.failures, test.random, got, test.want)
		}
	}
}

func TestRenewalTime(t *testing.T) {
	for _, test := range []struct{ life, want time.Duration }{
		{ServingLifetime, 112 * time.Hour},
		{3 * time.Second, 2 * time.Second},
		{0, 0},
	} {
		if got := renewalTime(epoch, epoch.Add(test.life)); !got.Equal(epoch.Add(test.want)) {
			t.Errorf("a life of %v is renewed after %v, want %v", test.life, got.Sub(epoch), test.want)
		}
	}
}

func TestFailureState(t *testing.T) {
	secret := schema.GroupResource{Resource: "secrets"}
	for name, test := range map[string]struct {
		a, b error
		same bool
	}{
		"ports":              {errors.New("read 10.0.0.1:1"), errors.New("read 10.0.0.1:2"), true},
		"forbidden, network": {apierrors.NewForbidden(secret, "ca", nil), errors.New("read"), false},
		"secret's flaws":     {&SecretError{Err: errors.New("a")}, &SecretError{Err: errors.New("b")}, false},
		"same flaw":          {&SecretError{Err: errors.New("a")}, errors.Join(&SecretError{Err: errors.New("a")}, errors.New("b")), true},
	} {
		if same := failureState(test.a) == failureState(test.b); same != test.same {
			t.Errorf("%s: the same state %v, want %v", name, same, test.same)
		}
	}
}

// TestRun leads a replica through an API server that is away, back, away and
// back with a Secret of somebody else's that is spoiled. Its pauses are where time passes.
func TestRun(t *testing.T) {
	c := newCluster(t)
	s := c.replica()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c.unplug()
	var leaf string
	events := []func(){
		func() {},
		c.plug,
		func() { leaf = string(s.Leaf().Raw) },
		c.unplug,
		func() { c.clock.advance(5 * day) },
		c.plug,
		func() {
			if string(s.Leaf().Raw) == leaf {
				t.Error("not renewed while the API server was away")
			}
			c.deleteSecret()
			c.createSecret(corev1.SecretTypeOpaque, map[string][]byte{"tls.crt": []byte("x")})
		},
		func() {},
		cancel,
	}
	var pauses []time.Duration
	s.pause = func(_ context.Context, d time.Duration, _ <-chan struct{}) bool {
		event := events[len(pauses)]
		// The random tenth is no part of the comparison.
		pauses = append(pauses, d.Truncate(time.Second))
		event()
		return false
	}
	if err := s.Run(ctx); err != nil {
		t.Errorf("Run: %v", err)
	}
	for i, pause := range pauses {
		if pause > time.Minute {
			pauses[i] = time.Minute
		}
	}
	const second = time.Second
	want := []time.Duration{second, 2 * second, time.Minute, time.Minute, second, 2 * second, time.Minute, second, 2 * second}
	if !slices.Equal(pauses, want) {
		t.Errorf("pauses are %v, want %v", pauses, want)
	}
	var lines []string
	for line := range strings.Lines(c.log.String()) {
		if strings.Contains(line, "certificates ") {
			_, line, _ = strings.Cut(line, "level=")
			line, _, _ = strings.Cut(line, "msg=")
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	// Three times out of order, each logged once, and twice in order again.
	if want := []string{"ERROR", "INFO", "ERROR", "INFO", "ERROR"}; !slices.Equal(lines, want) {
		t.Errorf("logged %q, want %q:\n%s", lines, want, c.log)
	}
}

// TestRunEndsInPass has the context end while the API server is asked: what
// fails because of that is no failure.
func TestRunEndsInPass(t *testing.T) {
	c := newCluster(t)
	s := c.replica()
	ctx, cancel := context.WithCancel(t.Context())
	c.before(func(*http.Request) error {
		cancel()
		return ctx.Err()
	})
	s.pause = func(context.Context, time.Duration, <-chan struct{}) bool {
		t.Error("waited although the context had ended")
		return false
	}
	if err := s.Run(ctx); err != nil || c.log.Len() != 0 {
		t.Errorf("Run: %v, logged:\n%s", err, c.log)
	}
}

// TestRunEnds is about a Run in its pause, and one that is called too late.
func TestRunEnds(t *testing.T) {
	c := newCluster(t)
	s := c.replica()
	ctx, cancel := context.WithCancel(t.Context())
	s.pause = func(ctx context.Context, d time.Duration, changes <-chan struct{}) bool {
		cancel()
		return pause(ctx, d, changes) // returns at once, or the test takes a minute
	}
	if err := s.Run(ctx); err != nil {
		t.Errorf("Run: %v", err)
	}
	before := s.Leaf()
	c.clock.advance(5 * day)
	if err := s.Run(ctx); err != nil || !s.Leaf().Equal(before) {
		t.Errorf("Run with an ended context: %v, or it signed", err)
	}
}
