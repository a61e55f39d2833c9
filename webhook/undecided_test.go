package webhook_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"k8s.io/client-go/rest"

	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/inventory/cluster"
	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// outdated has a broken network in memory, and a source that does not answer.
type outdated struct{ inventory.Inventory }

func (outdated) Facts(_ context.Context, q pod.Questions) pod.Facts {
	f := pod.Facts{Networks: make([]pod.Answer[cniconf.Network], len(q.Networks))}
	for n, r := range q.Networks {
		f.Networks[n].Value = cniconf.Compile(cniconf.Source{Namespace: r.Namespace, Name: r.Name, Config: "{"})
	}
	return f
}

func (outdated) Refresh(_ context.Context, q pod.Questions, f pod.Facts) pod.Facts {
	for n := range q.Networks {
		f.Networks[n] = pod.Answer[cniconf.Network]{Err: errors.New("connection refused")}
	}
	return f
}

// silent is a source that tells of nothing but a namespace of mode warn.
type silent struct{ outdated }

func (silent) Facts(ctx context.Context, q pod.Questions) pod.Facts {
	f := silent{}.Refresh(ctx, q, pod.Facts{Networks: make([]pod.Answer[cniconf.Network], len(q.Networks))})
	f.Namespace.Value = pod.CompileNamespace(map[string]string{verdict.ModeLabel: "warn"}, nil)
	return f
}

// Where nothing is refused, that a pod could not be checked is said before anything else.
func TestUncheckedInModeWarn(t *testing.T) {
	url, _ := serve(t, silent{}, config.Default(), io.Discard, time.Minute)
	r := ask(t, url+"/validate", request(`"k8s.v1.cni.cncf.io/networks":"kube-system/a@lo"`, "jane"))
	want := `macvlan-webhook could not check this Pod's networks, so it would be refused in mode enforce: look up network "kube-system/a": connection refused`
	if !r.Allowed || len(r.Warnings) != 2 || r.Warnings[0] != want || !strings.HasPrefix(r.Warnings[1], "interface-name-conflict: would be refused: ") {
		t.Errorf("response %+v", r)
	}
	if got := fmt.Sprint(r.AuditAnnotations); got != "map[mode:warn relaxed:interface-name-conflict,undecided]" {
		t.Errorf("audit annotations %s", got)
	}
}

// A refusal that rests on memory and cannot be confirmed is none.
func TestUnconfirmedRefusal(t *testing.T) {
	url, _ := serve(t, outdated{}, config.Default(), io.Discard, time.Minute)
	r := ask(t, url+"/validate", request(overlayExtra, "jane"))
	if r.Allowed || r.Result.Code != http.StatusServiceUnavailable || !strings.Contains(r.Result.Message, "connection refused") {
		t.Errorf("response %+v", r.Result)
	}
	// Neither is one that rests on the role of a network.
	r = ask(t, url+"/validate", request(overlayFirst, "jane"))
	if r.Allowed || r.Result.Code != http.StatusServiceUnavailable || !strings.Contains(r.Result.Message, "connection refused") {
		t.Errorf("response %+v", r.Result)
	}
	// What is wrong whatever the network is stays refused.
	r = ask(t, url+"/validate", request(`"k8s.v1.cni.cncf.io/networks":"kube-system/a@lo"`, "jane"))
	if r.Allowed || r.Result.Code != http.StatusForbidden || len(r.Result.Details.Causes) != 1 {
		t.Errorf("response %+v", r.Result)
	}
}

// hangingAPIServer accepts connections and never answers.
func hangingAPIServer(t *testing.T) inventory.Inventory {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	inv, err := cluster.New(cluster.Options{
		Config:  &rest.Config{Host: "http://" + listener.Addr().String()},
		Logger:  slog.New(slog.DiscardHandler),
		Metrics: prometheus.NewRegistry(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return inv
}

// Before the API server gives up waiting, the answer says why there is no
// verdict; what is wrong by itself is still named.
func TestDeadlineIsAnsweredInWords(t *testing.T) {
	url, registry := serve(t, hangingAPIServer(t), config.Default(), io.Discard, time.Second/4)
	r := ask(t, url+"/validate", request(overlayExtra, "jane"))
	if r.Allowed || r.Result.Code != http.StatusServiceUnavailable || !strings.Contains(r.Result.Message, `look up network "kube-system/macvlan-overlay-vlan0": the API server did not answer in time`) {
		t.Errorf("response %+v", r.Result)
	}
	// The API server says in the query how long it waits.
	r = ask(t, url+"/validate?timeout=200ms", request(overlayExtra, "jane"))
	if r.Allowed || r.Result.Code != http.StatusServiceUnavailable {
		t.Errorf("response %+v", r.Result)
	}
	r = ask(t, url+"/validate", request(`"k8s.v1.cni.cncf.io/networks":"kube-system/a@lo"`, "jane"))
	if r.Allowed || r.Result.Code != http.StatusForbidden || !strings.Contains(r.Result.Message, "[interface-name-conflict]") {
		t.Errorf("response %+v", r.Result)
	}
	if err := testutil.GatherAndCompare(registry, strings.NewReader("# HELP macvlan_webhook_decisions_total Objects checked, by decision: allow, warn, deny, exempt, undecided.\n"+
		"# TYPE macvlan_webhook_decisions_total counter\nmacvlan_webhook_decisions_total{decision=\"deny\"} 1\nmacvlan_webhook_decisions_total{decision=\"undecided\"} 2\n"), "macvlan_webhook_decisions_total"); err != nil {
		t.Error(err)
	}
}
