// Package wait lets tests wait for what is bound to happen.
package wait

import (
	"fmt"
	"testing"
	"time"
)

// Patience is how long [Until] waits. It is a bound for a machine that hangs, not
// an expectation: a test ends as soon as the condition holds.
const Patience = 2 * time.Minute

// Until polls until the condition holds, and fails the test with what was waited
// for when it does not.
func Until(tb testing.TB, what string, condition func() bool) {
	tb.Helper()
	if err := For(what, condition); err != nil {
		tb.Fatal(err)
	}
}

// For is [Until] where there is no test, or none that may end now.
func For(what string, condition func() bool) error {
	for end := time.Now().Add(Patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if condition() {
			return nil
		}
	}
	return fmt.Errorf("not within %s: %s", Patience, what)
}
