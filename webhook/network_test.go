package webhook_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	admissionv1 "k8s.io/api/admission/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/macvlan-webhook/macvlan-webhook/policy"
	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/test/fixtures"
	"github.com/macvlan-webhook/macvlan-webhook/test/given"
)

// networkRequest is an AdmissionReview of a NetworkAttachmentDefinition; nil for no
// object.
func networkRequest(t *testing.T, operation admissionv1.Operation, namespace string, object, old []byte) string {
	t.Helper()
	body, err := json.Marshal(admissionv1.AdmissionReview{
		TypeMeta: metav1.TypeMeta{APIVersion: "admission.k8s.io/v1", Kind: "AdmissionReview"},
		Request: &admissionv1.AdmissionRequest{
			UID: "7f0c", Operation: operation, Namespace: namespace, Name: "a",
			Kind:   metav1.GroupVersionKind{Group: "k8s.cni.cncf.io", Version: "v1", Kind: "NetworkAttachmentDefinition"},
			Object: runtime.RawExtension{Raw: object}, OldObject: runtime.RawExtension{Raw: old},
			UserInfo: authenticationv1.UserInfo{Username: "jane"},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// findingsOf are those that a response shows, denials first.
func findingsOf(r *admissionv1.AdmissionResponse) []fixtures.Finding {
	var found []fixtures.Finding
	if r.Result != nil && r.Result.Details != nil {
		for _, c := range r.Result.Details.Causes {
			found = append(found, fixtures.Finding{Action: "deny", Rule: string(c.Type)})
		}
	}
	for _, w := range r.Warnings {
		rule, _, _ := strings.Cut(w, ":")
		found = append(found, fixtures.Finding{Action: "warn", Rule: rule})
	}
	return found
}

// TestNetworkFixtures asks about every fixture of a network, as an update where there is
// one of the name.
func TestNetworkFixtures(t *testing.T) {
	all, err := fixtures.Load()
	if err != nil {
		t.Fatal(err)
	}
	objects := given.Objects(t, string(fixtures.Inventory()))
	networks := fixtureNetworks(t)
	for _, f := range all {
		if !f.OfNetwork() {
			continue
		}
		t.Run(f.Path, func(t *testing.T) {
			config, err := policy.ParseConfig(f.PolicyConfig())
			if err != nil {
				t.Fatal(err)
			}
			o := given.Objects(t, string(f.Text))[0]
			if o.Namespace == "" {
				o.Namespace = "default"
			}
			operation, old := admissionv1.Create, []byte(nil)
			for _, there := range objects {
				if there.Kind == o.Kind && there.Namespace == o.Namespace && there.Name == o.Name {
					operation, old = admissionv1.Update, there.JSON
				}
			}
			url, _ := serve(t, networks, config, io.Discard, time.Minute)
			r := ask(t, url+"/validate", networkRequest(t, operation, o.Namespace, o.JSON, old))
			if r.Allowed == (f.Decision() == "deny") {
				t.Errorf("allowed: %t, expected %s", r.Allowed, f.Decision())
			}
			if got := findingsOf(r); !slices.Equal(got, f.Findings) {
				t.Errorf("findings %v, expected %v", got, f.Findings)
			}
		})
	}
}

func TestOperationsOnNetworks(t *testing.T) {
	network := func(metadata, config string) []byte {
		text, err := json.Marshal(config)
		if err != nil {
			t.Fatal(err)
		}
		return []byte(`{"apiVersion":"k8s.cni.cncf.io/v1","kind":"NetworkAttachmentDefinition","metadata":{` + metadata + `},"spec":{"config":` + string(text) + `}}`)
	}
	const used = `"name":"used","namespace":"team-a"`
	broken, good := network(used, `{`), network(used, `{"cniVersion":"0.3.1","plugins":[{"type":"macvlan"},{"type":"router"}]}`)
	labelled := network(used+`,"labels":{"a":"b"}`, `{`)
	// Made before there was a webhook, or while it was away.
	var labels strings.Builder
	for n := range 3000 {
		fmt.Fprintf(&labels, `,"example.com/label-%d":"x"`, n)
	}
	large := network(used+`,"labels":{`+labels.String()[1:]+`}`, `{"cniVersion":"0.3.1","plugins":[{"type":"macvlan"},{"type":"router"}]}`)
	unreadable := []byte(`{"metadata":{` + used + `,"annotations":{"v1.multus-underlay-cni.io/vlanId":7}}}`)
	config := config.Default()
	config.Exempt.Namespaces, config.Exempt.Users = []string{"team-a"}, []string{"joe"}
	url, registry := serve(t, fixtureNetworks(t), config, io.Discard, time.Minute)
	tests := []struct {
		name        string
		body        string
		allowed     bool
		findings    string
		code        int32
		explanation string
	}{
		{"made", networkRequest(t, "CREATE", "team-a", broken, nil), false, "deny nad-config-invalid", http.StatusForbidden, "[nad-config-invalid] spec.config: no pod can use this network: its config is not valid JSON: line 1, column 2"},
		{"a label is changed", networkRequest(t, "UPDATE", "team-a", labelled, broken), true, "warn this network already violates rules that refuse a new one", 0, ""},
		{"broken by an update", networkRequest(t, "UPDATE", "team-a", broken, good), false, "deny nad-config-invalid", http.StatusForbidden, ""},
		{"deleted", networkRequest(t, "DELETE", "team-a", nil, good), true, "warn nad-in-use", 0, ""},
		{"deleted while it is broken", networkRequest(t, "DELETE", "team-a", nil, broken), true, "warn nad-in-use", 0, ""},
		{"by an exempt user", strings.Replace(networkRequest(t, "CREATE", "team-a", broken, nil), "jane", "joe", 1), true, "", 0, ""},
		{"of a wrong type", networkRequest(t, "CREATE", "team-a", []byte(`{"spec":{"config":7}}`), nil), false, "", http.StatusUnprocessableEntity, "spec.config: the value is of the wrong type"},
		{"repaired", networkRequest(t, "UPDATE", "team-a", good, large), true, "", 0, ""},
		{"unreadable before, broken now", networkRequest(t, "UPDATE", "team-a", broken, unreadable), false, "deny nad-config-invalid", http.StatusForbidden, ""},
		{"unreadable before and after", networkRequest(t, "UPDATE", "team-a", unreadable, unreadable), true,
			"warn macvlan-webhook could not check this NetworkAttachmentDefinition", 0, ""},
		{"unreadable now", networkRequest(t, "UPDATE", "team-a", unreadable, good), false, "", http.StatusUnprocessableEntity, "metadata.annotations: the value of v1.multus-underlay-cni.io/vlanId is not a string"},
		{"deleted with large labels", strings.Replace(networkRequest(t, "DELETE", "team-a", nil, large), `"name":"a"`, `"name":"used"`, 1), true, "warn nad-in-use", 0, ""},
		{"deleted, which nobody can read", strings.Replace(networkRequest(t, "DELETE", "team-a", nil, []byte(`{"metadata":7}`)), `"name":"a"`, `"name":"used"`, 1), true, "warn nad-in-use", 0, ""},
		{"its status", strings.Replace(networkRequest(t, "UPDATE", "team-a", broken, broken), `"operation"`, `"subResource":"status","operation"`, 1), true, "", 0, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := ask(t, url+"/validate", tt.body)
			var got []string
			for _, f := range findingsOf(r) {
				got = append(got, f.Action+" "+f.Rule)
			}
			if r.Allowed != tt.allowed || strings.Join(got, ", ") != tt.findings {
				t.Errorf("allowed: %t, findings %q; want %t, %s", r.Allowed, got, tt.allowed, tt.findings)
			}
			if !tt.allowed && (r.Result.Code != tt.code || !strings.Contains(r.Result.Message, tt.explanation)) {
				t.Errorf("code %d, message %q; want %d, %q", r.Result.Code, r.Result.Message, tt.code, tt.explanation)
			}
			for _, w := range r.Warnings {
				if len([]rune(w)) > 256 {
					t.Errorf("a warning of %d characters: %s", len([]rune(w)), w)
				}
			}
		})
	}
	if err := testutil.GatherAndCompare(registry, strings.NewReader("# HELP macvlan_webhook_verdicts_total Findings, by rule and action.\n# TYPE macvlan_webhook_verdicts_total counter\n"+
		"macvlan_webhook_verdicts_total{action=\"deny\",rule=\"nad-config-invalid\"} 3\nmacvlan_webhook_verdicts_total{action=\"warn\",rule=\"nad-config-invalid\"} 1\n"+
		"macvlan_webhook_verdicts_total{action=\"warn\",rule=\"nad-in-use\"} 4\n"), "macvlan_webhook_verdicts_total"); err != nil {
		t.Error(err)
	}
}

// An API server that does not answer keeps nobody from deleting a network, nor from
// being told what is wrong with one.
func TestNetworksWithoutAnswer(t *testing.T) {
	url, _ := serve(t, hangingAPIServer(t), config.Default(), io.Discard, time.Second/4)
	good := []byte(`{"metadata":{"name":"a"},"spec":{"config":"{\"cniVersion\":\"0.3.1\",\"type\":\"macvlan\"}"}}`)
	r := ask(t, url+"/validate", networkRequest(t, "DELETE", "team-a", nil, good))
	if !r.Allowed || len(r.Warnings) != 1 || !strings.HasPrefix(r.Warnings[0], "nad-in-use: ") {
		t.Errorf("deleted: %+v", r)
	}
	r = ask(t, url+"/validate", networkRequest(t, "CREATE", "team-a", []byte(`{"metadata":{"name":"a"},"spec":{"config":"{"}}`), nil))
	if r.Allowed || r.Result.Code != http.StatusForbidden {
		t.Errorf("broken: %+v", r)
	}
}
