package webhook_test

import (
	"context"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
)

// asleep is an inventory that does not answer before it is told to, but about one
// namespace.
type asleep struct {
	inventory.Inventory
	asked  chan struct{}
	answer chan struct{}
}

func (a *asleep) Facts(ctx context.Context, q pod.Questions) pod.Facts {
	if q.Namespace != "quick" {
		a.asked <- struct{}{}
		<-a.answer
	}
	return a.Inventory.Facts(ctx, q)
}

// Verdicts that wait for the API server keep nobody else from being judged, and are
// reached when it answers.
func TestSlowInventory(t *testing.T) {
	const slow = 100
	a := &asleep{Inventory: fixtureNetworks(t), asked: make(chan struct{}, slow), answer: make(chan struct{})}
	url, _ := serve(t, a, config.Default(), io.Discard, time.Minute)
	var waiting sync.WaitGroup
	for range slow {
		waiting.Go(func() {
			if r := ask(t, url+"/validate", request(overlayExtra, "jane")); !r.Allowed {
				t.Errorf("response %+v", r)
			}
		})
	}
	for range slow {
		<-a.asked
	}
	if r := ask(t, url+"/validate", strings.Replace(request(overlayExtra, "jane"), `"namespace":"team-a"`, `"namespace":"quick"`, 1)); !r.Allowed {
		t.Errorf("response %+v", r)
	}
	close(a.answer)
	waiting.Wait()
}

// large is the review with more in it than small bodies have.
func large(body string) string {
	return strings.Replace(body, `"metadata":{`, `"metadata":{"labels":{"a":"`+strings.Repeat("x", 100<<10)+`"},`, 1)
}

// Large reviews that wait for the API server keep no other large one from being judged.
func TestSlowInventoryOfLargeReviews(t *testing.T) {
	const slow = 8
	a := &asleep{Inventory: fixtureNetworks(t), asked: make(chan struct{}, slow), answer: make(chan struct{})}
	url, _ := serve(t, a, config.Default(), io.Discard, time.Minute)
	body := large(request(overlayFirst, "jane"))
	var waiting sync.WaitGroup
	for range slow {
		waiting.Go(func() {
			if r := ask(t, url+"/validate", body); r.Allowed {
				t.Errorf("response %+v", r)
			}
		})
	}
	for range slow {
		<-a.asked
	}
	if r := ask(t, url+"/validate", strings.Replace(body, `"namespace":"team-a"`, `"namespace":"quick"`, 1)); r.Allowed {
		t.Errorf("response %+v", r)
	}
	close(a.answer)
	waiting.Wait()
}

// What cannot be judged soon is refused in words, and the connection stays.
func TestOverload(t *testing.T) {
	entered, free := make(chan struct{}, 1000), make(chan struct{})
	busy := true
	var mu sync.Mutex
	current := func() *config.Config {
		mu.Lock()
		wait := busy
		mu.Unlock()
		if wait {
			entered <- struct{}{}
			<-free
		}
		return config.Default()
	}
	server, registry := serveConfig(t, fixtureNetworks(t), current, io.Discard, time.Minute)
	var judged sync.WaitGroup
	places := min(2*runtime.GOMAXPROCS(0), 16)
	for range places {
		judged.Go(func() { ask(t, server.URL+"/validate", request(overlayExtra, "jane")) })
	}
	for range places {
		<-entered
	}
	response, err := http.Post(server.URL+"/validate?timeout=1s", "application/json", strings.NewReader(request(overlayExtra, "jane")))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != http.StatusServiceUnavailable || string(text) != "macvlan-webhook has too many requests at once: try again\n" || response.Close {
		t.Errorf("answered with %s, closed: %t, %q", response.Status, response.Close, text)
	}
	want := "# HELP macvlan_webhook_overloaded_total Requests answered with status 503, since too many came at once.\n# TYPE macvlan_webhook_overloaded_total counter\nmacvlan_webhook_overloaded_total 1\n"
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "macvlan_webhook_overloaded_total", "macvlan_webhook_malformed_requests_total"); err != nil {
		t.Error(err)
	}
	mu.Lock()
	busy = false
	mu.Unlock()
	close(free)
	judged.Wait()
	if r := ask(t, server.URL+"/validate", request(overlayExtra, "jane")); !r.Allowed {
		t.Errorf("afterwards: %+v", r)
	}
}

// Only an answer to an AdmissionReview leaves its connection open.
func TestUselessRequestsCloseTheirConnection(t *testing.T) {
	url, _ := serve(t, fixtureNetworks(t), config.Default(), io.Discard, time.Minute)
	for _, test := range []struct {
		method, path, body string
		status             int
		open               bool
	}{
		{http.MethodPost, "/validate", request(overlayExtra, "jane"), http.StatusOK, true},
		{http.MethodPost, "/mutate", request(overlayFirst, "jane"), http.StatusOK, true},
		{http.MethodPost, "/validate", "{}", http.StatusBadRequest, false},
		{http.MethodGet, "/validate", "", http.StatusMethodNotAllowed, false},
		{http.MethodGet, "/x", "", http.StatusNotFound, false},
		{http.MethodPost, "//validate", request(overlayExtra, "jane"), http.StatusTemporaryRedirect, false},
		// The server's own.
		{http.MethodPost, "/self", request(overlayExtra, "jane"), http.StatusNotFound, false},
	} {
		r, err := http.NewRequest(test.method, url+test.path, strings.NewReader(test.body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		response, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != test.status || response.Close == test.open {
			t.Errorf("%s %s %.20s: %s, closed: %t", test.method, test.path, test.body, response.Status, response.Close)
		}
	}
}
