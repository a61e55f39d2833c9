package cluster_test

import (
	"fmt"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/spiderpool"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/test/wait"
)

func namespaceClient(t *testing.T) typedcorev1.NamespaceInterface {
	t.Helper()
	client, err := kubernetes.NewForConfig(plane.Config())
	if err != nil {
		t.Fatal(err)
	}
	return client.CoreV1().Namespaces()
}

func namespace(name, pool string) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: name, Labels: map[string]string{"team": "a"},
		Annotations: map[string]string{spiderpool.NamespaceIPv4Annotation: fmt.Sprintf("[%q]", pool)},
	}}
}

func namesPool(f pod.Answer[pod.Namespace], pool string) bool {
	return f.Err == nil && f.Value != nil && slices.Equal(f.Value.Pools.IPv4, []string{pool}) && f.Value.Labels["team"] == "a"
}

// A pod may come in the same apply as its namespace.
func TestNamespaceOfAMomentAgo(t *testing.T) {
	inv, _ := open(t, true)
	wait.Until(t, "ready", func() bool { return inv.Ready() == nil })
	client := namespaceClient(t)
	for round := range 20 {
		name := fmt.Sprint("moment-", round)
		q := pod.Questions{Namespace: name}
		if f := inv.Facts(t.Context(), q).Namespace; f.Value != nil || f.Err != nil || !f.Fresh {
			t.Fatalf("round %d: before it was made: %+v", round, f)
		}
		made, err := client.Create(t.Context(), namespace(name, "before"), metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		facts := inv.Facts(t.Context(), q)
		if !namesPool(facts.Namespace, "before") {
			t.Fatalf("round %d: after it was made: %+v", round, facts.Namespace)
		}
		made.Annotations = namespace(name, "after").Annotations
		if _, err := client.Update(t.Context(), made, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
		facts.Namespace.Fresh = false // the answer of before the change
		if f := inv.Refresh(t.Context(), q, facts).Namespace; !namesPool(f, "after") || !f.Fresh {
			t.Fatalf("round %d: after it was changed: %+v", round, f)
		}
		wait.Until(t, "changed in the cache", func() bool {
			f := inv.Facts(t.Context(), q).Namespace
			return namesPool(f, "after") && !f.Fresh
		})
	}
}

// Nothing about a namespace is asked where no question is.
func TestNoQuestionAboutANamespace(t *testing.T) {
	inv, registry := open(t, false)
	if f := inv.Facts(t.Context(), pod.Questions{}).Namespace; f.Value != nil || f.Err != nil {
		t.Errorf("facts: %+v", f)
	}
	if f := inv.Refresh(t.Context(), pod.Questions{}, pod.Facts{}).Namespace; f.Value != nil || f.Err != nil {
		t.Errorf("refreshed: %+v", f)
	}
	if n := sum(t, registry, "macvlan_webhook_live_reads_total", "namespaces"); n != 0 {
		t.Errorf("%v reads of namespaces", n)
	}
}
