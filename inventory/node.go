package inventory

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/macvlan-webhook/macvlan-webhook/policy/nad"
)

// Nodes have a long status: the metadata is enough.
var Nodes = Kind{
	GroupVersionResource: corev1.SchemeGroupVersion.WithResource("nodes"), Name: "Node",
	MetadataOnly: true,
}

// CompileNode reads what rules need from the metadata of a Node.
func CompileNode(node *metav1.PartialObjectMetadata) *nad.Node {
	return nad.CompileNode(node.Name, node.Annotations)
}
