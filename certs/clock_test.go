package certs

import (
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/rest"
)

func TestClock(t *testing.T) {
	var log strings.Builder
	own := epoch
	c := &Clock{logger: slog.New(slog.NewTextHandler(&log, nil)), now: func() time.Time { return own }}
	for _, test := range []struct {
		date    string
		now     time.Time
		problem string
		logged  int
	}{
		{"", epoch, "", 0},
		{"yesterday", epoch, "", 0},
		{epoch.Add(50 * time.Second).UTC().Format(http.TimeFormat), epoch, "", 0},
		{epoch.Add(day).UTC().Format(http.TimeFormat), epoch.Add(day), "24h0m0s behind", 1},
		{epoch.Add(day + time.Second).UTC().Format(http.TimeFormat), epoch.Add(day + time.Second), "24h0m1s behind", 1},
		{epoch.Add(-day).UTC().Format(http.TimeFormat), epoch.Add(-day), "24h0m0s ahead", 2},
		{epoch.UTC().Format(http.TimeFormat), epoch, "", 3},
	} {
		c.observe(test.date, own, own)
		if got := c.Now(); !got.Equal(test.now) {
			t.Errorf("%q: now is %v, want %v", test.date, got, test.now)
		}
		err := c.Problem()
		if test.problem == "" && err != nil || test.problem != "" && (err == nil || !strings.Contains(err.Error(), test.problem)) {
			t.Errorf("%q: problem %v, want %q", test.date, err, test.problem)
		}
		if got := strings.Count(log.String(), "\n"); got != test.logged {
			t.Errorf("%q: %d lines are logged, want %d", test.date, got, test.logged)
		}
	}
}

// TestClockOfAProcessThatWasStopped has an answer read long after it was written.
func TestClockOfAProcessThatWasStopped(t *testing.T) {
	c := NewClock(slog.New(slog.DiscardHandler))
	for _, date := range []time.Time{epoch, epoch.Add(time.Hour), epoch.Add(day)} {
		c.observe(date.UTC().Format(http.TimeFormat), epoch, epoch.Add(day))
		if err := c.Problem(); err != nil {
			t.Errorf("%v: %v", date.Sub(epoch), err)
		}
	}
}

// TestClockOfTheAPIServer has a replica whose own clock is a month wrong set up the
// certificates: by the API server's time they are valid.
func TestClockOfTheAPIServer(t *testing.T) {
	for name, wrong := range map[string]time.Duration{"ahead": 30 * day, "behind": -30 * day} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t)
			c.createConfigurations()
			clock := &Clock{logger: c.logger, now: func() time.Time { return time.Now().Add(wrong) }}
			config := rest.CopyConfig(controlPlane.Config)
			config.Wrap(clock.Wrap)
			s := c.replicaAs(config)
			s.clock = clock.Now
			// The first answer of the API server is the first word on its time.
			c.reconcile(s)
			c.checkTrusted(s, c.secret().Data[keyBundle])
			newCallees(c, s)
		})
	}
}
