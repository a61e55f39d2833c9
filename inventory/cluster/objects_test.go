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

// status is how an API server says what is wrong.
func status(w http.ResponseWriter, code int, reason, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	fmt.Fprintf(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":%q,"message":%q,"code":%d}`, reason, message, code)
}

// Only the API server itself can tell that a kind is not there, or forbidden: the same
// status of a proxy in between is an error.
func TestObjectsThroughAProxy(t *testing.T) {
	const groups = `{"kind":"APIGroupList","apiVersion":"v1","groups":[{"name":"spiderpool.spidernet.io","versions":[{"groupVersion":"spiderpool.spidernet.io/v2beta1"}]}]}`
	const resources = `{"kind":"APIResourceList","apiVersion":"v1","groupVersion":"spiderpool.spidernet.io/v2beta1","resources":[{"name":"spiderippools"}]}`
	answer := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, text)
		}
	}
	const list = "/apis/spiderpool.spidernet.io/v2beta1/spiderippools"
	for _, tt := range []struct {
		name                string
		paths               map[string]http.HandlerFunc
		kind                inventory.Kind
		notFound, forbidden bool
		one                 bool // whether the error of one object is that of the list
		text                string
	}{
		{"the API server refuses", map[string]http.HandlerFunc{list: func(w http.ResponseWriter, _ *http.Request) {
			status(w, http.StatusForbidden, "Forbidden", "cannot list resource")
		}}, inventory.Pools, false, true, false, "cannot list resource"},
		{"a proxy refuses", map[string]http.HandlerFunc{list: func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "<html>log in</html>", http.StatusForbidden)
		}}, inventory.Pools, false, false, false, "is a proxy in between?"},
		{"a proxy finds nothing", nil, inventory.Pools, false, false, true, "whether the cluster has the kind cannot be found out"},
		{"nor does it find the core kinds", map[string]http.HandlerFunc{"/apis": answer(groups)}, inventory.Namespaces, false, false, true, "is a proxy in between?"},
		{"the resource is listed", map[string]http.HandlerFunc{"/apis": answer(groups), "/apis/spiderpool.spidernet.io/v2beta1": answer(resources)}, inventory.Pools, false, false, true, "is a proxy in between?"},
		{"there is no such resource", map[string]http.HandlerFunc{"/apis": answer(groups), "/apis/spiderpool.spidernet.io/v2beta1": answer(resources)}, inventory.Coordinators, true, false, true, ""},
		{"there is no such group", map[string]http.HandlerFunc{"/apis": answer(groups)}, inventory.Networks, true, false, true, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			mux := http.NewServeMux()
			for path, handler := range tt.paths {
				mux.Handle(path, handler)
			}
			server := httptest.NewServer(mux)
			defer server.Close()
			objects, err := NewObjects(&rest.Config{Host: server.URL}, 0)
			if err != nil {
				t.Fatal(err)
			}
			is := func(err error) {
				t.Helper()
				if err == nil || apierrors.IsNotFound(err) != tt.notFound || apierrors.IsForbidden(err) != tt.forbidden || !strings.Contains(err.Error(), tt.text) {
					t.Errorf("error %v", err)
				}
			}
			is(objects.List(t.Context(), tt.kind, func(*snapshot.Object) error { return nil }))
			if tt.one {
				_, err := objects.Get(t.Context(), tt.kind, object.Reference{Name: "a"})
				is(err)
			}
		})
	}
}

// One object that is not there is none, as the API server says it.
func TestAnObjectThatIsNotThere(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		status(w, http.StatusNotFound, "NotFound", "not found")
	}))
	defer server.Close()
	objects, err := NewObjects(&rest.Config{Host: server.URL}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if o, err := objects.Get(t.Context(), inventory.Pools, object.Reference{Name: "a"}); o != nil || err != nil {
		t.Errorf("%+v, error %v", o, err)
	}
}

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
		status(w, http.StatusForbidden, "Forbidden", "nodes is forbidden")
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
