package object

import (
	"encoding/json"
	"reflect"
	"strings"

	"github.com/macvlan-webhook/macvlan-webhook/policy/text/jsonplace"
)

// Meta is what is read of the metadata of an object.
type Meta struct {
	Name         string `json:"name"`
	GenerateName string `json:"generateName"`
	Namespace    string `json:"namespace"`

	UID string `json:"uid"`

	DeletionTimestamp string `json:"deletionTimestamp"`

	// Owner is the one that controls the object; the zero value without one.
	Owner Owner `json:"ownerReferences"`
}

// Owner is what controls an object, among its owners.
type Owner struct {
	Controller
	Name, UID string
}

// UnmarshalJSON reads the one reference of many that names the controller, and of the others
// only whether they can be read: there may be any number.
func (o *Owner) UnmarshalJSON(text []byte) error {
	*o = Owner{}
	list := jsonplace.Root(string(text))
	if list.Kind() != jsonplace.List && list.Kind() != jsonplace.Null {
		return wrongType("", list, reflect.TypeFor[[]Owner]())
	}
	for _, owner := range list.Members() {
		one, controls := Owner{}, false
		if owner.Kind() != jsonplace.Object && owner.Kind() != jsonplace.Null {
			return wrongType("", owner, reflect.TypeFor[Owner]())
		}
		for key, value := range owner.Entries() {
			name := key.Text()
			if name == "controller" {
				if controls = value.Raw == "true"; !controls && value.Kind() != jsonplace.Bool && value.Kind() != jsonplace.Null {
					return wrongType(name, value, reflect.TypeFor[bool]())
				}
				continue
			}
			field := one.field(name)
			switch {
			case field == nil || value.Kind() == jsonplace.Null:
			case value.Kind() != jsonplace.String:
				return wrongType(name, value, reflect.TypeFor[string]())
			default:
				*field = value.Text()
			}
		}
		if controls {
			*o = one
		}
	}
	// What was read is a part of the whole list.
	for _, name := range []string{"apiVersion", "kind", "name", "uid"} {
		field := o.field(name)
		*field = strings.Clone(*field)
	}
	return nil
}

// field is where the value of a key goes; nil for one that is not read.
func (o *Owner) field(key string) *string {
	switch key {
	case "apiVersion":
		return &o.APIVersion
	case "kind":
		return &o.Kind
	case "name":
		return &o.Name
	case "uid":
		return &o.UID
	default:
		return nil
	}
}

// wrongType is the error of a value that is not what its field wants; the field is within
// that which is decoded, and empty for that itself.
func wrongType(field string, v jsonplace.Value, want reflect.Type) error {
	return &json.UnmarshalTypeError{Value: kindOf(v), Type: want, Field: field}
}
