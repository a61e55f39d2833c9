package manifests

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// patched is a change of a pod, or of a subresource of it, by a merge patch.
func patched(patch string, subresources ...string) func(*testing.T, string) error {
	return func(t *testing.T, name string) error {
		_, err := client.CoreV1().Pods("default").Patch(t.Context(), name, types.MergePatchType, []byte(patch), metav1.PatchOptions{}, subresources...)
		return err
	}
}

// bound sends a pod to a node, with the annotations of a Binding.
func bound(annotations map[string]string) func(*testing.T, string) error {
	return func(t *testing.T, name string) error {
		return client.CoreV1().Pods("default").Bind(t.Context(), &corev1.Binding{
			ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: annotations}, Target: corev1.ObjectReference{Kind: "Node", Name: "node-1"},
		}, metav1.CreateOptions{})
	}
}

// cached waits until the API server's cache has a pod as it is. A change begins with what the
// cache has, and asks by that before it meets the conflict and begins anew.
func cached(t *testing.T, name string) {
	t.Helper()
	pods := client.CoreV1().Pods("default")
	stored, err := pods.Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the cache has the pod as it is", func() bool {
		fromCache, err := pods.Get(t.Context(), name, metav1.GetOptions{ResourceVersion: "0"})
		return err == nil && fromCache.ResourceVersion == stored.ResourceVersion
	})
}

// The kubelet, Multus, schedulers and whoever writes a label do not depend on the server. It is
// asked when one of the annotations is written, whichever way that is done.
func TestWhichChangesOfPodsAreSent(t *testing.T) {
	apply(t, "base")
	r := newRecorder(t)
	redirect(t, r)
	keyed, other := `{"metadata":{"annotations":{"`+networks+`":"b"}}}`, `{"metadata":{"annotations":{"example.com/a":"b"}}}`
	const running = `{"status":{"phase":"Running","conditions":[{"type":"Ready","status":"True"}]}}`
	asking := map[string]string{networks: "a"}
	tests := []struct {
		name        string
		annotations map[string]string
		changes     []func(*testing.T, string) error
		// sent is whether the last of the changes is.
		sent bool
	}{
		{"a label", nil, []func(*testing.T, string) error{patched(`{"metadata":{"labels":{"a":"b"}}}`)}, false},
		{"a label of a pod with networks", asking, []func(*testing.T, string) error{patched(`{"metadata":{"labels":{"a":"b"}}}`)}, false},
		{"another annotation", asking, []func(*testing.T, string) error{patched(other)}, false},
		{"networks of a pod without annotations", nil, []func(*testing.T, string) error{patched(keyed)}, true},
		{"other networks", asking, []func(*testing.T, string) error{patched(keyed)}, true},
		{"no networks any more", asking, []func(*testing.T, string) error{patched(`{"metadata":{"annotations":null}}`)}, false},
		{"pools", asking, []func(*testing.T, string) error{patched(`{"metadata":{"annotations":{"` + ippools + `":"[]"}}}`)}, true},
		{"the status that a kubelet writes", asking, []func(*testing.T, string) error{patched(running, "status")}, false},
		{"the status that Multus writes", asking, []func(*testing.T, string) error{patched(`{"metadata":{"annotations":{"k8s.v1.cni.cncf.io/network-status":"[]"}}}`, "status")}, false},
		{"a status with networks", asking, []func(*testing.T, string) error{patched(keyed, "status")}, true},
		{"networks of a pod that runs", nil, []func(*testing.T, string) error{patched(running, "status"), patched(keyed)}, true},
		{"networks of a pod that has ended", nil, []func(*testing.T, string) error{patched(`{"status":{"phase":"Failed"}}`, "status"), patched(keyed)}, false},
		{"a Binding", asking, []func(*testing.T, string) error{bound(nil)}, false},
		{"a Binding with another annotation", asking, []func(*testing.T, string) error{bound(map[string]string{"example.com/a": "b"})}, false},
		{"a Binding with networks", nil, []func(*testing.T, string) error{bound(asking)}, true},
		{"a Binding with networks, the old way", nil, []func(*testing.T, string) error{func(t *testing.T, name string) error {
			return client.CoreV1().RESTClient().Post().Namespace("default").Resource("bindings").Body(&corev1.Binding{
				ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: asking}, Target: corev1.ObjectReference{Kind: "Node", Name: "node-1"},
			}).Do(t.Context()).Error()
		}}, true},
	}
	for _, broken := range []bool{false, true} {
		for _, tt := range tests {
			t.Run(fmt.Sprintf("%s, broken %t", tt.name, broken), func(t *testing.T) {
				pod, err := create(t, "default", tt.annotations, false)
				if err != nil {
					t.Fatal(err)
				}
				defer func() {
					r.setBroken(false)
					now := int64(0)
					if err := client.CoreV1().Pods("default").Delete(t.Context(), pod.Name, metav1.DeleteOptions{GracePeriodSeconds: &now}); err != nil {
						t.Error(err)
					}
				}()
				r.setBroken(broken)
				for n, change := range tt.changes {
					r.asked()
					err := change(t, pod.Name)
					cached(t, pod.Name)
					last := n == len(tt.changes)-1
					if got, want := len(r.asked()) > 0, last && tt.sent; got != want {
						t.Errorf("change %d: asked %t, want %t", n, got, want)
					}
					if want := broken && last && tt.sent; (err != nil) != want || want && !strings.Contains(err.Error(), `failed calling webhook "pods.macvlan-webhook.io"`) {
						t.Errorf("change %d: error %v, want one: %t", n, err, want)
					}
				}
			})
		}
	}
}
