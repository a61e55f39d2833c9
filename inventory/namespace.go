package inventory

import (
	"maps"

	corev1 "k8s.io/api/core/v1"

	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
)

// Namespaces are those that pods live in.
var Namespaces = Kind{GroupVersionResource: corev1.SchemeGroupVersion.WithResource("namespaces"), Name: "Namespace"}

// CompileNamespace reads what rules need from a Namespace.
func CompileNamespace(namespace *corev1.Namespace) *pod.Namespace {
	labels := map[string]string{}
	maps.Copy(labels, namespace.Labels)
	// The API server gives every namespace this label; one in a file may lack it.
	labels[corev1.LabelMetadataName] = namespace.Name
	return pod.CompileNamespace(labels, namespace.Annotations)
}
