package snapshot

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	kjson "sigs.k8s.io/json"

	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
)

// Object is one Kubernetes object that an inventory is made of.
type Object struct {
	APIVersion, Kind, Namespace, Name string
	// JSON is the object's value.
	JSON []byte
	// Deleted says that the object is about to go: it counts for nothing.
	Deleted bool
	// At says where the object stands, or with a path the value there, such as
	// pods.yaml:3:1; nil for an object that no file holds.
	At func(path ...any) string
}

// place names the object in messages: where it stands, or what it is called.
func (o *Object) place(path ...any) string {
	if o.At != nil {
		return o.At(path...)
	}
	name := o.Name
	if o.Namespace != "" {
		name = o.Namespace + "/" + name
	}
	return o.Kind + " " + quote.Value(name)
}

func (o *Object) decode(into any) error {
	return kjson.UnmarshalCaseSensitivePreserveInts(o.JSON, into)
}

// undecoded names the place of an object that cannot be decoded, and the field at fault.
func (o *Object) undecoded(err error) error {
	var wrong *json.UnmarshalTypeError
	if !errors.As(err, &wrong) || wrong.Field == "" {
		return fmt.Errorf("%s: decode %s: %w", o.place(), o.Kind, err)
	}
	var path []any
	for step := range strings.SplitSeq(wrong.Field, ".") {
		path = append(path, step)
	}
	return fmt.Errorf("%s: decode %s: %s is of the wrong type: %s", o.place(path...), o.Kind, wrong.Field, wrong.Value)
}
