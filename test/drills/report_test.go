package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// What an API server answers, in short.
func statusText(code int, message, cause string) string {
	return fmt.Sprintf(`{"kind":"Status","code":%d,"message":%q,"details":{"causes":[{"reason":%q}]}}`, code, message, cause)
}

func TestJudge(t *testing.T) {
	const webhook = `admission webhook "pods.macvlan-webhook.io" denied the request: `
	pools := allowed("p4")
	for _, tt := range []struct {
		name     string
		code     int
		body     string
		accepted answer
		want     outcome
	}{
		{"allowed with its pools", http.StatusCreated, `{"metadata":{"annotations":{"ipam.spidernet.io/ippools":"p4"}}}`, pools, right},
		{"allowed without its pools", http.StatusCreated, `{"metadata":{}}`, pools, wrong},
		{"a bad one allowed", http.StatusCreated, `{"metadata":{}}`, denied("a"), wrong},
		{"denied by the rule", http.StatusForbidden, statusText(403, webhook+"a", "a"), denied("a"), right},
		{"denied by another rule", http.StatusForbidden, statusText(403, webhook+"b", "b"), denied("a"), wrong},
		{"a good one denied", http.StatusForbidden, statusText(403, webhook+"a", "a"), pools, wrong},
		{"denied without a rule", http.StatusForbidden, `{"kind":"Status","message":"macvlan-webhook.io"}`, denied("a"), wrong},
		{"undecided", http.StatusServiceUnavailable, statusText(503, webhook+"could not check", ""), denied("a"), undecided},
		{"not called", http.StatusInternalServerError, statusText(500, `Internal error occurred: failed calling webhook "pods.macvlan-webhook.io": x509`, ""), denied("a"), failed},
		{"etcd away", http.StatusInternalServerError, statusText(500, "etcdserver: request timed out", ""), pools, elsewhere},
		{"no status", http.StatusTooManyRequests, "too many requests", pools, elsewhere},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, said := judge(tt.code, []byte(tt.body), tt.accepted); got != tt.want {
				t.Errorf("%s (%s), want %s", got, said, tt.want)
			}
		})
	}
}

// A call that fails is excused while the drill says so and where it allows it, and late ones
// only where no time is promised.
func TestFailures(t *testing.T) {
	start := time.Now()
	at := func(s int) time.Time { return start.Add(time.Duration(s) * time.Second) }
	windows := []window{{what: "a replica is killed", from: at(10), to: at(20)}}
	for _, tt := range []struct {
		name    string
		mayFail mayFail
		crowded bool
		timed   bool
		sent    int
		broken  string
	}{
		{"in time", inFlight, false, true, 12, ""},
		{"under way when it begins", inFlight, false, true, 9, ""},
		{"late", inFlight, false, true, 15, "sent 5.0 s after"},
		{"late, and put right in time", aWhile, false, true, 15, ""},
		{"late, but nobody looks", inFlight, false, false, 15, ""},
		{"too early", inFlight, false, false, 5, "1 creations ended failed"},
		{"when all is over", inFlight, false, false, 20, "1 creations ended failed"},
		{"too much for a slow machine", nothing, true, false, 12, ""},
		{"too much, but in full", nothing, true, true, 12, "1 creations ended failed"},
		{"nothing may fail", nothing, false, false, 12, "1 creations ended failed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tries := []try{
				{sent: at(tt.sent), took: 1500 * time.Millisecond, outcome: failed},
				{sent: at(tt.sent + 1), took: time.Second, outcome: right},
			}
			r := &result{drill: &drill{mayFail: tt.mayFail, crowded: tt.crowded}}
			r.judgeFailures(scale{timed: tt.timed}, tries, windows)
			if got := strings.Join(r.problems, "\n"); (got == "") != (tt.broken == "") || !strings.Contains(got, tt.broken) {
				t.Errorf("problems %q, want %q", got, tt.broken)
			}
			if tt.broken == "" && r.recovery != time.Duration(tt.sent+1-10)*time.Second {
				t.Errorf("answers again after %s", r.recovery)
			}
		})
	}
}
