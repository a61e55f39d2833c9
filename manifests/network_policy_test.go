package manifests

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// The policy is about the pods of the webhook, and lets through what it listens on.
func TestNetworkPolicy(t *testing.T) {
	apply(t, "base")
	for folder, peers := range map[string][]int{"testdata/network-policy": {0, 0}, "testdata/network-policy-narrow": {3, 2}} {
		apply(t, folder, "--dry-run=server")
		var policy networkingv1.NetworkPolicy
		var deployment appsv1.Deployment
		_, objects := rendered(t, folder)
		for _, object := range objects {
			switch o := object.(type) {
			case *networkingv1.NetworkPolicy:
				policy = *o
			case *appsv1.Deployment:
				deployment = *o
			}
		}
		selector, err := metav1.LabelSelectorAsSelector(&policy.Spec.PodSelector)
		if err != nil {
			t.Fatal(err)
		}
		pods := deployment.Spec.Template
		if selector.Empty() || !selector.Matches(labels.Set(pods.Labels)) || policy.Namespace != deployment.Namespace || policy.Namespace == "" {
			t.Errorf("%s: %s in namespace %q does not select pods of namespace %q with labels %v", folder, selector, policy.Namespace, deployment.Namespace, pods.Labels)
		}
		// No more is closed than what comes in.
		if len(policy.Spec.PolicyTypes) != 1 || policy.Spec.PolicyTypes[0] != networkingv1.PolicyTypeIngress {
			t.Errorf("%s: policy types %v", folder, policy.Spec.PolicyTypes)
		}
		ports := pods.Spec.Containers[0].Ports
		if len(policy.Spec.Ingress) != len(ports) {
			t.Fatalf("%s: %d rules for %d ports", folder, len(policy.Spec.Ingress), len(ports))
		}
		for n, rule := range policy.Spec.Ingress {
			if len(rule.Ports) != 1 || rule.Ports[0].Port.IntVal != ports[n].ContainerPort || *rule.Ports[0].Protocol != corev1.ProtocolTCP {
				t.Errorf("%s: rule %d has ports %v, the container %+v", folder, n, rule.Ports, ports[n])
			}
			if len(rule.From) != peers[n] {
				t.Errorf("%s: rule %d is for %v", folder, n, rule.From)
			}
		}
	}
}
