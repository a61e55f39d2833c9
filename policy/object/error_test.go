package object

import (
	"errors"
	"strings"
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
		err := error(DecodeError(kjson.UnmarshalCaseSensitivePreserveInts([]byte(text), &s)))
		if !errors.As(err, &e) || e.Field != want {
			t.Errorf("%s: %v, want an error at %q", text, err, want)
		}
	}
}

// A field is called as the object has it, and its type as people do who write YAML.
func TestDecodeErrorInWords(t *testing.T) {
	var s struct {
		Spec struct {
			Names  []string          `json:"names"`
			Labels map[string]string `json:"labels"`
			Count  *int64            `json:"count"`
			On     *bool             `json:"on"`
			Text   string            `json:"text"`
			Inner  struct{}          `json:"inner"`
		} `json:"spec"`
	}
	for text, want := range map[string]string{
		`{"spec":{"names":"a"}}`:   "spec.names: the value is of the wrong type (a string); accepted: a list",
		`{"spec":{"names":[1]}}`:   "spec.names: the value is of the wrong type (a number); accepted: a string",
		`{"spec":{"labels":[]}}`:   "spec.labels: the value is of the wrong type (a list); accepted: a mapping",
		`{"spec":{"count":"2"}}`:   "spec.count: the value is of the wrong type (a string); accepted: a whole number",
		`{"spec":{"count":1.5}}`:   "spec.count: the value is of the wrong type (1.5); accepted: a whole number",
		`{"spec":{"on":"yes"}}`:    "spec.on: the value is of the wrong type (a string); accepted: true or false",
		`{"spec":{"text":true}}`:   "spec.text: the value is of the wrong type (true or false); accepted: a string",
		`{"spec":{"inner":[]}}`:    "spec.inner: the value is of the wrong type (a list); accepted: a mapping",
		`[]`:                       "the value is of the wrong type (a list); accepted: a mapping",
		`{"spec":{"inner":{}}} []`: "the object cannot be decoded: ",
	} {
		err := kjson.UnmarshalCaseSensitivePreserveInts([]byte(text), &s)
		if got := DecodeError(err).Error(); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}
