package inventory

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/macvlan-webhook/macvlan-webhook/policy"
)

// API version, kind and resource of nodes.
const (
	NodeAPIVersion = "v1"
	NodeKind       = "Node"
	NodeResource   = "nodes"
)

// CompileNode reads what rules need from the metadata of a Node.
func CompileNode(node *metav1.PartialObjectMetadata) *policy.Node {
	return policy.CompileNode(node.Name, node.Annotations)
}
