package webhook_test

import (
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// With the default mode warn nothing is ever refused, whatever the reason; with off nothing
// is looked at; and the audit log tells.
func TestDefaultMode(t *testing.T) {
	type answer struct {
		allowed bool
		code    int32
		warning string // a part of the only one
		audit   map[string]string
	}
	network := []byte(`{"apiVersion":"k8s.cni.cncf.io/v1","kind":"NetworkAttachmentDefinition","metadata":{"name":"a"},"spec":{"config":"{"}}`)
	unreadableNetwork := []byte(`{"apiVersion":"k8s.cni.cncf.io/v1","kind":"NetworkAttachmentDefinition","metadata":{"name":"a","annotations":7}}`)
	for name, test := range map[string]struct {
		path, body    string
		outdated      bool
		strict, loose answer
	}{
		"an update of a workload that was wrong before": {path: "/validate", body: change("Deployment", workload("Deployment", overlayFirst, `,"labels":{"a":"b"}`), workload("Deployment", overlayFirst, "")),
			strict: answer{allowed: true, warning: "the next pods of this Deployment will be refused: overlay-as-default-network"},
			loose:  answer{allowed: true, warning: "in mode enforce, the next pods of this Deployment will be refused: overlay-as-default-network"}},
		"an update of a network that was wrong before": {path: "/validate", body: networkRequest(t, "UPDATE", "kube-system", network, network),
			strict: answer{allowed: true, warning: "this network already violates rules that refuse a new one: nad-config-invalid"},
			loose:  answer{allowed: true, warning: "in mode enforce, this network already violates rules that refuse a new one: nad-config-invalid"}},
		"a pod that breaks a rule": {path: "/validate", body: request(overlayFirst, "jane"),
			strict: answer{code: http.StatusForbidden},
			loose:  answer{allowed: true, warning: "overlay-as-default-network", audit: map[string]string{"mode": "warn", "relaxed": "overlay-as-default-network"}}},
		"a pod without a verdict": {path: "/validate", body: request(overlayExtra, "jane"), outdated: true,
			strict: answer{code: http.StatusServiceUnavailable},
			loose:  answer{allowed: true, warning: "could not check this Pod", audit: map[string]string{"mode": "warn", "relaxed": "undecided"}}},
		"a pod that cannot be read": {path: "/validate", body: request(`"k8s.v1.cni.cncf.io/networks":7`, "jane"),
			strict: answer{code: http.StatusUnprocessableEntity},
			loose:  answer{allowed: true, warning: "could not check this Pod", audit: map[string]string{"mode": "warn", "relaxed": "unreadable"}}},
		"a pod that cannot be read, to be completed": {path: "/mutate", body: request(`"k8s.v1.cni.cncf.io/networks":7`, "jane"),
			strict: answer{code: http.StatusUnprocessableEntity},
			loose:  answer{allowed: true, warning: "could not check this Pod", audit: map[string]string{"mode": "warn", "relaxed": "unreadable"}}},
		"a workload": {path: "/validate", body: change("Deployment", workload("Deployment", overlayFirst, ""), ""),
			strict: answer{code: http.StatusForbidden},
			loose:  answer{allowed: true, warning: "overlay-as-default-network", audit: map[string]string{"mode": "warn", "relaxed": "overlay-as-default-network"}}},
		"a network": {path: "/validate", body: networkRequest(t, "CREATE", "kube-system", network, nil),
			strict: answer{code: http.StatusForbidden},
			loose:  answer{allowed: true, warning: "nad-config-invalid", audit: map[string]string{"mode": "warn", "relaxed": "nad-config-invalid"}}},
		"a network that cannot be read": {path: "/validate", body: networkRequest(t, "CREATE", "kube-system", unreadableNetwork, nil),
			strict: answer{code: http.StatusUnprocessableEntity},
			loose:  answer{allowed: true, warning: "could not check this NetworkAttachmentDefinition", audit: map[string]string{"mode": "warn", "relaxed": "unreadable"}}},
	} {
		t.Run(name, func(t *testing.T) {
			compare := func(mode verdict.Mode, want answer) {
				t.Helper()
				c := config.Default()
				c.DefaultMode = mode
				inv := fixtureNetworks(t)
				if test.outdated {
					inv = outdated{}
				}
				url, _ := serve(t, inv, c, io.Discard, time.Minute)
				r := ask(t, url+test.path, test.body)
				var code int32
				if !r.Allowed {
					code = r.Result.Code
				}
				if r.Allowed != want.allowed || code != want.code || !maps.Equal(r.AuditAnnotations, want.audit) {
					t.Errorf("defaultMode %s: allowed %t, code %d, audit %q; want %+v", mode, r.Allowed, code, r.AuditAnnotations, want)
				}
				if warnings := strings.Join(r.Warnings, "\n"); (want.warning == "") != (warnings == "") || !strings.Contains(warnings, want.warning) {
					t.Errorf("defaultMode %s: warnings %q, want %q", mode, warnings, want.warning)
				}
			}
			compare(verdict.ModeEnforce, test.strict)
			compare(verdict.ModeWarn, test.loose)
			off := answer{allowed: true, audit: map[string]string{"exempt": "defaultMode off"}}
			compare(verdict.ModeOff, off)
		})
	}
}
