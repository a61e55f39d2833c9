package e2e

import (
	"context"
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"github.com/macvlan-webhook/macvlan-webhook/test/deploy"
)

// judgedSoFar is how many requests for a verdict the webhook has answered.
func judgedSoFar(t *testing.T) int {
	t.Helper()
	_, text, err := cluster.webhook.Probe(t.Context(), "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	match := regexp.MustCompile(`(?m)^macvlan_webhook_request_duration_seconds_count\{path="/validate"\} (\d+)$`).FindStringSubmatch(text)
	if match == nil {
		return 0
	}
	count, err := strconv.Atoi(match[1])
	if err != nil {
		t.Fatal(err)
	}
	return count
}

// existing is a pod that is there already, and what is done to it.
type existing struct {
	name   string
	client kubernetes.Interface
}

// annotate writes an annotation as a developer, who may edit what is in the namespace and
// nothing else.
func (e *existing) annotate(t *testing.T, annotation string) error {
	return ran(t, "annotate", "--as=dev", "--overwrite", "pod", e.name, annotation)
}

func (e *existing) label(t *testing.T) error {
	return ran(t, "label", "--as=dev", "--overwrite", "pod", e.name, "seen=yes")
}

// status writes the status as the kubelet and Multus do.
func (e *existing) status(t *testing.T, patch string) error {
	_, err := e.client.CoreV1().Pods("default").Patch(t.Context(), e.name, types.StrategicMergePatchType, []byte(patch), metav1.PatchOptions{}, "status")
	return err
}

// bind sends the pod to a node, as a scheduler does.
func (e *existing) bind(t *testing.T, annotations map[string]string) error {
	return e.client.CoreV1().Pods("default").Bind(t.Context(), &corev1.Binding{
		ObjectMeta: metav1.ObjectMeta{Name: e.name, Annotations: annotations}, Target: corev1.ObjectReference{Kind: "Node", Name: "node-1"},
	}, metav1.CreateOptions{})
}

func (e *existing) read(t *testing.T) *corev1.Pod {
	t.Helper()
	pod, err := e.client.CoreV1().Pods("default").Get(t.Context(), e.name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return pod
}

// ran is the error of a kubectl, with what it says.
func ran(t *testing.T, args ...string) error {
	t.Helper()
	if result := kubectl(t, "", args...); result.ExitCode != 0 {
		return fmt.Errorf("kubectl %s: exit status %d: %s", strings.Join(args, " "), result.ExitCode, result.Stderr)
	}
	return nil
}

// makeExisting creates a pod. No kubelet ends it when the test has ended.
func makeExisting(t *testing.T, name, spec string, annotations ...string) *existing {
	t.Helper()
	client, err := kubernetes.NewForConfig(cluster.Config())
	if err != nil {
		t.Fatal(err)
	}
	mustKubectl(t, strings.Replace(podYAML(name, annotations...), "spec:\n", "spec:\n"+spec, 1), "create", "-f", "-")
	t.Cleanup(func() {
		// The test's own context has ended when it cleans up.
		if _, err := deploy.Kubectl(context.Background(), cluster.ControlPlane, "", "delete", "--force", "--grace-period=0", "pod", name); err != nil {
			t.Error(err)
		}
	})
	return &existing{name, client}
}

const (
	running       = `{"status":{"phase":"Running","conditions":[{"type":"Ready","status":"True"}]}}`
	networksKey   = "k8s.v1.cni.cncf.io/networks"
	statusOfMulti = `{"metadata":{"annotations":{"k8s.v1.cni.cncf.io/network-status":"[{\"name\":\"calico\",\"interface\":\"eth0\"}]"}}}`
	overlayExtra  = networksKey + "=kube-system/macvlan-overlay-vlan0"
	wrongDefault  = "v1.multus-cni.io/default-network=kube-system/macvlan-overlay-vlan0"
)

// TestAnnotationsAfterCreation writes annotations into pods that are there already: one that is
// held back, one that waits for a node, and one that runs. They are judged whichever way they
// take, and nothing else is sent.
func TestAnnotationsAfterCreation(t *testing.T) {
	alone(t)
	mustKubectl(t, "", "create", "rolebinding", "dev", "--clusterrole=edit", "--user=dev")
	t.Cleanup(func() {
		if _, err := deploy.Kubectl(context.Background(), cluster.ControlPlane, "", "delete", "rolebinding", "dev"); err != nil {
			t.Error(err)
		}
	})
	gated := makeExisting(t, "gated", "  schedulingGates: [{name: example.com/wait}]\n")
	pending := makeExisting(t, "pending", "")
	runs := makeExisting(t, "runs", "")
	if err := runs.bind(t, nil); err != nil {
		t.Fatal(err)
	}
	if err := runs.status(t, running); err != nil {
		t.Fatal(err)
	}
	for _, p := range []*existing{gated, pending, runs} {
		t.Run(p.name, func(t *testing.T) { writeAnnotations(t, p) })
	}

	wrong := map[string]string{"v1.multus-cni.io/default-network": "kube-system/macvlan-overlay-vlan0"}
	before := judgedSoFar(t)
	if err := pending.bind(t, wrong); err == nil || !strings.Contains(err.Error(), "[overlay-as-default-network] metadata.annotations[v1.multus-cni.io/default-network]") {
		t.Errorf("a Binding with a wrong annotation: %v", err)
	}
	if judged := judgedSoFar(t) - before; judged != 1 {
		t.Errorf("a Binding with a wrong annotation: %d requests", judged)
	}
	// kubectl macvlan says the same of the request.
	file := filepath.Join(t.TempDir(), "review.json")
	write(t, file, []byte(`{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"operation":"CREATE","subResource":"binding","namespace":"default","object":`+
		`{"apiVersion":"v1","kind":"Binding","metadata":{"name":"pending","annotations":{"v1.multus-cni.io/default-network":"kube-system/macvlan-overlay-vlan0"}}}}}`))
	if report, stderr := check(t, "-f", file, "--live"); len(report.Results) != 1 || report.Results[0].Decision != "deny" || report.Results[0].Findings[0].Rule != "overlay-as-default-network" {
		t.Errorf("%+v\n%s", report, stderr)
	}
	if pod := pending.read(t); pod.Spec.NodeName != "" || pod.Annotations["v1.multus-cni.io/default-network"] != "" {
		t.Errorf("the pod is bound to %q with %v", pod.Spec.NodeName, pod.Annotations)
	}
	before = judgedSoFar(t)
	if err := pending.bind(t, nil); err != nil {
		t.Errorf("a plain Binding: %v", err)
	}
	if judged := judgedSoFar(t) - before; judged != 0 {
		t.Errorf("a plain Binding: %d requests", judged)
	}
}

func writeAnnotations(t *testing.T, p *existing) {
	const denied = "[overlay-as-default-network] metadata.annotations[v1.multus-cni.io/default-network]"
	for _, step := range []struct {
		name string
		do   func() error
		// sent is how many verdicts it takes, and denied what it is refused with.
		sent   int
		denied string
	}{
		{"a wrong annotation", func() error { return p.annotate(t, wrongDefault) }, 1, denied},
		{"a label", func() error { return p.label(t) }, 0, ""},
		{"another annotation", func() error { return p.annotate(t, "example.com/seen=yes") }, 0, ""},
		{"the kubelet's status", func() error { return p.status(t, `{"status":{"podIP":"10.1.1.1","podIPs":[{"ip":"10.1.1.1"}]}}`) }, 0, ""},
		{"Multus' status", func() error { return p.status(t, statusOfMulti) }, 0, ""},
		{"a status with a wrong annotation", func() error {
			return p.status(t, `{"metadata":{"annotations":{"v1.multus-cni.io/default-network":"kube-system/macvlan-overlay-vlan0"}}}`)
		}, 1, denied},
		{"a right annotation", func() error { return p.annotate(t, overlayExtra) }, 1, ""},
		{"a label beside a right annotation", func() error { return ran(t, "label", "--as=dev", "pod", p.name, "seen-") }, 0, ""},
		{"a status beside a right annotation", func() error { return p.status(t, `{"status":{"message":"seen"}}`) }, 0, ""},
		{"a network that does not exist", func() error { return p.annotate(t, networksKey+"=kube-system/nowhere") }, 1, "[network-not-found]"},
		{"pools that do not exist", func() error {
			return p.annotate(t, `ipam.spidernet.io/ippools=[{"interface":"net1","ipv4":["nowhere"]}]`)
		}, 1, "[ippool-not-found]"},
		{"a condition that is none of a pod", func() error { return p.status(t, `{"status":{"conditions":[{"type":"Complete","status":"True"}]}}`) }, 0, ""},
		{"a wrong annotation beside it", func() error { return p.annotate(t, wrongDefault) }, 1, denied},
		{"no networks", func() error { return p.annotate(t, networksKey+"-") }, 0, ""},
		{"pools for two networks", func() error {
			return p.annotate(t, `ipam.spidernet.io/ippools=[{"interface":"net1","ipv4":["vlan100-v4"]},{"interface":"net2","ipv4":["vlan200-v4"]}]`)
		}, 1, ""},
		{"the two networks", func() error { return p.annotate(t, networksKey+"=kube-system/vlan100,kube-system/vlan200") }, 1, ""},
		{"the first one is unplugged", func() error { return p.annotate(t, networksKey+"=kube-system/vlan200") }, 1, ""},
		{"another one is plugged in", func() error { return p.annotate(t, networksKey+"=kube-system/nowhere,kube-system/vlan200") }, 1, "[network-not-found]"},
		{"no pools", func() error { return p.annotate(t, "ipam.spidernet.io/ippools-") }, 1, ""},
		{"no networks again", func() error { return p.annotate(t, networksKey+"-") }, 0, ""},
	} {
		before := judgedSoFar(t)
		err := step.do()
		if sent := judgedSoFar(t) - before; sent != step.sent {
			t.Errorf("%s: %d requests, want %d", step.name, sent, step.sent)
		}
		switch {
		case step.denied == "" && err != nil:
			t.Errorf("%s: %v", step.name, err)
		case step.denied != "" && (err == nil || !strings.Contains(err.Error(), step.denied)):
			t.Errorf("%s: %v, want %s", step.name, err, step.denied)
		}
	}
}

// Pools that were filled in are as the mutating webhook left them, or are judged again; and
// nothing is filled in a second time.
func TestPoolsChangedAfterCreation(t *testing.T) {
	beside(t)
	const ippools = "ipam.spidernet.io/ippools"
	p := makeExisting(t, "pooled", "", networksKey+": kube-system/vlan100-with-default")
	filledIn := p.read(t).Annotations[ippools]
	if filledIn == "" {
		t.Fatal("no default pools were filled in")
	}
	refused(t, "", []string{"annotate", "--overwrite", "pod", "pooled", ippools + "=" + strings.Replace(filledIn, "vlan100", "nowhere-vlan100", 1)}, "[ippool-not-found]")
	if now := p.read(t).Annotations[ippools]; now != filledIn {
		t.Errorf("the pools are %s, were %s", now, filledIn)
	}
	result := kubectl(t, "", "annotate", "pod", "pooled", ippools+"-")
	if result.ExitCode != 0 || !strings.Contains(result.Stderr, "Warning: ippool-default-missing: ") {
		t.Errorf("pools are taken away: exit status %d\n%s", result.ExitCode, result.Stderr)
	}
	if now, there := p.read(t).Annotations[ippools]; there {
		t.Errorf("pools are filled in again: %s", now)
	}
}

// A pod that was there before the webhook, and breaks a rule, can be worked with and repaired.
func TestPodFromBefore(t *testing.T) {
	alone(t)
	var p *existing
	without(t, "validatingwebhookconfiguration", func() bool {
		return strings.Contains(kubectl(t, podYAML("probe", overlayAsDefault), "create", "--dry-run=server", "-f", "-").Stderr, "overlay-as-default-network")
	}, func() {
		p = makeExisting(t, "before", "", overlayAsDefault)
	})
	result := kubectl(t, "", "annotate", "pod", p.name, overlayExtra)
	if want := "Warning: a new Pod with these annotations would be refused: overlay-as-default-network"; result.ExitCode != 0 || !strings.Contains(result.Stderr, want) {
		t.Errorf("another annotation: exit status %d\n%s", result.ExitCode, result.Stderr)
	}
	refused(t, "", []string{"annotate", "--overwrite", "pod", p.name, networksKey + "=kube-system/nowhere"}, "[network-not-found]")
	accepted(t, "", "annotate", "pod", p.name, "v1.multus-cni.io/default-network-")
	refused(t, "", []string{"annotate", "pod", p.name, wrongDefault}, "[overlay-as-default-network]")
}

// While no replica answers, only what writes one of the annotations has to wait.
func TestExistingPodsWithoutServer(t *testing.T) {
	alone(t)
	p := makeExisting(t, "alone", "", strings.Replace(overlayExtra, "=", ": ", 1))
	if err := cluster.webhook.Stop(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := cluster.startWebhook(t.Context()); err != nil {
			t.Fatal(err)
		}
	}()
	const failed = `failed calling webhook "pods.macvlan-webhook.io"`
	for _, step := range []struct {
		name  string
		do    func() error
		waits bool
	}{
		{"a label", func() error { return ran(t, "label", "pod", p.name, "seen=yes") }, false},
		{"another annotation", func() error { return ran(t, "annotate", "pod", p.name, "example.com/seen=yes") }, false},
		{"a wrong annotation", func() error { return ran(t, "annotate", "pod", p.name, wrongDefault) }, true},
		{"a Binding with one of the annotations", func() error { return p.bind(t, map[string]string{networksKey: "a"}) }, true},
		{"a Binding", func() error { return p.bind(t, nil) }, false},
		{"a status", func() error { return p.status(t, running) }, false},
		{"Multus' status", func() error { return p.status(t, statusOfMulti) }, false},
		{"no networks any more", func() error { return ran(t, "annotate", "pod", p.name, networksKey+"-") }, false},
	} {
		if err := step.do(); (err != nil) != step.waits || err != nil && !strings.Contains(err.Error(), failed) {
			t.Errorf("%s: %v, want that it waits for the webhook: %t", step.name, err, step.waits)
		}
	}
}
