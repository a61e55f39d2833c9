package inventory

import (
	"maps"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf/ipam"
)

// whereaboutsPoolsPerPage bounds what a list takes up at once: a pool names each address in
// use with the pod behind it, some 150 bytes, and a /16 may have thousands.
const whereaboutsPoolsPerPage = 50

// WhereaboutsPools are the IPPools of whereabouts, one for each subnet and "network_name". They
// are in the namespace of whereabouts, whichever that is.
var WhereaboutsPools = Kind{
	GroupVersionResource: schema.GroupVersionResource{Group: "whereabouts.cni.cncf.io", Version: "v1alpha1", Resource: "ippools"}, Name: "IPPool",
	PerPage: whereaboutsPoolsPerPage,
}

// WhereaboutsPool is what is read of the object of that kind.
type WhereaboutsPool struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		Range       string                           `json:"range"`
		Allocations map[string]WhereaboutsAllocation `json:"allocations"`
	} `json:"spec"`
}

// WhereaboutsAllocation is one address in use.
type WhereaboutsAllocation struct {
	PodRef string `json:"podref"`
}

// CompileWhereaboutsPool reads what rules need from an IPPool of whereabouts.
func CompileWhereaboutsPool(pool *WhereaboutsPool) *ipam.Reserved {
	pods := make(map[string]string, len(pool.Spec.Allocations))
	for offset, a := range pool.Spec.Allocations {
		pods[offset] = a.PodRef
	}
	return ipam.NewReserved(pool.Spec.Range, pods)
}

// DeepCopyObject implements [runtime.Object].
func (p *WhereaboutsPool) DeepCopyObject() runtime.Object {
	out := *p
	p.ObjectMeta.DeepCopyInto(&out.ObjectMeta)
	out.Spec.Allocations = maps.Clone(p.Spec.Allocations)
	return &out
}
