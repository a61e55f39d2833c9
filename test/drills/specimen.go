package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/spiderpool"
)

// namespace is where the pods are created.
const namespace = "team-a"

// specimen is a pod that is created again and again.
type specimen struct {
	name        string
	annotations map[string]string
	// calls that its creation makes to us: one that names pools goes past the mutating webhook.
	calls int

	mu sync.Mutex
	// accepted are the answers that are right at this time.
	accepted []answer
}

// answer is one that is ours: the pod is allowed with these pools, or denied by this rule.
type answer struct{ pools, rule string }

func allowed(pools string) answer { return answer{pools: pools} }
func denied(rule string) answer   { return answer{rule: rule} }

// specimens are pods of every kind that matters here: pools filled in, pools named, denied by
// what the pod says, denied by what the cluster does not have.
func specimens() []*specimen {
	const standalone, overlay = "kube-system/macvlan-standalone-vlan100", "kube-system/macvlan-overlay-vlan200"
	return []*specimen{
		newSpecimen("default pool of the first network", map[string]string{"v1.multus-cni.io/default-network": standalone},
			allowed(`[{"interface":"eth0","ipv4":["vlan100-v4"]}]`)),
		newSpecimen("overlay as default network", map[string]string{"v1.multus-cni.io/default-network": overlay},
			denied("overlay-as-default-network")),
		newSpecimen("default pool of a further network", map[string]string{"k8s.v1.cni.cncf.io/networks": overlay},
			allowed(`[{"interface":"net1","ipv4":["vlan200-v4"]}]`)),
		newSpecimen("no such network", map[string]string{"k8s.v1.cni.cncf.io/networks": "kube-system/macvlan-overlay-vlan999"},
			denied("network-not-found")),
		newSpecimen("pool named", map[string]string{"k8s.v1.cni.cncf.io/networks": overlay, spiderpool.PoolsAnnotation: `[{"interface": "net1", "ipv4": ["vlan200-v4"]}]`},
			allowed(`[{"interface": "net1", "ipv4": ["vlan200-v4"]}]`)),
	}
}

func newSpecimen(name string, annotations map[string]string, accepted ...answer) *specimen {
	calls := 2
	if annotations[spiderpool.PoolsAnnotation] != "" {
		calls = 1
	}
	return &specimen{name: name, annotations: annotations, calls: calls, accepted: accepted}
}

// accept changes what is right from now on. For a pod under way either is.
func (s *specimen) accept(accepted ...answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.accepted = accepted
}

func (s *specimen) rightly() []answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.accepted
}

// pod is the specimen in JSON.
func (s *specimen) pod() []byte {
	return encode(map[string]any{
		"apiVersion": "v1", "kind": "Pod",
		"metadata": map[string]any{"generateName": "drill-", "namespace": namespace, "annotations": s.annotations},
		"spec":     map[string]any{"containers": []any{map[string]any{"name": "c", "image": "none"}}},
	})
}

// review is the AdmissionReview of its creation, as the validating webhook gets it.
func (s *specimen) review() []byte {
	return encode(map[string]any{
		"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
		"request": map[string]any{
			"uid": "drill", "operation": "CREATE", "namespace": namespace,
			"kind":     map[string]any{"group": "", "version": "v1", "kind": "Pod"},
			"resource": map[string]any{"group": "", "version": "v1", "resource": "pods"},
			"object":   json.RawMessage(s.pod()),
		},
	})
}

func encode(value any) []byte {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // made of strings: cannot fail
	}
	return text
}

// outcome is what became of a creation.
type outcome string

const (
	// right and wrong are verdicts of ours.
	right, wrong outcome = "right", "wrong"
	// undecided is our answer that the cluster could not be asked.
	undecided outcome = "undecided"
	// failed is a call that the API server could not make, or got no answer to.
	failed outcome = "failed"
	// elsewhere is an end that has nothing to do with us: the API server was away or could
	// not store the pod.
	elsewhere outcome = "elsewhere"
)

// judge holds what the API server answered against the answers that are right, and says
// what was answered unless it is right.
func judge(code int, body []byte, accepted ...answer) (outcome, string) {
	if code == http.StatusCreated {
		var pod metav1.PartialObjectMetadata
		if err := json.Unmarshal(body, &pod); err != nil {
			return elsewhere, "unreadable answer: " + err.Error()
		}
		return compare(allowed(pod.Annotations[spiderpool.PoolsAnnotation]), accepted)
	}
	var status metav1.Status
	if err := json.Unmarshal(body, &status); err != nil {
		return elsewhere, fmt.Sprintf("status %d: %.200q", code, body)
	}
	switch {
	case strings.Contains(status.Message, "failed calling webhook"):
		return failed, status.Message
	case !strings.Contains(status.Message, "macvlan-webhook.io"):
		return elsewhere, status.Message
	case status.Code == http.StatusServiceUnavailable:
		return undecided, status.Message
	}
	if status.Details == nil || len(status.Details.Causes) == 0 {
		return wrong, status.Message
	}
	return compare(denied(string(status.Details.Causes[0].Type)), accepted)
}

func compare(got answer, accepted []answer) (outcome, string) {
	if slices.Contains(accepted, got) {
		return right, ""
	}
	return wrong, fmt.Sprintf("answered with %+v, right is %+v", got, accepted)
}
