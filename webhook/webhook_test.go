package webhook_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/policy"
	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/test/fixtures"
	"github.com/macvlan-webhook/macvlan-webhook/test/given"
	"github.com/macvlan-webhook/macvlan-webhook/webhook"
)

// fixtureNetworks is the inventory of the fixtures.
func fixtureNetworks(tb testing.TB) inventory.Inventory {
	tb.Helper()
	return given.Inventory(tb, string(fixtures.Inventory()))
}

// serve runs the handler over HTTP.
func serve(tb testing.TB, inv inventory.Inventory, c *config.Config, logs io.Writer, deadline time.Duration) (url string, registry *prometheus.Registry) {
	tb.Helper()
	server, registry := serveConfig(tb, inv, func() *config.Config { return c }, logs, deadline)
	return server.URL, registry
}

// serveConfig is serve with a configuration that is asked for.
func serveConfig(tb testing.TB, inv inventory.Inventory, current func() *config.Config, logs io.Writer, deadline time.Duration) (*httptest.Server, *prometheus.Registry) {
	tb.Helper()
	registry := prometheus.NewRegistry()
	metrics, err := webhook.NewMetrics(registry)
	if err != nil {
		tb.Fatal(err)
	}
	decider := &webhook.Decider{
		Config: current, Inventory: inv, Metrics: metrics, Logger: slog.New(slog.NewJSONHandler(logs, nil)),
	}
	server := httptest.NewServer(decider.Handler(deadline))
	tb.Cleanup(server.Close)
	return server, registry
}

// request is an AdmissionReview of a pod with the annotations, in JSON.
func request(annotations, user string) string {
	return fmt.Sprintf(`{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"7f0c","kind":{"group":"","version":"v1","kind":"Pod"},`+
		`"resource":{"group":"","version":"v1","resource":"pods"},"namespace":"team-a","operation":"CREATE","userInfo":{"username":%q},`+
		`"object":{"apiVersion":"v1","kind":"Pod","metadata":{"generateName":"web-","annotations":{%s}},"spec":{"containers":[{"name":"app"}]}}}}`, user, annotations)
}

func ask(tb testing.TB, url, body string) *admissionv1.AdmissionResponse {
	tb.Helper()
	response, err := http.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		tb.Fatal(err)
	}
	defer response.Body.Close()
	var review admissionv1.AdmissionReview
	if err := json.NewDecoder(response.Body).Decode(&review); err != nil {
		tb.Fatal(err)
	}
	if response.StatusCode != http.StatusOK || review.APIVersion != "admission.k8s.io/v1" || review.Kind != "AdmissionReview" || review.Request != nil || review.Response == nil || review.Response.UID != "7f0c" {
		tb.Fatalf("status %s, review %+v", response.Status, review)
	}
	return review.Response
}

const (
	overlayFirst = `"v1.multus-cni.io/default-network":"macvlan-overlay-vlan0"`
	overlayExtra = `"k8s.v1.cni.cncf.io/networks":"kube-system/macvlan-overlay-vlan0"`
)

// TestFixtures asks about every fixture, templates included, as an API server
// does that is told to send them.
func TestFixtures(t *testing.T) {
	all, err := fixtures.Load()
	if err != nil {
		t.Fatal(err)
	}
	networks := fixtureNetworks(t)
	for _, f := range all {
		if f.OfNetwork() {
			continue
		}
		t.Run(f.Path, func(t *testing.T) {
			config, err := policy.ParseConfig(f.PolicyConfig())
			if err != nil {
				t.Fatal(err)
			}
			o := given.Objects(t, string(f.Text))[0]
			kind := schema.FromAPIVersionAndKind(o.APIVersion, o.Kind)
			namespace := o.Namespace
			if namespace == "" {
				namespace = "default"
			}
			body, err := json.Marshal(admissionv1.AdmissionReview{
				TypeMeta: metav1.TypeMeta{APIVersion: "admission.k8s.io/v1", Kind: "AdmissionReview"},
				Request: &admissionv1.AdmissionRequest{
					UID: "7f0c", Operation: admissionv1.Create, Namespace: namespace,
					Kind:   metav1.GroupVersionKind{Group: kind.Group, Version: kind.Version, Kind: kind.Kind},
					Object: runtime.RawExtension{Raw: o.JSON},
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			url, _ := serve(t, networks, config, io.Discard, time.Minute)
			if !f.Bypassed {
				if mutation := ask(t, url+"/mutate", string(body)); mutation.Patch != nil {
					if !bytes.Contains(body, o.JSON) {
						t.Fatal("the request does not hold the object as it is")
					}
					body = bytes.Replace(body, o.JSON, apply(t, mutation.Patch, o.JSON), 1)
				}
			}
			r := ask(t, url+"/validate", string(body))
			if r.Allowed == (f.Decision() == "deny") {
				t.Fatalf("allowed: %t, expected %s", r.Allowed, f.Decision())
			}
			// A response has the warnings apart from the denials, and says the same once.
			want := slices.Clone(f.Findings)
			slices.SortStableFunc(want, func(a, b fixtures.Finding) int { return strings.Compare(a.Action, b.Action) })
			want = slices.Compact(want)
			got := slices.Compact(findingsOf(r))
			if !slices.Equal(got, want) {
				t.Errorf("findings %v, expected %v", got, want)
			}
		})
	}
}

func TestDenial(t *testing.T) {
	var logs strings.Builder
	url, registry := serve(t, fixtureNetworks(t), config.Default(), &logs, time.Minute)
	r := ask(t, url+"/validate", request(overlayFirst+`,"k8s.v1.cni.cncf.io/networks":"[null]"`, "jane"))
	if r.Allowed || r.Result.Code != http.StatusForbidden || r.Result.Reason != "Forbidden" {
		t.Fatalf("response %+v", r)
	}
	var causes []string
	for _, c := range r.Result.Details.Causes {
		causes = append(causes, string(c.Type)+" "+c.Field)
		if !strings.Contains(r.Result.Message, c.Message) {
			t.Errorf("the message lacks %q", c.Message)
		}
	}
	want := "network-annotation-invalid metadata.annotations[k8s.v1.cni.cncf.io/networks], overlay-as-default-network metadata.annotations[v1.multus-cni.io/default-network]"
	if got := strings.Join(causes, ", "); got != want {
		t.Errorf("causes %s\nwant %s", got, want)
	}
	if lines := strings.Count(logs.String(), "\n"); lines != 1 || !strings.Contains(logs.String(), `"rules":["network-annotation-invalid","overlay-as-default-network"]`) {
		t.Errorf("%d lines of log:\n%s", lines, logs.String())
	}
	metrics := "# HELP macvlan_webhook_verdicts_total Findings, by rule and action.\n# TYPE macvlan_webhook_verdicts_total counter\n" +
		"macvlan_webhook_verdicts_total{action=\"deny\",rule=\"network-annotation-invalid\"} 1\nmacvlan_webhook_verdicts_total{action=\"deny\",rule=\"overlay-as-default-network\"} 1\n"
	if err := testutil.GatherAndCompare(registry, strings.NewReader(metrics), "macvlan_webhook_verdicts_total"); err != nil {
		t.Error(err)
	}
}

// What the log says of a request is quoted by its format alone, with what was wrong first and
// whether anything was about to happen.
func TestLogOfRefusals(t *testing.T) {
	const user = `DOMAIN\jane`
	dry := func(body string) string { return strings.Replace(body, `"operation"`, `"dryRun":true,"operation"`, 1) }
	two := request(overlayFirst+`,"k8s.v1.cni.cncf.io/networks":"[null]"`, user)
	for name, test := range map[string]struct {
		body string
		want map[string]any
	}{
		"denied": {two, map[string]any{
			"level": "INFO", "msg": "denied", "kind": "Pod", "rules": []any{"network-annotation-invalid", "overlay-as-default-network"},
			"message": `"null" of element 1 is in the place of a network; accepted: an object such as {"name": "..."}`, "dryRun": false,
		}},
		"tried": {dry(two), map[string]any{"msg": "denied", "kind": "Pod", "dryRun": true}},
		"unreadable": {dry(strings.Replace(two, `"metadata":{`, `"metadata":{"labels":1,`, 1)), map[string]any{
			"level": "WARN", "msg": "not checked", "kind": "Pod", "dryRun": true,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			var logs strings.Builder
			url, _ := serve(t, fixtureNetworks(t), config.Default(), &logs, time.Minute)
			r := ask(t, url+"/validate", test.body)
			if r.Allowed {
				t.Fatal("allowed")
			}
			line := decoded(t, []byte(logs.String()))
			test.want["namespace"], test.want["user"], test.want["uid"] = "team-a", user, "7f0c"
			if name == "unreadable" {
				test.want["message"] = r.Result.Message
			}
			for key, want := range test.want {
				if !reflect.DeepEqual(line[key], want) {
					t.Errorf("%s is %q, want %q", key, line[key], want)
				}
			}
		})
	}
}

func TestAllowIsNotLogged(t *testing.T) {
	var logs strings.Builder
	url, registry := serve(t, fixtureNetworks(t), config.Default(), &logs, time.Minute)
	for _, path := range []string{"/validate", "/mutate"} {
		if r := ask(t, url+path, request(overlayExtra, "jane")); !r.Allowed || len(r.Warnings) > 0 || r.Patch != nil {
			t.Errorf("%s: response %+v", path, r)
		}
	}
	if logs.Len() > 0 {
		t.Errorf("log:\n%s", logs.String())
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	histograms := 0
	for _, f := range families {
		if f.GetName() != "macvlan_webhook_request_duration_seconds" {
			continue
		}
		for _, m := range f.GetMetric() {
			histograms++
			if h := m.GetHistogram(); h.GetSampleCount() != 1 || h.GetBucket()[0].GetUpperBound() >= 0.001 {
				t.Errorf("%d samples, first bucket up to %g s", h.GetSampleCount(), h.GetBucket()[0].GetUpperBound())
			}
		}
	}
	if histograms != 2 {
		t.Errorf("%d histograms", histograms)
	}
}

// What a pod says is quoted and cut wherever it is shown.
func TestLongAndOddValues(t *testing.T) {
	var logs strings.Builder
	url, _ := serve(t, fixtureNetworks(t), config.Default(), &logs, time.Minute)
	long := strings.Repeat("x", 5000)
	r := ask(t, url+"/validate", request(`"k8s.v1.cni.cncf.io/networks":"kube-system/a@`+long+`\u001b[31m"`, long))
	if r.Allowed || len(r.Result.Message) > 1000 || strings.Contains(r.Result.Message, "\x1b") {
		t.Errorf("allowed %t, message %q", r.Allowed, r.Result.Message)
	}
	if logs.Len() > 1000 {
		t.Errorf("%d bytes of log", logs.Len())
	}
}

func TestExemptions(t *testing.T) {
	c := config.Default()
	c.Exempt = config.ExemptConfig{Users: []string{"system:serviceaccount:ops:repair"}, Namespaces: []string{"storage"}}
	url, registry := serve(t, fixtureNetworks(t), c, io.Discard, time.Minute)
	if r := ask(t, url+"/validate", request(overlayFirst, "system:serviceaccount:ops:repair")); !r.Allowed || r.AuditAnnotations["exempt"] != "user system:serviceaccount:ops:repair" {
		t.Errorf("exempt user: %+v", r)
	}
	if r := ask(t, url+"/validate", strings.Replace(request(overlayFirst, "jane"), `"namespace":"team-a"`, `"namespace":"storage"`, 1)); !r.Allowed || r.AuditAnnotations["exempt"] != "namespace storage" {
		t.Errorf("exempt namespace: %+v", r)
	}
	if r := ask(t, url+"/validate", request(overlayFirst, "jane")); r.Allowed {
		t.Errorf("neither: %+v", r)
	}
	if err := testutil.GatherAndCompare(registry, strings.NewReader("# HELP macvlan_webhook_decisions_total Objects checked, by decision: allow, warn, deny, exempt, undecided.\n"+
		"# TYPE macvlan_webhook_decisions_total counter\nmacvlan_webhook_decisions_total{decision=\"deny\"} 1\nmacvlan_webhook_decisions_total{decision=\"exempt\"} 2\n"), "macvlan_webhook_decisions_total"); err != nil {
		t.Error(err)
	}
}

// What is sent here by mistake is not passed in silence.
func TestRequestsThatAreNotForUs(t *testing.T) {
	url, _ := serve(t, fixtureNetworks(t), config.Default(), io.Discard, time.Minute)
	body := request(overlayFirst, "jane")
	if r := ask(t, url+"/validate", strings.Replace(body, `"kind":"Pod"}`, `"kind":"Secret"}`, 1)); r.Allowed || r.Result.Code != http.StatusUnprocessableEntity {
		t.Errorf("another kind: %+v", r)
	}
	for _, change := range [][2]string{{`"operation":"CREATE"`, `"operation":"DELETE"`}, {`"namespace":"team-a"`, `"namespace":"team-a","subResource":"status"`}} {
		if r := ask(t, url+"/validate", strings.Replace(body, change[0], change[1], 1)); !r.Allowed || len(r.Warnings) != 1 || !strings.Contains(r.Warnings[0], "correct the webhook configuration") {
			t.Errorf("%s: %+v", change[1], r)
		}
	}
}
