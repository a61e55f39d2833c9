package node

// pod is what a node is told of a pod, and of the cluster around it.
type pod struct {
	Namespace, Name string
	Annotations     map[string]string
	// Networks of the cluster.
	Networks []network
	// Links that the node has, besides its own eth0.
	Links []link
	// What Multus' configuration on the nodes says.
	Multus multusConfig
	// Delete says to delete it when it has started.
	Delete bool
}

// network is a NetworkAttachmentDefinition.
type network struct {
	Namespace, Name string
	Annotations     map[string]string `json:",omitempty"`
	Config          string
	// OnNodes says that a file of the network's name on the nodes has its configuration.
	OnNodes bool `json:",omitempty"`
}

// link is one of the node.
type link struct {
	Name string
	MTU  int
}

type multusConfig struct {
	// MultusNamespace is where default networks without a namespace are.
	MultusNamespace string
	// ClusterNetwork is the name of a network in that namespace; empty for a plain CNI
	// configuration.
	ClusterNetwork string
	// NamespaceIsolation and GlobalNamespaces as in Multus' own.
	NamespaceIsolation bool
	GlobalNamespaces   []string
	// WithoutDefaultRoute is a cluster's own network that gives pods no default route.
	WithoutDefaultRoute bool
}

// outcome is what becomes of a pod on a node.
type outcome struct {
	// Broken says that the node could not be made ready: a fault of these tests.
	Broken string `json:",omitempty"`
	// Failure is the error of ADD, empty when the pod starts.
	Failure string `json:",omitempty"`
	// Refusal is what containerd says to the result of ADD; empty when it is content.
	Refusal string `json:",omitempty"`
	// Deletion is the error of DEL.
	Deletion string `json:",omitempty"`
	// Interfaces and Routes are those that the pod has.
	Interfaces map[string]iface `json:",omitempty"`
	Routes     []route          `json:",omitempty"`
}

// failure is why the pod does not start, empty when it does.
func (o *outcome) failure() string {
	if o.Failure != "" {
		return o.Failure
	}
	return o.Refusal
}

type iface struct {
	MAC       string
	MTU       int
	Up        bool
	Addresses []string
}

// route is a default route; others are of no interest here.
type route struct {
	IPv4 bool
	// Gateway is empty for one that leads to the link.
	Interface, Gateway string
}
