package object

import (
	"errors"
	"testing"

	kjson "sigs.k8s.io/json"
)

// What is embedded in the types that decode objects is no field of the objects.
func TestDecodeError(t *testing.T) {
	type scaleShape struct {
		Replicas int `json:"replicas"`
	}
	type shape struct {
		Metadata struct {
			Meta
			Labels map[string]string `json:"labels"`
		} `json:"metadata"`
		Spec struct {
			scaleShape
			Template struct {
				Metadata Meta `json:"metadata"`
			} `json:"template"`
		} `json:"spec"`
	}
	for text, want := range map[string]string{
		`{"metadata":{"name":5}}`:                                                   "metadata.name",
		`{"metadata":{"uid":{}}}`:                                                   "metadata.uid",
		`{"metadata":{"ownerReferences":[{"kind":5}]}}`:                             "metadata.ownerReferences.kind",
		`{"metadata":{"ownerReferences":[{"name":5}]}}`:                             "metadata.ownerReferences.name",
		`{"metadata":{"labels":{"a":5}}}`:                                           "metadata.labels",
		`{"spec":{"replicas":"two"}}`:                                               "spec.replicas",
		`{"spec":{"template":{"metadata":{"namespace":[]}}}}`:                       "spec.template.metadata.namespace",
		`{"spec":{"template":{"metadata":{"ownerReferences":[{"apiVersion":1}]}}}}`: "spec.template.metadata.ownerReferences.apiVersion",
		`[]`: "",
	} {
		var s shape
		var e *FieldError
		err := DecodeError(kjson.UnmarshalCaseSensitivePreserveInts([]byte(text), &s))
		if !errors.As(err, &e) || e.Field != want {
			t.Errorf("%s: %v, want an error at %q", text, err, want)
		}
	}
}
