package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"

	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
	"github.com/macvlan-webhook/macvlan-webhook/review"
	"github.com/macvlan-webhook/macvlan-webhook/test/wait"
)

// fakeAPI is an API server that has all kinds, and of each the objects in JSON by its
// resource. The lists and watches of some fail, as they do when a conversion webhook is
// down.
type fakeAPI struct {
	objects map[string][]string
	failing map[string]bool
	kinds   []followed
	// slow is a resource whose list comes in pages, each of which is sent when next tells
	// whether it is the last; asked tells that a page is waited for.
	slow  string
	asked chan struct{}
	next  chan bool
}

// filling is an inventory that follows such a server, with what tells what was logged.
func filling(t *testing.T, api *fakeAPI, prepare func(*Inventory)) (*Inventory, func() string) {
	t.Helper()
	server := httptest.NewServer(api)
	t.Cleanup(server.Close)
	log := &wait.Log{}
	inv, err := New(Options{Config: &rest.Config{Host: server.URL}, Logger: slog.New(slog.NewTextHandler(log, nil)), Metrics: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	api.kinds = inv.kinds
	prepare(inv)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- inv.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return inv, log.String
}

func (a *fakeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	for _, k := range a.kinds {
		kind := k.traits().Kind
		base := strings.Join(apiPath(kind.GroupVersion()), "/")
		if r.URL.Path == base {
			a.discovery(w, kind)
			return
		}
		path, isKind := strings.CutPrefix(r.URL.Path, base+"/")
		if parts := strings.SplitN(path, "/", 3); parts[0] == "namespaces" && len(parts) == 3 {
			path = parts[2]
		}
		resource, name, _ := strings.Cut(path, "/")
		if !isKind || resource != kind.Resource {
			continue
		}
		switch {
		case a.failing[kind.Resource]:
			http.Error(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","message":"conversion webhook failed","code":500}`, http.StatusInternalServerError)
		case name != "" && a.object(kind.Resource, name) != "":
			fmt.Fprint(w, a.object(kind.Resource, name))
		case name != "":
			http.Error(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","code":404}`, http.StatusNotFound)
		case r.URL.Query().Get("sendInitialEvents") != "":
			http.Error(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Invalid","code":422}`, http.StatusUnprocessableEntity)
		case r.URL.Query().Get("watch") != "":
			w.WriteHeader(http.StatusOK)
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		default:
			more := ""
			if a.slow == kind.Resource {
				a.asked <- struct{}{}
				if last := <-a.next; !last {
					more = `,"continue":"more"`
				}
			}
			fmt.Fprintf(w, `{"kind":"%sList","apiVersion":"%s","metadata":{"resourceVersion":"1"%s},"items":[%s]}`,
				kind.Name, kind.GroupVersion(), more, strings.Join(a.objects[kind.Resource], ","))
		}
		return
	}
	http.Error(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","code":404}`, http.StatusNotFound)
}

// object is the one of a name.
func (a *fakeAPI) object(resource, name string) string {
	for _, o := range a.objects[resource] {
		if strings.Contains(o, `"name":"`+name+`"`) {
			return o
		}
	}
	return ""
}

// discovery lists the resources of the version that a kind belongs to.
func (a *fakeAPI) discovery(w http.ResponseWriter, of inventory.Kind) {
	list := metav1.APIResourceList{TypeMeta: metav1.TypeMeta{Kind: "APIResourceList", APIVersion: "v1"}, GroupVersion: of.GroupVersion().String()}
	for _, k := range a.kinds {
		if kind := k.traits().Kind; kind.GroupVersion() == of.GroupVersion() {
			list.APIResources = append(list.APIResources, metav1.APIResource{Name: kind.Resource, Kind: kind.Name})
		}
	}
	json.NewEncoder(w).Encode(list)
}

func nadYAML(name, config string) string {
	return fmt.Sprintf(`{"apiVersion":"k8s.cni.cncf.io/v1","kind":"NetworkAttachmentDefinition","metadata":{"name":%q,"namespace":"default"},"spec":{"config":%q}}`, name, config)
}

// judged is the verdict on a pod with some annotations.
func judged(t *testing.T, inv *Inventory, annotations map[string]string) verdict.Verdict {
	t.Helper()
	s := &pod.Subject{APIVersion: "v1", Kind: "Pod", Namespace: "default", Name: "a", Annotations: annotations}
	return review.JudgePod(t.Context(), inv, config.Default(), s)
}

// A kind whose cache is never filled keeps nobody away who asks for none of it, and who
// needs it is not judged by an empty cache.
func TestCachesThatAreNeverFilled(t *testing.T) {
	const networks = "k8s.v1.cni.cncf.io/networks"
	flat := func(ip string) map[string]string {
		return map[string]string{
			networks:                        `[{"name":"static-macvlan-cni-attach","interface":"eth1"}]`,
			"macvlan.pandaria.cattle.io/ip": ip, "macvlan.pandaria.cattle.io/subnet": "vlan9",
		}
	}
	objects := map[string][]string{
		"namespaces": {`{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"default"}}`},
		"macvlansubnets": {
			`{"apiVersion":"macvlan.cluster.cattle.io/v1","kind":"MacvlanSubnet","metadata":{"name":"vlan9","namespace":"kube-system"},"spec":{"master":"eth1","cidr":"10.0.0.0/24","gateway":"10.0.0.254"}}`,
		},
		"network-attachment-definitions": {
			nadYAML("plain", `{"cniVersion":"0.3.1","plugins":[{"type":"macvlan","master":"eth1","ipam":{"type":"static"}},{"type":"router"}]}`),
			nadYAML("pooled", `{"cniVersion":"0.3.1","plugins":[{"type":"macvlan","master":"eth1","ipam":{"type":"spiderpool","default_ipv4_ippool":["a"]}},{"type":"router"}]}`),
			nadYAML("static-macvlan-cni-attach", `{"cniVersion":"0.3.1","type":"static-macvlan-cni","master":"eth1"}`),
			nadYAML("inherits", `{"cniVersion":"0.3.1","plugins":[{"type":"macvlan","master":"eth1"},{"type":"coordinator"}]}`),
		},
	}
	for _, tt := range []struct {
		failing string
		// needs are the annotations of a pod that needs the kind, and undecided says why
		// there is no verdict on it.
		needs     map[string]string
		undecided string
	}{
		{"spiderippools", map[string]string{networks: "pooled"}, "look up pools: the cache of spiderippools is not filled yet"},
		{"jobs", flat("10.0.0.5"), "look up who holds the addresses: the cache of jobs is not filled yet"},
		{"macvlansubnets", flat("auto"), `look up "MacvlanSubnet vlan9": `},
	} {
		t.Run(tt.failing, func(t *testing.T) {
			var clock sync.Mutex
			now := time.Unix(0, 0)
			inv, _ := filling(t, &fakeAPI{objects: objects, failing: map[string]bool{tt.failing: true}}, func(inv *Inventory) {
				inv.now = func() time.Time {
					clock.Lock()
					defer clock.Unlock()
					return now
				}
			})
			only := "the cache of " + tt.failing + " is not filled yet"
			wait.Until(t, "the other caches are filled", func() bool { err := inv.Filled(); return err != nil && err.Error() == only })
			if err := inv.Ready(); err == nil || err.Error() != only {
				t.Errorf("at first: %v", err)
			}
			wait.Until(t, "ready without it", func() bool {
				clock.Lock()
				now = now.Add(fillPatience)
				clock.Unlock()
				return inv.Ready() == nil
			})
			if err := inv.Filled(); err == nil || err.Error() != only {
				t.Errorf("it is not said what is not filled: %v", err)
			}
			if v := judged(t, inv, map[string]string{networks: "plain"}); v.Undecided != nil {
				t.Errorf("a pod that asks for none of it: %+v", v)
			}
			if v := judged(t, inv, tt.needs); v.Undecided == nil || !strings.HasPrefix(v.Undecided.Error(), tt.undecided) {
				t.Errorf("a pod that needs it: undecided %v\n%s", v.Undecided, v.Explanation(verdict.Warn))
			}
		})
	}

	t.Run("spidercoordinators", func(t *testing.T) {
		inv, log := filling(t, &fakeAPI{objects: objects, failing: map[string]bool{"spidercoordinators": true}}, func(*Inventory) {})
		only := "the cache of spidercoordinators is not filled yet"
		wait.Until(t, "the other caches are filled", func() bool { err := inv.Filled(); return err != nil && err.Error() == only })
		q := pod.Questions{Namespace: "default", Networks: []object.Reference{{Namespace: "default", Name: "plain"}}}
		if c := inv.Facts(t.Context(), q).Coordinator; c.Err != nil {
			t.Errorf("it is asked for where nothing depends on it: %+v", c)
		}
		q.Networks[0].Name = "inherits"
		for range 3 {
			if c := inv.Facts(t.Context(), q).Coordinator; c.Err == nil || c.Fresh || c.Value != nil {
				t.Errorf("of a network that names no mode: %+v", c)
			}
		}
		if n := strings.Count(log(), "failed to read SpiderCoordinator default"); n != 1 {
			t.Errorf("said %d times:\n%s", n, log())
		}
		// Before a refusal it is read for a network that inherits it, and for no other. What
		// was remembered is no answer then.
		mode := cniconf.ModeUnderlay
		stale := pod.Facts{Networks: make([]pod.Answer[cniconf.Network], 1), Coordinator: pod.Answer[cniconf.CoordinatorMode]{Value: &mode}}
		if c := inv.Refresh(t.Context(), q, stale).Coordinator; c.Err == nil || c.Fresh || c.Value != nil {
			t.Errorf("asked again of a network that names no mode: %+v", c)
		}
		q.Networks[0].Name = "plain"
		if c := inv.Refresh(t.Context(), q, stale).Coordinator; c != stale.Coordinator {
			t.Errorf("asked again where nothing depends on it: %+v", c)
		}
		if c := inv.Facts(t.Context(), pod.Questions{Coordinator: true}).Coordinator; c.Err == nil {
			t.Errorf("asked for by itself: %+v", c)
		}
	})
}

// A cache that is being filled is waited for, however long that takes, and one whose list
// comes to a halt is not.
func TestACacheThatIsFilledSlowly(t *testing.T) {
	var clock sync.Mutex
	now := time.Unix(0, 0)
	later := func(d time.Duration) {
		clock.Lock()
		defer clock.Unlock()
		now = now.Add(d)
	}
	api := &fakeAPI{
		slow: "jobs", asked: make(chan struct{}), next: make(chan bool),
		objects: map[string][]string{"jobs": {`{"metadata":{"name":"a","namespace":"default"}}`}},
	}
	inv, _ := filling(t, api, func(inv *Inventory) {
		inv.now = func() time.Time {
			clock.Lock()
			defer clock.Unlock()
			return now
		}
	})
	<-api.asked
	wait.Until(t, "the other caches are filled", func() bool {
		err := inv.Filled()
		return err != nil && err.Error() == "the cache of jobs is not filled yet"
	})
	for range 3 {
		later(fillPatience - time.Second)
		if err := inv.Ready(); err == nil {
			t.Error("ready while the cache is being filled")
		}
		api.next <- false
		<-api.asked // the page before has arrived
	}
	later(fillPatience)
	if err := inv.Ready(); err != nil {
		t.Errorf("not ready when nothing more comes: %v", err)
	}
	api.next <- true
	wait.Until(t, "all caches are filled", func() bool { return inv.Filled() == nil })
}

// Patience begins anew with each sign of progress, and with the first failure after it. Once
// it has ended it does not come back.
func TestPatience(t *testing.T) {
	now := time.Unix(0, 0)
	p := patience{now: func() time.Time { return now }}
	pass := func(want bool) {
		t.Helper()
		if now = now.Add(fillPatience - time.Second); p.ended() != want {
			t.Errorf("ended: %t, want %t", !want, want)
		}
	}
	pass(false)
	pass(false) // nothing has begun
	p.progress()
	pass(false)
	p.failure()
	pass(false)
	p.progress()
	p.failure()
	pass(false)
	p.failure() // another try is no progress
	pass(true)
	p.progress()
	pass(true)
}

// Without what every verdict needs nobody is ever ready.
func TestCachesThatEveryVerdictNeeds(t *testing.T) {
	for _, required := range []string{"namespaces", "network-attachment-definitions"} {
		var clock sync.Mutex
		now := time.Unix(0, 0)
		inv, _ := filling(t, &fakeAPI{failing: map[string]bool{required: true}}, func(inv *Inventory) {
			inv.now = func() time.Time {
				clock.Lock()
				defer clock.Unlock()
				return now
			}
		})
		only := "the cache of " + required + " is not filled yet"
		wait.Until(t, "the other caches are filled", func() bool { err := inv.Filled(); return err != nil && err.Error() == only })
		clock.Lock()
		now = now.Add(24 * time.Hour)
		clock.Unlock()
		if err := inv.Ready(); err == nil || err.Error() != only {
			t.Errorf("%s: %v", required, err)
		}
	}
}

// A compiler that panics over one object ends neither the cache nor a read: the object
// counts as one that cannot be read, which is said once.
func TestACompilerThatPanics(t *testing.T) {
	const config = `{"cniVersion":"0.3.1","plugins":[{"type":"macvlan"},{"type":"router"}]}`
	api := &fakeAPI{objects: map[string][]string{"network-attachment-definitions": {nadYAML("good", config), nadYAML("bad", config)}}}
	inv, log := filling(t, api, func(inv *Inventory) {
		compile := inv.networks.kind.compile
		inv.networks.kind.compile = func(o runtime.Object) *cniconf.Network {
			if o.(metav1.Object).GetName() == "bad" {
				panic("index out of range")
			}
			return compile(o)
		}
	})
	wait.Until(t, "networks in the cache", func() bool { return inv.networks.ready() == nil })
	unusable := map[string]string{}
	for n := range inv.Networks(t.Context()) {
		unusable[n.Name] = n.Unusable
	}
	if len(unusable) != 2 || unusable["good"] != "" || unusable["bad"] != "its config could not be read" {
		t.Errorf("networks: %q", unusable)
	}
	all, err := inv.networks.list(t.Context())
	if err != nil || len(all) != 2 {
		t.Errorf("listed: %v, %v", all, err)
	}
	if n := strings.Count(log(), "an object cannot be read"); n != 1 || !strings.Contains(log(), "namespace=default name=bad") || !strings.Contains(log(), "index out of range") {
		t.Errorf("said %d times:\n%s", n, log())
	}

	// Of each kind something stands in that rules can look at.
	for _, k := range inv.kinds {
		if k, ok := k.(interface{ standIn(object.Reference) bool }); !ok || !k.standIn(object.Reference{Name: "bad"}) {
			t.Errorf("%+v: a nil value stands in for what cannot be read", k)
		}
	}
}

// standIn says whether something stands in for an object that cannot be read. Holders
// that cannot be read hold nothing, without a mode the configured one counts, and without
// an agent nothing is said of the cluster's own network.
func (w *watched[T]) standIn(ref object.Reference) bool {
	switch any(new(T)).(type) {
	case *pod.Holder, *cniconf.CoordinatorMode, *object.Reference:
		return w.kind.unreadable == nil
	}
	return w.kind.unreadable != nil && w.kind.unreadable(ref) != nil
}

// Of the DaemonSets one alone is read for what it says, and that is kept.
func TestAgentOfSpiderpool(t *testing.T) {
	q := pod.Questions{SpiderpoolNamespace: "kube-system"}
	agent := `{"metadata":{"name":"spiderpool-agent","namespace":"spider"},"spec":{"template":{"spec":{"containers":[{"env":[{"name":"MULTUS_CLUSTER_NETWORK","value":%q}]}]}}}}`
	for value, want := range map[string]string{"spider/plain": "spider/plain", "plain": "spider/plain", "": ""} {
		api := &fakeAPI{objects: map[string][]string{
			"daemonsets":                     {`{"metadata":{"name":"other","namespace":"default"}}`, fmt.Sprintf(agent, value)},
			"network-attachment-definitions": {strings.Replace(nadYAML("plain", `{"cniVersion":"0.3.1","type":"macvlan"}`), "default", "spider", 1)},
		}}
		inv, _ := filling(t, api, func(*Inventory) {})
		wait.Until(t, "filled", func() bool { return inv.Filled() == nil })
		own := inv.Facts(t.Context(), q).OwnNetwork.Value
		switch {
		case want == "" && own != nil, want != "" && own == nil:
			t.Errorf("%q: %+v", value, own)
		case own != nil && (own.Reference.String() != want || own.Network == nil):
			t.Errorf("%q: %+v, want %s", value, own, want)
		}
		if own := inv.Facts(t.Context(), pod.Questions{}).OwnNetwork.Value; own != nil {
			t.Errorf("without the question: %+v", own)
		}
	}
}
