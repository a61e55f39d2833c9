package manifests

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
)

// Networks are sent wherever they are, whoever writes them, and none of them depends on
// the server. Those that a controller deletes are not.
func TestNetworksAreSentToTheServer(t *testing.T) {
	apply(t, "base")
	r := newRecorder(t)
	redirect(t, r)
	resource := schema.GroupVersionResource{Group: "k8s.cni.cncf.io", Version: "v1", Resource: "network-attachment-definitions"}
	as := func(user string, groups ...string) dynamic.Interface {
		config := cluster.Config()
		config.Impersonate = rest.ImpersonationConfig{UserName: user, Groups: append(groups, "system:masters")}
		c, err := dynamic.NewForConfig(config)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	person := as("jane")
	controller := as("system:serviceaccount:kube-system:namespace-controller", "system:serviceaccounts", "system:serviceaccounts:kube-system")
	network := func(name string) *unstructured.Unstructured {
		return &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "k8s.cni.cncf.io/v1", "kind": "NetworkAttachmentDefinition",
			"metadata": map[string]any{"name": name}, "spec": map[string]any{"config": "{"},
		}}
	}
	t.Cleanup(func() {
		// The test's own context has ended when it cleans up.
		for _, namespace := range []string{"default", "kube-system", name} {
			if err := person.Resource(resource).Namespace(namespace).DeleteCollection(context.Background(), metav1.DeleteOptions{}, metav1.ListOptions{}); err != nil {
				t.Error(err)
			}
		}
	})
	expect := func(what string, want int, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if got := r.asked(); len(got) != want || slices.ContainsFunc(got, func(path string) bool { return path != "/validate" }) {
			t.Errorf("%s: asked %q, want %d times /validate", what, got, want)
		}
	}
	for _, namespace := range []string{"default", "kube-system", name} {
		in := person.Resource(resource).Namespace(namespace)
		_, err := in.Create(t.Context(), network("sent"), metav1.CreateOptions{})
		expect("a network in "+namespace, 1, err)
		_, err = in.Patch(t.Context(), "sent", types.MergePatchType, []byte(`{"spec":{"config":""}}`), metav1.PatchOptions{})
		expect("a change of it", 1, err)
		expect("its end", 1, in.Delete(t.Context(), "sent", metav1.DeleteOptions{}))
	}
	in := controller.Resource(resource).Namespace("default")
	for i := range 2 {
		_, err := in.Create(t.Context(), network(fmt.Sprintf("sent-%d", i)), metav1.CreateOptions{})
		expect("a network by a controller", 1, err)
	}
	expect("the end by a controller", 0, in.Delete(t.Context(), "sent-0", metav1.DeleteOptions{}))

	r.setBroken(true)
	in = person.Resource(resource).Namespace("default")
	_, err := in.Create(t.Context(), network("unjudged"), metav1.CreateOptions{})
	if err != nil {
		t.Errorf("a network while the server is broken: %v", err)
	}
	if err := in.Delete(t.Context(), "unjudged", metav1.DeleteOptions{}); err != nil {
		t.Errorf("its end: %v", err)
	}
	if asked := strings.Join(r.asked(), " "); asked != "/validate /validate" {
		t.Errorf("the broken server was asked %q", asked)
	}
	r.setBroken(false)
}
