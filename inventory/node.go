package inventory

import (
	"iter"
	"strings"
	"unique"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/macvlan-webhook/macvlan-webhook/policy/nad"
)

// nodesPerPage bounds what a list takes up at once: the status of a node names the images
// on it, up to some twenty kilobytes.
const nodesPerPage = 100

// Nodes are those that pods run on.
var Nodes = Kind{
	GroupVersionResource: corev1.SchemeGroupVersion.WithResource("nodes"), Name: "Node",
	PerPage: nodesPerPage,
}

// Node is what is read of the object of that kind: its status is long.
type Node struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Status            struct {
		NodeInfo struct {
			ContainerRuntimeVersion string `json:"containerRuntimeVersion"`
		} `json:"nodeInfo"`
	} `json:"status"`
}

// DeepCopyObject implements [runtime.Object].
func (n *Node) DeepCopyObject() runtime.Object {
	out := *n
	n.ObjectMeta.DeepCopyInto(&out.ObjectMeta)
	return &out
}

// CompileNode reads what rules need from a Node.
func CompileNode(node *Node) *nad.Node {
	n := nad.CompileNode(node.Name, node.Annotations)
	name, _, _ := strings.Cut(node.Status.NodeInfo.ContainerRuntimeVersion, "://")
	n.ContainerRuntime = unique.Make(name).Value()
	return n
}

// ContainerRuntime is that of all nodes, such as containerd; empty without any, and where
// one of them has another, or none that is known.
func ContainerRuntime(nodes iter.Seq[*nad.Node]) string {
	first := true
	common := ""
	for n := range nodes {
		switch {
		case first:
			first, common = false, n.ContainerRuntime
		case n.ContainerRuntime != common:
			return ""
		}
	}
	return common
}
