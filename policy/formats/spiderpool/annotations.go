package spiderpool

// The annotations that Spiderpool reads (pkg/constant/k8s.go).
const (
	// PoolAnnotation on a pod names the pools of all its interfaces.
	PoolAnnotation = "ipam.spidernet.io/ippool"
	// PoolsAnnotation on a pod names the pools of each interface.
	PoolsAnnotation = "ipam.spidernet.io/ippools"
	// SubnetAnnotation on a pod names the SpiderSubnet of one interface.
	SubnetAnnotation = "ipam.spidernet.io/subnet"
	// SubnetsAnnotation on a pod names the SpiderSubnets of each interface.
	SubnetsAnnotation = "ipam.spidernet.io/subnets"
	// IPNumberAnnotation on a pod is the size of the pools that are made of
	// SpiderSubnets.
	IPNumberAnnotation = "ipam.spidernet.io/ippool-ip-number"
	// ReclaimAnnotation on a pod says whether these pools go with the workload.
	ReclaimAnnotation = "ipam.spidernet.io/ippool-reclaim"
	// RoutesAnnotation on a pod adds routes.
	RoutesAnnotation = "ipam.spidernet.io/routes"
	// DefaultRouteNICAnnotation on a pod names the interface of its default
	// route.
	DefaultRouteNICAnnotation = "ipam.spidernet.io/default-route-nic"
	// NamespaceIPv4Annotation and NamespaceIPv6Annotation on a namespace name
	// the pools of its pods.
	NamespaceIPv4Annotation = "ipam.spidernet.io/default-ipv4-ippool"
	NamespaceIPv6Annotation = "ipam.spidernet.io/default-ipv6-ippool"
	// RDMAInjectAnnotation and NetworkInjectAnnotation on a pod or on its
	// namespace let Spiderpool write the pod's networks annotation.
	RDMAInjectAnnotation    = "cni.spidernet.io/rdma-resource-inject"
	NetworkInjectAnnotation = "cni.spidernet.io/network-resource-inject"
)

// Selection is what an annotation asks for one interface: an element of
// [PoolsAnnotation] or [SubnetsAnnotation], or all of [PoolAnnotation] or
// [SubnetAnnotation].
type Selection struct {
	// Interface is the interface's name. It is "" in PoolAnnotation, which
	// holds for all of them, and in the unnamed form of PoolsAnnotation.
	Interface string `json:"interface,omitempty"`
	// IPv4 and IPv6 are the names of pools or patterns of them, or the names of
	// SpiderSubnets.
	IPv4 []string `json:"ipv4,omitempty"`
	IPv6 []string `json:"ipv6,omitempty"`
	// CleanGateway keeps the default route of this interface out of the pod.
	CleanGateway bool `json:"cleangateway,omitempty"`

	// broken are the fields that could not be read.
	broken fieldSet
}

// Annotations are a pod's Spiderpool annotations.
type Annotations struct {
	// HasPool says that the pod carries [PoolAnnotation]. Pool is nil where it
	// does not or where the value cannot be read at all.
	HasPool bool
	Pool    *Selection
	// HasPools says that the pod carries [PoolsAnnotation]. Pools are its
	// elements, as far as each could be read; none where the value is no list.
	HasPools bool
	Pools    []Selection
	// Named says that the elements of Pools name their interfaces. Without
	// names the first element is for the pod's first interface and element i
	// for that of its i-th further network. Spiderpool refuses a mixture; Named
	// then goes by the first element.
	Named bool
	// unclear says that of some element it cannot be told which interface it is
	// for.
	unclear bool
	// HasSubnet and HasSubnets say that the pod carries these annotations.
	// Subnets is what the stronger of the two asks for, SubnetsAnnotation if
	// both are there; in SubnetAnnotation the interface defaults to eth0.
	HasSubnet, HasSubnets bool
	Subnets               []Selection
	// NamesPools says that the pod carries one of these four, whatever it says
	// there: Spiderpool then looks no further.
	NamesPools bool
	// Routes are those of [RoutesAnnotation].
	Routes []Route
	// DefaultRouteNIC is the value of [DefaultRouteNICAnnotation]. Spiderpool
	// takes an empty one for none.
	DefaultRouteNIC string
}

// Route is an element of [RoutesAnnotation], as it was written.
type Route struct {
	Destination string `json:"dst"`
	Gateway     string `json:"gw"`
}

// none are the annotations of a pod without any.
var none Annotations

// Parse reads the Spiderpool annotations of a pod. A pod without them costs no
// allocation. The result is shared then and never nil, and is for reading only.
//
// The faults are all there are: annotation by annotation in the order of
// strength, within one in order of their offset. Not every annotation is read
// by Spiderpool, see [Annotations.Reads].
func Parse(annotations map[string]string) (*Annotations, []Fault) {
	out := &none
	var faults []Fault
	for i := range readers {
		r := &readers[i]
		value, ok := annotations[r.annotation]
		if !ok {
			continue
		}
		if out == &none {
			out = &Annotations{}
		}
		v := reading{annotation: r.annotation, value: value, shape: r.shape}
		r.read(out, &v)
		faults = append(faults, inOrder(v.faults)...)
	}
	return out, faults
}

// readers read the annotations, in the order of their strength.
var readers = [...]struct {
	annotation string
	shape      *shape
	read       func(*Annotations, *reading)
}{
	{SubnetsAnnotation, &subnetsShape, readSubnets},
	{SubnetAnnotation, &subnetShape, readSubnet},
	{IPNumberAnnotation, nil, readIPNumber},
	{ReclaimAnnotation, nil, readReclaim},
	{PoolsAnnotation, &poolsShape, readPools},
	{PoolAnnotation, &poolShape, readPool},
	{RoutesAnnotation, &routesShape, readRoutes},
	{DefaultRouteNICAnnotation, nil, readDefaultRouteNIC},
}

// The name is not checked: only the list of the pod's interfaces can tell.
func readDefaultRouteNIC(a *Annotations, v *reading) { a.DefaultRouteNIC = v.value }

// Reads says whether Spiderpool looks at one of the pod's annotations. A
// stronger one hides it, and so does a SpiderSubnet feature that is off:
// subnets counts above subnet, both above ippools, and that above ippool. The
// number and the reclaiming of addresses belong to the subnet annotations.
func (a *Annotations) Reads(annotation string, subnetsEnabled bool) bool {
	bySubnet := subnetsEnabled && (a.HasSubnet || a.HasSubnets)
	switch annotation {
	case SubnetsAnnotation:
		return bySubnet && a.HasSubnets
	case SubnetAnnotation:
		return bySubnet && !a.HasSubnets
	case IPNumberAnnotation, ReclaimAnnotation:
		return bySubnet
	case PoolsAnnotation:
		return a.HasPools && !bySubnet
	case PoolAnnotation:
		return a.HasPool && !a.HasPools && !bySubnet
	default:
		return true
	}
}

// ResourceInject says by which annotation Spiderpool will replace the pod's
// networks, and with what value, given the annotations of the pod and of its
// namespace; key is "" for none. The pod's own value counts above the
// namespace's, and the RDMA key above the other one, wherever it stands.
func ResourceInject(pod, namespace map[string]string) (key, value string) {
	for _, key := range [...]string{RDMAInjectAnnotation, NetworkInjectAnnotation} {
		if value, ok := pod[key]; ok {
			return key, value
		}
		if value, ok := namespace[key]; ok {
			return key, value
		}
	}
	return "", ""
}
