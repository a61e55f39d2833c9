package webhook_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/test/given"
	"github.com/macvlan-webhook/macvlan-webhook/webhook"
)

// podOf is a Pod, or a Binding, with the annotations.
func podOf(annotations string) string {
	return `{"metadata":{"name":"web","namespace":"team-a","annotations":{` + annotations + `}},"spec":{"containers":[{"name":"app"}]}}`
}

// about is an AdmissionReview about the pod team-a/web, or what is written into it.
func about(kind, resource, subresource, operation, object, old string) string {
	if old != "" {
		old = `,"oldObject":` + old
	}
	return fmt.Sprintf(`{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"7f0c","kind":{"group":"","version":"v1","kind":%q},`+
		`"resource":{"group":"","version":"v1","resource":%q},"subResource":%q,"name":"web","namespace":"team-a","operation":%q,"userInfo":{"username":"jane"},"object":%s%s}}`,
		kind, resource, subresource, operation, object, old)
}

// pods are a cluster with one pod, or the error of one that does not answer.
type pods struct {
	pod string
	err error
}

func (p pods) Workload(_ context.Context, resource schema.GroupVersionResource, namespace, name string) ([]byte, error) {
	switch {
	case resource != corev1.SchemeGroupVersion.WithResource("pods") || namespace != "team-a" || name != "web":
		return nil, fmt.Errorf("%s %s/%s was asked for", resource.Resource, namespace, name)
	case p.err != nil:
		return nil, p.err
	}
	return []byte(p.pod), nil
}

// serveWith is serve, in a cluster of which workloads and pods can be read.
func serveWith(t *testing.T, inv inventory.Inventory, workloads webhook.Workloads) string {
	t.Helper()
	metrics, err := webhook.NewMetrics(prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	decider := &webhook.Decider{Config: config.Default, Inventory: inv, Workloads: workloads, Metrics: metrics, Logger: slog.New(slog.DiscardHandler)}
	server := httptest.NewServer(decider.Handler(time.Minute))
	t.Cleanup(server.Close)
	return server.URL
}

// TestExistingPods asks about each way in which annotations get into a pod that is there
// already.
func TestExistingPods(t *testing.T) {
	const denied = "[overlay-as-default-network] metadata.annotations[v1.multus-cni.io/default-network]"
	plain, wrong, right := podOf(""), podOf(overlayFirst), podOf(overlayExtra)
	gone := apierrors.NewNotFound(schema.GroupResource{Resource: "pods"}, "web")
	unread := func(why string) string {
		return `could not check this Binding's networks, so it is refused: read pod "team-a/web", whose annotations it changes: ` + why + "; try again"
	}
	for name, test := range map[string]struct {
		review  string
		cluster webhook.Workloads
		code    int32
		refusal string
		warning string
	}{
		"updated wrong":               {about("Pod", "pods", "", "UPDATE", wrong, plain), nil, http.StatusForbidden, denied, ""},
		"updated right":               {about("Pod", "pods", "", "UPDATE", right, plain), nil, 0, "", ""},
		"repaired":                    {about("Pod", "pods", "", "UPDATE", right, wrong), nil, 0, "", ""},
		"still wrong":                 {about("Pod", "pods", "", "UPDATE", wrong, wrong), nil, 0, "", "a new Pod with these annotations would be refused: overlay-as-default-network (kubectl macvlan explain overlay-as-default-network)"},
		"its status":                  {about("Pod", "pods", "status", "UPDATE", wrong, plain), nil, http.StatusForbidden, denied, ""},
		"its status, right":           {about("Pod", "pods", "status", "UPDATE", right, plain), nil, 0, "", ""},
		"its containers":              {about("Pod", "pods", "ephemeralcontainers", "UPDATE", wrong, plain), nil, 0, "", `macvlan-webhook does not check "UPDATE" "pods/ephemeralcontainers": correct the webhook configuration`},
		"bound":                       {about("Binding", "pods", "binding", "CREATE", wrong, ""), pods{pod: plain}, http.StatusForbidden, denied, ""},
		"bound the old way":           {about("Binding", "bindings", "", "CREATE", wrong, ""), pods{pod: plain}, http.StatusForbidden, denied, ""},
		"bound, and right":            {about("Binding", "pods", "binding", "CREATE", right, ""), pods{pod: plain}, 0, "", ""},
		"bound plainly":               {about("Binding", "pods", "binding", "CREATE", plain, ""), pods{err: errors.New("is asked for nothing")}, 0, "", ""},
		"bound, and it is gone":       {about("Binding", "pods", "binding", "CREATE", wrong, ""), pods{err: gone}, http.StatusServiceUnavailable, unread("there is no such pod"), ""},
		"bound, without an answer":    {about("Binding", "pods", "binding", "CREATE", wrong, ""), pods{err: errors.New("timed out")}, http.StatusServiceUnavailable, unread("timed out"), ""},
		"bound, without a cluster":    {about("Binding", "pods", "binding", "CREATE", wrong, ""), nil, http.StatusServiceUnavailable, unread("there is no cluster to read it from"), ""},
		"a Binding of something else": {about("Binding", "widgets", "binding", "CREATE", wrong, ""), pods{pod: plain}, 0, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := ask(t, serveWith(t, fixtureNetworks(t), test.cluster)+"/validate", test.review)
			if r.Allowed != (test.code == 0) || !r.Allowed && (r.Result.Code != test.code || !strings.Contains(r.Result.Message, test.refusal)) {
				t.Errorf("response %+v, want %d %s", r.Result, test.code, test.refusal)
			}
			if got := strings.Join(r.Warnings, "\n"); got != test.warning {
				t.Errorf("warnings %q, want %q", got, test.warning)
			}
		})
	}
}

// Nothing is filled in of a pod that is there already, whoever asks for it.
func TestMutateExistingPod(t *testing.T) {
	inv, c := twoVLANs(t)
	url, _ := serve(t, inv, c, io.Discard, time.Minute)
	if r := ask(t, url+"/mutate", about("Pod", "pods", "", "CREATE", podOf(twoNetworks), "")); r.Patch == nil {
		t.Fatalf("a pod that is created gets no pools: %+v", r)
	}
	for subresource, resource := range map[string]string{"": "pods", "status": "pods/status"} {
		r := ask(t, url+"/mutate", about("Pod", "pods", subresource, "UPDATE", podOf(twoNetworks), podOf("")))
		if want := `macvlan-webhook does not fill in pools on "UPDATE" "` + resource + `": correct the webhook configuration`; !r.Allowed || r.Patch != nil || strings.Join(r.Warnings, "\n") != want {
			t.Errorf("%s: %+v", resource, r)
		}
	}
	if r := ask(t, url+"/validate", about("Pod", "pods", "", "UPDATE", podOf(twoNetworks), podOf(""))); r.Patch != nil || len(r.Warnings) != 1 || !strings.HasPrefix(r.Warnings[0], "ippool-default-missing: ") {
		t.Errorf("networks with default pools: %+v", r)
	}
}

// What takes annotations away does not wait for an inventory that does not answer.
func TestExistingPodsWithoutAnswers(t *testing.T) {
	url := serveWith(t, outdated{}, nil)
	both := podOf(overlayFirst + "," + overlayExtra)
	if r := ask(t, url+"/validate", about("Pod", "pods", "", "UPDATE", podOf(overlayExtra), both)); !r.Allowed {
		t.Errorf("taken away: %+v", r.Result)
	}
	if r := ask(t, url+"/validate", about("Pod", "pods", "", "UPDATE", both, podOf(overlayExtra))); r.Allowed || r.Result.Code != http.StatusServiceUnavailable {
		t.Errorf("added: %+v", r)
	}
}

// In a namespace that relaxes the rules a Binding does not wait for its pod.
func TestBindingInMode(t *testing.T) {
	review := about("Binding", "pods", "binding", "CREATE", podOf(overlayFirst), "")
	for mode, warning := range map[string]string{"off": "", "warn": `macvlan-webhook could not check this Binding's networks, so it would be refused in mode enforce: read pod "team-a/web", whose annotations it changes: timed out`} {
		inv := given.Inventory(t, `{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"team-a","labels":{"macvlan-webhook.io/mode":"`+mode+`"}}}`)
		r := ask(t, serveWith(t, inv, pods{err: errors.New("timed out")})+"/validate", review)
		if got := strings.Join(r.Warnings, "\n"); !r.Allowed || got != warning {
			t.Errorf("mode %s: allowed %t, warnings %q", mode, r.Allowed, got)
		}
	}
}
