package multus

import (
	"fmt"
	"net"
	"strings"
)

// The annotations that Multus reads (pkg/k8sclient/k8sclient.go).
const (
	// NetworksAnnotation lists the networks of a pod beyond its first one.
	NetworksAnnotation = "k8s.v1.cni.cncf.io/networks"
	// DefaultNetworkAnnotation names the network of a pod's first interface.
	DefaultNetworkAnnotation = "v1.multus-cni.io/default-network"
)

// Element is one network that an annotation asks for.
type Element struct {
	// Namespace and Name are those of the NetworkAttachmentDefinition. The
	// namespace is the given default where the annotation has none.
	Namespace, Name string
	// NamespaceGiven says that the annotation names the namespace.
	NamespaceGiven bool
	// Interface is the name asked for, "" where Multus chooses it. The old
	// JSON key "interfaceRequest" counts where "interface" is empty.
	Interface string
	// MAC is the address asked for, as it was written; "" for none.
	MAC string
	// IPs are the addresses asked for, each with or without a prefix length.
	IPs []string
	// GUID is the InfiniBand GUID asked for, as it was written; "" for none.
	GUID string
	// DefaultRoutes are the gateways that this network is to route by. A null
	// or an empty string among them, which Multus lets pass, is a nil address.
	DefaultRoutes []net.IP
	// HasDefaultRoute says that "default-route" is given, perhaps with an
	// empty list: Multus then takes the default routes of all other networks
	// away.
	HasDefaultRoute bool
	// ArgIPs is "ips" in "cni-args", which Multus merges into "args" of the plugins: empty,
	// but not nil, where it takes away what the network says there. ArgIPsFault says why no
	// plugin can read it; empty where one can. ArgMAC is "mac" there.
	ArgIPs      []string
	ArgIPsFault string
	ArgMAC      string
	// Offset is where the element's text starts in a comma list, in bytes; -1
	// in the JSON form, whose places [Places] finds.
	Offset int
}

// ParseNetworks reads the value of [NetworksAnnotation]. Elements without a
// namespace get podNamespace. An empty value asks for no network and is right.
//
// The faults are all there are, in order of their offset. With faults, the
// elements are those of a list that can be read as such, one for each of its
// entries, as far as each could be read; otherwise nil.
func ParseNetworks(value, podNamespace string) ([]Element, []Fault) {
	if value == "" {
		return nil, nil
	}
	return parse(value, podNamespace)
}

// ParseDefaultNetwork reads the value of [DefaultNetworkAnnotation], which has
// the same forms but must name exactly one network: Multus refuses several and
// crashes on none. An element without a namespace gets multusNamespace, which
// is the multusNamespace of Multus' configuration. Elements and faults are as
// in [ParseNetworks].
func ParseDefaultNetwork(value, multusNamespace string) ([]Element, []Fault) {
	if value == "" {
		return nil, []Fault{{
			Problem: ProblemSyntax, Element: -1,
			Detail: "is empty", Want: "one network, or no such annotation",
		}}
	}
	elements, faults := parse(value, multusNamespace)
	switch {
	case len(elements) > 1:
		faults = append(faults, Fault{
			Problem: ProblemCount, Element: -1, Offset: PlacesIn(value).Locate(1, "", -1),
			Detail: fmt.Sprintf("names %d networks", len(elements)), Want: "exactly one network",
		})
	case len(elements) == 0 && len(faults) == 0:
		faults = append(faults, Fault{
			Problem: ProblemCount, Element: -1,
			Detail: "is a list without any network", Want: "exactly one network",
		})
	}
	return elements, inOrder(faults)
}

func parse(value, namespace string) ([]Element, []Fault) {
	if IsJSON(value) {
		return parseJSON(value, namespace)
	}
	return parseComma(value, namespace)
}

// IsJSON tells the two forms apart as Multus does: one of these three
// characters anywhere makes the whole value JSON.
func IsJSON(value string) bool { return strings.ContainsAny(value, `[{"`) }
