package inventory

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf"
)

// SpiderpoolVersion is the version of Spiderpool's API that is read.
var SpiderpoolVersion = schema.GroupVersion{Group: "spiderpool.spidernet.io", Version: "v2beta1"}

// Coordinators hold the mode of coordinator plugins that name none. A cluster has one,
// of the name [CoordinatorName].
var Coordinators = Kind{
	GroupVersionResource: SpiderpoolVersion.WithResource("spidercoordinators"), Name: "SpiderCoordinator",
}

// CoordinatorName is the name of the one that counts.
const CoordinatorName = "default"

// SpiderCoordinator is what is read of the object of that kind. Spiderpool's own
// types would bring hundreds of packages along.
type SpiderCoordinator struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		Mode cniconf.CoordinatorMode `json:"mode"`
	} `json:"spec"`
}

// DeepCopyObject implements [runtime.Object].
func (c *SpiderCoordinator) DeepCopyObject() runtime.Object {
	out := *c
	c.ObjectMeta.DeepCopyInto(&out.ObjectMeta)
	return &out
}
