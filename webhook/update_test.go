package webhook_test

import (
	"context"
	"encoding/json"
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
	"github.com/prometheus/client_golang/prometheus/testutil"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
	"github.com/macvlan-webhook/macvlan-webhook/test/given"
	"github.com/macvlan-webhook/macvlan-webhook/webhook"
)

// workload is a Deployment, or another kind with a template, in JSON.
func workload(kind, annotations, metadata string) string {
	apiVersion := "apps/v1"
	if kind == "Job" {
		apiVersion = "batch/v1"
	}
	return fmt.Sprintf(`{"apiVersion":%q,"kind":%q,"metadata":{"name":"web"%s},"spec":{"template":{"metadata":{"annotations":{%s}}}}}`, apiVersion, kind, metadata, annotations)
}

// change is an AdmissionReview of a workload that is created (without an old
// object) or updated.
func change(kind, object, old string) string {
	group, operation := "apps", "CREATE"
	if kind == "Job" {
		group = "batch"
	}
	if old != "" {
		operation, old = "UPDATE", `,"oldObject":`+old
	}
	return fmt.Sprintf(`{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"7f0c","kind":{"group":%q,"version":"v1","kind":%q},`+
		`"resource":{"group":%q,"version":"v1","resource":"%ss"},"name":"web","namespace":"team-a","operation":%q,"userInfo":{"username":"jane"},"object":%s%s}}`,
		group, kind, group, strings.ToLower(kind), operation, object, old)
}

func TestWorkloads(t *testing.T) {
	url, _ := serve(t, fixtureNetworks(t), config.Default(), io.Discard, time.Minute)
	bad, good := workload("Deployment", overlayFirst, ""), workload("Deployment", overlayExtra, "")
	owned := func(kind, owner string) string {
		apiVersion := map[string]string{"Deployment": "apps/v1", "CronJob": "batch/v1"}[owner]
		return workload(kind, overlayFirst, fmt.Sprintf(`,"ownerReferences":[{"apiVersion":%q,"kind":%q,"controller":true}]`, apiVersion, owner))
	}
	const refused, next = "[overlay-as-default-network] spec.template.metadata.annotations[v1.multus-cni.io/default-network]", "the next pods of this Deployment will be refused: overlay-as-default-network (kubectl macvlan explain overlay-as-default-network)"
	for name, test := range map[string]struct{ review, denial, warning string }{
		"created wrong":              {change("Deployment", bad, ""), refused, ""},
		"created right":              {change("Deployment", good, ""), "", ""},
		"wrong before and after":     {change("Deployment", bad, bad), "", next},
		"wrong before, and labelled": {change("Deployment", workload("Deployment", overlayFirst, `,"labels":{"a":"b"}`), bad), "", next},
		"made wrong":                 {change("Deployment", bad, good), refused, ""},
		"made right":                 {change("Deployment", good, bad), "", ""},
		"of a Deployment":            {change("ReplicaSet", owned("ReplicaSet", "Deployment"), ""), "", ""},
		"of a CronJob":               {change("Job", owned("Job", "CronJob"), ""), "", ""},
		"of something else":          {change("ReplicaSet", owned("ReplicaSet", "Rollout"), ""), refused, ""},
		"of nobody":                  {change("Job", workload("Job", overlayFirst, ""), ""), refused, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := ask(t, url+"/validate", test.review)
			if r.Allowed != (test.denial == "") || !r.Allowed && !strings.Contains(r.Result.Message, test.denial) {
				t.Errorf("response %+v", r.Result)
			}
			if got := strings.Join(r.Warnings, "\n"); got != test.warning {
				t.Errorf("warnings %q, want %q", got, test.warning)
			}
		})
	}
	if r := ask(t, url+"/mutate", change("Deployment", bad, "")); !r.Allowed || r.Patch != nil {
		t.Errorf("a template is changed: %+v", r)
	}
}

// What an update finds unreadable need not be repaired, in the words of kubectl-macvlan,
// whichever webhook is asked; and it excuses nothing that is wrong now.
func TestUnreadableUpdates(t *testing.T) {
	url, _ := serve(t, fixtureNetworks(t), config.Default(), io.Discard, time.Minute)
	unreadable := workload("Deployment", `"k8s.v1.cni.cncf.io/networks":7`, "")
	for _, path := range []string{"/validate", "/mutate"} {
		r := ask(t, url+path, change("Deployment", unreadable, unreadable))
		if want := "macvlan-webhook could not check this Deployment: part of its template is too large or not readable"; !r.Allowed || strings.Join(r.Warnings, "\n") != want {
			t.Errorf("%s, unreadable before and after: %+v", path, r)
		}
		if r := ask(t, url+path, change("Deployment", unreadable, workload("Deployment", overlayExtra, ""))); r.Allowed || r.Result.Code != http.StatusUnprocessableEntity {
			t.Errorf("%s, unreadable now: %+v", path, r)
		}
	}
	if r := ask(t, url+"/validate", change("Deployment", workload("Deployment", overlayFirst, ""), unreadable)); r.Allowed || r.Result.Code != http.StatusForbidden {
		t.Errorf("unreadable before: %+v", r)
	}
	if r := ask(t, url+"/validate", change("Deployment", workload("Deployment", overlayExtra, ""), unreadable)); !r.Allowed || len(r.Warnings) > 0 {
		t.Errorf("repaired: %+v", r)
	}
}

// An update that leaves what rules read as it is does not wait for an inventory
// that does not answer.
func TestUpdateWithoutAnswers(t *testing.T) {
	url, _ := serve(t, outdated{}, config.Default(), io.Discard, time.Minute)
	before, other := workload("Deployment", overlayExtra, ""), workload("Deployment", overlayFirst, "")
	if r := ask(t, url+"/validate", change("Deployment", workload("Deployment", overlayExtra, `,"labels":{"a":"b"}`), before)); !r.Allowed {
		t.Errorf("an update of the labels: %+v", r.Result)
	}
	if r := ask(t, url+"/validate", change("Deployment", before, other)); r.Allowed || r.Result.Code != http.StatusServiceUnavailable {
		t.Errorf("an update of the networks: %+v", r)
	}
}

// stored is a cluster with one workload.
type stored string

func (s stored) Workload(_ context.Context, resource schema.GroupVersionResource, namespace, name string) ([]byte, error) {
	if s == "" || namespace != "team-a" || name != "web" || resource.Resource != "deployments" {
		return nil, errors.New("no such workload")
	}
	return []byte(s), nil
}

func TestScale(t *testing.T) {
	scale := func(resource string) string {
		return fmt.Sprintf(`{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"7f0c","kind":{"group":"autoscaling","version":"v1","kind":"Scale"},`+
			`"resource":{"group":"apps","version":"v1","resource":%q},"subResource":"scale","name":"web","namespace":"team-a","operation":"UPDATE","userInfo":{"username":"jane"},`+
			`"object":{"spec":{"replicas":3}},"oldObject":{"spec":{"replicas":1}}}}`, resource)
	}
	for name, test := range map[string]struct {
		workloads webhook.Workloads
		resource  string
		warning   string
	}{
		"wrong":            {stored(workload("Deployment", overlayFirst, "")), "deployments", "the next pods of this Deployment will be refused: overlay-as-default-network (kubectl macvlan explain overlay-as-default-network)"},
		"right":            {stored(workload("Deployment", overlayExtra, "")), "deployments", ""},
		"unreadable":       {stored("{"), "deployments", ""},
		"gone":             {stored(""), "deployments", ""},
		"another resource": {stored(workload("Deployment", overlayFirst, "")), "widgets", ""},
		"no cluster":       {nil, "deployments", ""},
	} {
		t.Run(name, func(t *testing.T) {
			metrics, err := webhook.NewMetrics(prometheus.NewRegistry())
			if err != nil {
				t.Fatal(err)
			}
			decider := &webhook.Decider{Config: config.Default, Inventory: fixtureNetworks(t), Workloads: test.workloads, Metrics: metrics, Logger: slog.New(slog.DiscardHandler)}
			server := httptest.NewServer(decider.Handler(time.Minute))
			defer server.Close()
			r := ask(t, server.URL+"/validate", scale(test.resource))
			if got := strings.Join(r.Warnings, "\n"); !r.Allowed || got != test.warning {
				t.Errorf("allowed %t, warnings %q, want %q", r.Allowed, got, test.warning)
			}
		})
	}
}

// TestModes is the table of how strictly a broken rule is taken: by the namespace's
// label, the rule's action, whether the namespace may relax it, and who asks. What is
// relaxed is let through with a warning, counted, and written into the audit log; an
// exempt user is spared in any mode.
func TestModes(t *testing.T) {
	for _, mode := range []string{"", "enforce", "warn", "off", "loose"} {
		for _, action := range []verdict.Action{verdict.Deny, verdict.Warn, verdict.Off} {
			for _, mayRelax := range []bool{true, false} {
				for _, user := range []string{"jane", "root"} {
					t.Run(fmt.Sprintf("label %q/%s/may relax %t/%s", mode, action, mayRelax, user), func(t *testing.T) {
						testMode(t, mode, action, mayRelax, user)
					})
				}
			}
		}
	}
}

func testMode(t *testing.T, mode string, action verdict.Action, mayRelax bool, user string) {
	labels := "{}"
	if mode != "" {
		labels = fmt.Sprintf(`{"macvlan-webhook.io/mode":%q}`, mode)
	}
	inv := given.Inventory(t, `{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"team-a","labels":`+labels+`}}`)
	config := config.Default()
	config.Exempt.Users = []string{"root"}
	config.Rules = map[string]verdict.Action{"overlay-as-default-network": action}
	if !mayRelax {
		config.AlwaysEnforce = []string{"team-a"}
	}

	allowed, decision, warnings, relaxed := true, "allow", 0, 0
	var audit map[string]string
	switch {
	case user == "root":
		decision, audit = "exempt", map[string]string{"exempt": "user root"}
	case mode == "off" && mayRelax:
		decision, audit = "exempt", map[string]string{"exempt": "mode off of namespace team-a"}
	default:
		// A label that does not count is said to.
		if mode == "loose" || !mayRelax && (mode == "warn" || mode == "off") {
			warnings++
		}
		switch {
		case action == verdict.Off:
		case action == verdict.Warn:
			decision, warnings = "warn", warnings+1
		case mode == "warn" && mayRelax:
			decision, warnings, relaxed = "warn", warnings+1, 1
			audit = map[string]string{"mode": "warn", "relaxed": "overlay-as-default-network"}
		default:
			allowed, decision = false, "deny"
		}
	}

	url, registry := serve(t, inv, config, io.Discard, time.Minute)
	r := ask(t, url+"/validate", request(overlayFirst, user))
	if r.Allowed != allowed || len(r.Warnings) != warnings {
		t.Errorf("allowed %t, warnings %q; want %t, %d", r.Allowed, r.Warnings, allowed, warnings)
	}
	for _, w := range r.Warnings {
		if len([]rune(w)) > 256 {
			t.Errorf("a warning of %d characters: %s", len([]rune(w)), w)
		}
		if said := strings.Contains(w, "overlay-as-default-network: would be refused: "); said != (relaxed > 0) {
			t.Errorf("%d rules relaxed, and a warning is %q", relaxed, w)
		}
	}
	got, _ := json.Marshal(r.AuditAnnotations)
	if want, _ := json.Marshal(audit); len(r.AuditAnnotations)+len(audit) > 0 && string(got) != string(want) {
		t.Errorf("audit annotations %s, want %s", got, want)
	}
	if got := testutil.CollectAndCount(registry, "macvlan_webhook_relaxed_total"); got != relaxed {
		t.Errorf("%d rules relaxed, want %d", got, relaxed)
	}
	counted := fmt.Sprintf("# HELP macvlan_webhook_decisions_total Objects checked, by decision: allow, warn, deny, exempt, undecided.\n"+
		"# TYPE macvlan_webhook_decisions_total counter\nmacvlan_webhook_decisions_total{decision=%q} 1\n", decision)
	if err := testutil.GatherAndCompare(registry, strings.NewReader(counted), "macvlan_webhook_decisions_total"); err != nil {
		t.Error(err)
	}
}
