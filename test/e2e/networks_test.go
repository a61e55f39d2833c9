package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/macvlan-webhook/macvlan-webhook/test/controlplane"
)

// A network that was there before the webhook and breaks a rule can be labelled and
// deleted; a change of what it says has to be right.
func TestNetworkFromBefore(t *testing.T) {
	beside(t)
	// Of the inventory, which was there first.
	const broken = "broken-mode"
	result := kubectl(t, "", "label", "net-attach-def", "--namespace=kube-system", broken, "seen=yes", "--overwrite")
	if result.ExitCode != 0 || !strings.Contains(result.Stderr, "Warning: this network already violates rules that refuse a new one: nad-macvlan-invalid") {
		t.Errorf("a label: exit status %d\n%s", result.ExitCode, result.Stderr)
	}
	result = kubectl(t, "", "patch", "net-attach-def", "--namespace=kube-system", broken, "--type=merge", "--patch", `{"spec":{"config":"{\"cniVersion\":\"0.3.1\",\"type\":\"macvlan\",\"mode\":\"l3\"}"}}`)
	if result.ExitCode == 0 || !strings.Contains(result.Stderr, "[nad-macvlan-invalid] spec.config: ") {
		t.Errorf("another fault: exit status %d\n%s", result.ExitCode, result.Stderr)
	}
	result = kubectl(t, "", "delete", "net-attach-def", "--namespace=kube-system", broken, "--dry-run=server")
	if result.ExitCode != 0 || result.Stderr != "" {
		t.Errorf("its end: exit status %d\n%s", result.ExitCode, result.Stderr)
	}
}

func TestDeletionOfUsedNetwork(t *testing.T) {
	alone(t)
	defer useConfig(t, nil)
	result := kubectl(t, "", "delete", "net-attach-def", "--namespace=team-a", "used", "--dry-run=server")
	if result.ExitCode != 0 || !strings.Contains(result.Stderr, "Warning: nad-in-use: used by 1 pod (team-a/user): running pods keep") {
		t.Errorf("exit status %d\n%s", result.ExitCode, result.Stderr)
	}
	result = kubectl(t, "", "delete", "net-attach-def", "--namespace=team-a", "own-overlay", "--dry-run=server")
	if result.ExitCode != 0 || result.Stderr != "" {
		t.Errorf("a network that nobody uses: exit status %d\n%s", result.ExitCode, result.Stderr)
	}
	useConfig(t, policyConfig("rules: {nad-in-use: deny}"))
	result = kubectl(t, "", "delete", "net-attach-def", "--namespace=team-a", "used", "--dry-run=server")
	if result.ExitCode == 0 || !strings.Contains(result.Stderr, "[nad-in-use] metadata.name: used by 1 pod (team-a/user)") {
		t.Errorf("with the rule to deny: exit status %d\n%s", result.ExitCode, result.Stderr)
	}
}

// manyPods is the number of pods that use the network which is deleted, and moreMemory
// what looking for them may add to the server's memory, in bytes.
const (
	manyPods   = 10_000
	moreMemory = 30 << 20
)

var podsFound = regexp.MustCompile(`Warning: nad-in-use: used by (at least )?(\d+) pods \(kube-system/many-`)

// Deleting a network that very many pods use is answered within the deadline, in little
// memory.
func TestDeletionOfNetworkWithManyPods(t *testing.T) {
	heavy(t)
	// So many pods are in nobody's way in a cluster of their own, which ends with them. And
	// no controller looks at each.
	// The deadline is what the server takes by itself.
	crowded, err := newSite(t.Context(), controlplane.Options{Audit: true}, "--decision-timeout=4s")
	t.Cleanup(crowded.stop)
	if err != nil {
		t.Fatal(err)
	}
	kubectl := func(stdin string, args ...string) controlplane.Result {
		t.Helper()
		result, err := crowded.Kubectl(t.Context(), stdin, args...)
		if err != nil {
			t.Fatal(err)
		}
		return result
	}
	config := crowded.Config()
	config.QPS = -1
	config.ContentType = "application/vnd.kubernetes.protobuf"
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	// In a namespace whose pods are not sent to the webhook: they are made faster.
	pods := client.CoreV1().Pods("kube-system")
	if result := kubectl(network("many", overlayConfig), "apply", "-f", "-"); result.ExitCode != 0 {
		t.Fatal(result.Stderr)
	}
	start := time.Now()
	var next atomic.Int64
	var workers sync.WaitGroup
	for range 16 {
		workers.Go(func() {
			for n := next.Add(1); n <= manyPods; n = next.Add(1) {
				_, err := pods.Create(t.Context(), &corev1.Pod{
					ObjectMeta: metav1.ObjectMeta{
						Name: fmt.Sprintf("many-%d", n), Labels: map[string]string{"many": "", "app.kubernetes.io/name": "many"},
						Annotations: map[string]string{"k8s.v1.cni.cncf.io/networks": "default/many", "example.com/owner": strings.Repeat("team ", 50)},
					},
					Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "app:1"}}},
				}, metav1.CreateOptions{})
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	workers.Wait()
	if t.Failed() {
		return
	}
	t.Logf("%d pods created in %s", manyPods, time.Since(start))

	before := memory(t, crowded.webhook, "VmRSS")
	// From now on VmHWM is the highest that it has been since.
	if err := os.WriteFile(filepath.Join("/proc", strconv.Itoa(crowded.webhook.PID()), "clear_refs"), []byte("5"), 0); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		start := time.Now()
		result := kubectl("", "delete", "net-attach-def", "many", "--dry-run=server")
		t.Logf("answered after %s, kubectl's own start included: %s", time.Since(start), result.Stderr)
		match := podsFound.FindStringSubmatch(result.Stderr)
		if result.ExitCode != 0 || match == nil {
			t.Fatalf("exit status %d\n%s", result.ExitCode, result.Stderr)
		}
		// Where the time was too short, the answer says so.
		if found, err := strconv.Atoi(match[2]); err != nil || found != manyPods && match[1] == "" || found > manyPods {
			t.Errorf("%q, and there are %d", match[0], manyPods)
		}
	}
	more := memory(t, crowded.webhook, "VmHWM") - before
	t.Logf("%.1f MiB of memory, at most %.1f MiB more meanwhile", float64(before)/(1<<20), float64(more)/(1<<20))
	if more > moreMemory {
		t.Errorf("%d bytes more memory, up to %d are expected", more, moreMemory)
	}
	if result := kubectl("", "delete", "net-attach-def", "many"); result.ExitCode != 0 {
		t.Error(result.Stderr)
	}
	if err := crowded.nothingForbidden(); err != nil {
		t.Error(err)
	}
}
