package object

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
)

// FieldError is an error at a field of an object.
type FieldError struct {
	// Field is the path in the object, such as metadata.annotations; empty for
	// the object as a whole.
	Field string
	// Annotation is the key at fault, where Field is a pod's annotations.
	Annotation string
	Problem    string
}

func (e *FieldError) Error() string {
	if e.Field == "" {
		return e.Problem
	}
	return e.Field + ": " + e.Problem
}

// Place is where in the object the error is.
func (e *FieldError) Place() Place {
	if e.Annotation != "" {
		podPath := strings.TrimSuffix(strings.TrimSuffix(e.Field, "metadata.annotations"), ".")
		return AtAnnotation(e.Annotation, 0).In(podPath)
	}
	return AtObject(e.Field)
}

// DecodeError says at which field an object could not be decoded.
func DecodeError(err error) error {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		return &FieldError{Field: asWritten(wrong.Field), Problem: "the value is of the wrong type (" + wrong.Value + ")"}
	}
	return &FieldError{Problem: "the object cannot be decoded: " + err.Error()}
}

// asWritten leaves out of a path what is no field of the object: the names of embedded types,
// which hold fields of several shapes. Fields of Kubernetes begin with a small letter; of
// what is embedded here, only scaleShape does.
func asWritten(field string) string {
	steps := strings.Split(field, ".")
	steps = slices.DeleteFunc(steps, func(step string) bool {
		return step == "scaleShape" || step != "" && step[0] >= 'A' && step[0] <= 'Z'
	})
	return strings.Join(steps, ".")
}
