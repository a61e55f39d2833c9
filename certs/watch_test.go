package certs

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/macvlan-webhook/macvlan-webhook/test/wait"
)

// running runs a replica until the test ends.
func (c *cluster) running(s *SelfSigned) {
	c.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	c.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			c.t.Error(err)
		}
	})
}

// TestWatch has what a replica has written taken away: it is written again at once, and not
// when the interval is over. No pass begins by itself here.
func TestWatch(t *testing.T) {
	c := newCluster(t)
	c.createConfigurations()
	s := c.replicaAs(c.restricted(watching))
	s.pause = func(ctx context.Context, _ time.Duration, changes <-chan struct{}) bool {
		return pause(ctx, wait.Patience, changes)
	}
	c.running(s)
	complete := func(bundle func() []byte) func() bool {
		return func() bool {
			certs, err := decodeCertificates(bundle())
			if err != nil {
				return false
			}
			for _, published := range c.bundles() {
				have, err := decodeCertificates(published)
				if err != nil || !contains(have, certs[0]) {
					return false
				}
			}
			return true
		}
	}
	wait.Until(t, "the CA is published", complete(s.Bundle))
	for _, resource := range kinds {
		c.patch(resource, `[{"op":"remove","path":"/webhooks/0/clientConfig/caBundle"},{"op":"remove","path":"/webhooks/1/clientConfig/caBundle"}]`)
	}
	wait.Until(t, "it is published again", complete(s.Bundle))
	old := string(c.secret().Data[keyCert])
	c.deleteSecret()
	wait.Until(t, "there is another CA, and it is published", complete(func() []byte {
		secret, err := c.secrets.Get(t.Context(), "ca", metav1.GetOptions{})
		if err != nil || string(secret.Data[keyCert]) == old {
			return nil
		}
		return secret.Data[keyCert]
	}))
}

// TestWatchForbidden runs a replica with the rights that older versions asked for.
func TestWatchForbidden(t *testing.T) {
	c := newCluster(t)
	c.createConfigurations()
	var log wait.Log
	c.logger = slog.New(slog.NewTextHandler(&log, nil))
	s := c.replicaAs(c.restricted(nil))
	c.running(s)
	wait.Until(t, "all three watches are refused", func() bool { return strings.Count(log.String(), "no permission to watch") == 3 })
	wait.Until(t, "the CA is published", func() bool { return s.Ready() == nil })
	c.checkBundles(s.Bundle())
}

// TestShortLives lets certificates live for seconds, in real time: one CA after the other
// takes over, and each call is answered.
func TestShortLives(t *testing.T) {
	c := newCluster(t)
	var log wait.Log
	c.logger = slog.New(slog.NewTextHandler(&log, nil))
	c.lives = lifetimes{ca: 9 * time.Second, serving: 3 * time.Second}
	c.createConfigurations()
	one, other := c.replica(), c.replica()
	one.clock, other.clock = time.Now, time.Now
	c.running(one)
	c.running(other)
	wait.Until(t, "both are ready", func() bool { return one.Ready() == nil && other.Ready() == nil })
	callees := newCallees(c, one, other)
	for strings.Count(log.String(), string(switched)) < 2 {
		c.checkCalls(callees...)
	}
	if strings.Count(log.String(), string(dropped)) == 0 {
		t.Errorf("no CA was given up:\n%s", log.String())
	}
}

// watching are the rights that are asked for beyond those of older versions.
var watching = []string{"list", "watch"}
