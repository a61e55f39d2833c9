package certs

import (
	"fmt"
	"time"
)

const (
	// interval lies between two looks at the Secret and the configurations where nothing
	// else leads to one. They are watched: it is for what a watch misses, and for servers
	// that may not watch.
	interval = time.Minute

	// shortestLife is that of certificates in drills. X.509 knows no fractions of a second.
	shortestLife = 3 * time.Second

	// warningTime is how long before its end a CA that nobody replaces is spoken of.
	warningTime = 30 * 24 * time.Hour
	// warningInterval lies between two lines in the log about that.
	warningInterval = 24 * time.Hour
)

// lifetimes are those of what is signed. Where they are short, as in drills, all else that
// takes time is as well.
type lifetimes struct{ ca, serving time.Duration }

func (l lifetimes) check() error {
	switch {
	case l.serving < shortestLife:
		return fmt.Errorf("a serving certificate that is valid for %s is too short-lived: at least %s", l.serving, shortestLife)
	case l.ca < 3*l.serving:
		return fmt.Errorf("a CA that is valid for %s is too short-lived: at least three times the %s of a serving certificate", l.ca, l.serving)
	}
	return nil
}

// settling is how long a CA stands in every configuration before anything is served under
// it: API servers hear of a change within a second, other replicas too.
func (l lifetimes) settling() time.Duration { return min(5*time.Second, l.serving/10) }

// retention is how long what the Secret does not speak of any more stays published. A
// replica that may not watch looks at the Secret once an interval.
func (l lifetimes) retention() time.Duration { return 3 * min(interval, l.serving) }

// wakePause lies between two passes that changes lead to, once there were very many: somebody
// else writes the same fields again and again then, and is not to be answered each time.
func (l lifetimes) wakePause() time.Duration { return min(interval/2, l.serving/10) }
