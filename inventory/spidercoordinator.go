package inventory

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/macvlan-webhook/macvlan-webhook/policy/cniconf"
)

// SpiderpoolVersion is the version of Spiderpool's API that is read.
var SpiderpoolVersion = schema.GroupVersion{Group: "spiderpool.spidernet.io", Version: "v2beta1"}

// Names of the object that holds the mode of coordinators that name none. A
// cluster has one, of this name.
const (
	CoordinatorKind     = "SpiderCoordinator"
	CoordinatorResource = "spidercoordinators"
	CoordinatorName     = "default"
)

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

// SpiderCoordinatorList is a list of them.
type SpiderCoordinatorList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata"`
	Items           []SpiderCoordinator `json:"items"`
}

// DeepCopyObject implements [runtime.Object].
func (l *SpiderCoordinatorList) DeepCopyObject() runtime.Object {
	out := *l
	out.Items = make([]SpiderCoordinator, len(l.Items))
	for i := range l.Items {
		out.Items[i] = *l.Items[i].DeepCopyObject().(*SpiderCoordinator)
	}
	return &out
}
