package cluster

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	kjson "sigs.k8s.io/json"
)

// raw is an object of any kind whose JSON policy reads by itself: the types of all the
// workloads would hold far more than what is kept of them.
type raw struct {
	metav1.TypeMeta
	metav1.ObjectMeta
	json []byte
}

// UnmarshalJSON keeps the JSON beside the metadata, which client-go needs.
func (r *raw) UnmarshalJSON(text []byte) error {
	var shape struct {
		metav1.TypeMeta `json:",inline"`
		Metadata        metav1.ObjectMeta `json:"metadata"`
	}
	if err := kjson.UnmarshalCaseSensitivePreserveInts(text, &shape); err != nil {
		return err
	}
	r.TypeMeta, r.ObjectMeta, r.json = shape.TypeMeta, shape.Metadata, slices.Clone(text)
	return nil
}

// DeepCopyObject implements [runtime.Object].
func (r *raw) DeepCopyObject() runtime.Object {
	out := *r
	r.ObjectMeta.DeepCopyInto(&out.ObjectMeta)
	out.json = slices.Clone(r.json)
	return &out
}
