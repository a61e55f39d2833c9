package inventory

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/macvlan-webhook/macvlan-webhook/policy"
)

// API version, kind and resource of namespaces.
const (
	NamespaceAPIVersion = "v1"
	NamespaceKind       = "Namespace"
	NamespaceResource   = "namespaces"
)

// CompileNamespace reads what rules need from a Namespace.
func CompileNamespace(namespace *corev1.Namespace) *policy.Namespace {
	return policy.CompileNamespace(namespace.Labels, namespace.Annotations)
}
