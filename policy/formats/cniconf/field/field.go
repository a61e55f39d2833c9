// Package field words what is wrong with a field of a CNI configuration that the
// program which reads it cannot decode.
package field

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"reflect"
	"strings"

	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
)

// libcniPrefix begins the errors of libcni about a list and says nothing new.
const libcniPrefix = "error parsing configuration list: "

// Fault puts an error of decoding into words: `"ipam.type" is a number and
// must be a string`. path is where the decoded value stands in the
// configuration, empty for the whole of it.
func Fault(path string, err error) string {
	var parse *net.ParseError
	var mismatch *json.UnmarshalTypeError
	switch {
	case errors.As(err, &parse):
		return fmt.Sprintf("%s is %s, which is not a valid %s", Name(path), quote.Value(parse.Text), parse.Type)
	case errors.As(err, &mismatch):
		if mismatch.Field != "" && path != "" {
			path += "."
		}
		return fmt.Sprintf("%s is %s and must be %s",
			Name(path+mismatch.Field), found(mismatch.Value), expected(mismatch.Type))
	default:
		return "libcni refuses it: " + quote.Value(strings.TrimPrefix(err.Error(), libcniPrefix))
	}
}

// Name names a field by its path in quotes. The path is shown as it is: it holds
// only keys that a plugin knows, and indexes.
func Name(path string) string {
	if path == "" {
		return "it"
	}
	return `"` + path + `"`
}

// longestNumber is how much of a number a message shows: more than any whole
// number of 64 bits has.
const longestNumber = 24

// found is the JSON type that encoding/json came upon.
func found(value string) string {
	switch number, ok := strings.CutPrefix(value, "number "); {
	case ok && len(number) <= longestNumber:
		return "the number " + number
	case ok, value == "number":
		return "a number"
	case value == "bool":
		return "true or false"
	case value == "array", value == "object":
		return "an " + value
	default:
		return "a " + value
	}
}

// expected is a Go type as people call it in JSON.
func expected(t reflect.Type) string {
	if t == reflect.TypeFor[net.IP]() || t == reflect.TypeFor[*net.IP]() {
		return "a string"
	}
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Int:
		return "a whole number"
	case reflect.Uint32:
		return "a whole number from 0 to 4294967295"
	case reflect.Float64:
		return "a smaller number"
	case reflect.Slice:
		return "an array"
	default:
		return "an object"
	}
}
