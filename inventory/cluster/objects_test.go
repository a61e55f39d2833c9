package cluster

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"

	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/inventory/snapshot"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
)

// What does not answer is asked a few times in a row, and no more; an answer of any sort
// begins the count again.
func TestObjectsOfAnAPIServerThatDoesNotAnswer(t *testing.T) {
	var hanging atomic.Bool
	var requests atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		if hanging.Load() {
			<-r.Context().Done()
			return
		}
		w.Header().Set("Content-Type", "application/json")
		http.Error(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Forbidden","message":"nodes is forbidden","code":403}`, http.StatusForbidden)
	}))
	defer server.Close()
	objects, err := NewObjects(&rest.Config{Host: server.URL}, time.Second/20)
	if err != nil {
		t.Fatal(err)
	}
	list := func() error {
		return objects.List(t.Context(), inventory.Nodes, func(*snapshot.Object) error { return nil })
	}
	// The time may be too short for an answer on a busy machine.
	refused := func() {
		t.Helper()
		objects.timeout = 0
		if err := list(); !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "nodes is forbidden") {
			t.Errorf("refused: %v", err)
		}
		objects.timeout = time.Second / 20
	}
	silent := func(again bool) {
		t.Helper()
		if err := list(); err == nil || !strings.HasPrefix(err.Error(), "the API server did not answer within 50ms") || strings.Contains(err.Error(), "not asked again") == again {
			t.Errorf("no answer: %v", err)
		}
	}
	for range mostUnanswered {
		for range mostUnanswered - 1 {
			hanging.Store(true)
			silent(true)
		}
		hanging.Store(false)
		refused()
	}
	hanging.Store(true)
	for range mostUnanswered {
		silent(true)
	}
	before := requests.Load()
	for range 5 {
		silent(false)
	}
	if n := requests.Load(); n != before {
		t.Errorf("asked %d more times", n-before)
	}
}

// Of an object that a list has no more can be wrong than its metadata; whoever goes
// through the list may end it.
func TestObjectsOfAList(t *testing.T) {
	broken := errors.New("enough")
	for items, want := range map[string]string{
		`{"metadata":{"name":"a"}},{"metadata":{"name":"b"}}`:                             "a b",
		`{"metadata":{"name":7}}`:                                                         "decode an object of nodes: ",
		`{"metadata":{"name":"a"}},{"metadata":{"name":"end"}},{"metadata":{"name":"b"}}`: "a enough",
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(w, `{"kind":"PartialObjectMetadataList","apiVersion":"meta.k8s.io/v1","metadata":{},"items":[%s]}`, items)
		}))
		objects, err := NewObjects(&rest.Config{Host: server.URL}, 0)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		if err := objects.List(t.Context(), inventory.Nodes, func(o *snapshot.Object) error {
			if o.Name == "end" {
				return broken
			}
			if c := (object.Controller{APIVersion: o.APIVersion, Kind: o.Kind}); c != inventory.Nodes.Controller() {
				t.Errorf("an object of the kind %+v", c)
			}
			got = append(got, o.Name)
			return nil
		}); err != nil {
			got = append(got, err.Error())
		}
		if text := strings.Join(got, " "); !strings.HasPrefix(text, want) {
			t.Errorf("%s: %q, want %q", items, text, want)
		}
		server.Close()
	}
}
