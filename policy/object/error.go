package object

import (
	"cmp"
	"encoding/json"
	"errors"
	"reflect"
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

// DecodeError says at which field an object could not be decoded, and what is accepted there.
// An error that says so already stays as it is.
func DecodeError(err error) *FieldError {
	var field *FieldError
	if errors.As(err, &field) {
		return field
	}
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		// The value is a kind, with the number itself behind it where that does not fit.
		kind, number, _ := strings.Cut(wrong.Value, " ")
		written := cmp.Or(number, inWords[kind], kind)
		return &FieldError{Field: asWritten(wrong.Field), Problem: "the value is of the wrong type (" + written + "); accepted: " + wanted(wrong.Type)}
	}
	return &FieldError{Problem: "the object cannot be decoded: " + err.Error()}
}

// inWords are the kinds of JSON as people who write YAML call them.
var inWords = map[string]string{"array": "a list", "object": "a mapping", "string": "a string", "number": "a number", "bool": "true or false"}

// wanted is what can be decoded into a type, as people who write YAML call it.
func wanted(t reflect.Type) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Map, reflect.Struct:
		return "a mapping"
	case reflect.Bool:
		return "true or false"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.String:
		return "a string"
	default:
		return "a whole number"
	}
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
