package object

import (
	"reflect"
	"slices"
	"strings"

	"github.com/macvlan-webhook/macvlan-webhook/policy/text/jsonplace"
)

// KeepAnnotations reads the annotations of some keys. It also returns the key
// among them whose value is no text, if any. The keys of the others are given to a function,
// unless that is nil: there may be hundreds of thousands. A function that keeps one has to copy
// it.
func KeepAnnotations(text []byte, keys []string, other func(key string)) (values map[string]string, wrong string, err error) {
	return keep(text, keys, func(key string) bool { return slices.Contains(keys, key) }, other)
}

// KeepLabels reads the labels of some keys. It also returns a key, not only among them,
// whose value is no text, if any.
func KeepLabels(text []byte, keys []string) (values map[string]string, wrong string, err error) {
	return keep(text, keys, func(string) bool { return true }, nil)
}

// keep reads the values of some keys of an object, and returns the last of the
// keys that have to be texts and are not. Of the others nothing is kept.
func keep(text []byte, keys []string, haveToBeText func(key string) bool, other func(key string)) (values map[string]string, wrong string, err error) {
	object := jsonplace.Root(string(text))
	switch object.Kind() {
	case jsonplace.Null:
		return nil, "", nil
	case jsonplace.Object:
	default:
		return nil, "", wrongType("", object, reflect.TypeFor[map[string]string]())
	}
	for entry, value := range object.Entries() {
		key := entry.Text()
		// null decodes as an empty text.
		isText := value.Kind() == jsonplace.String || value.Kind() == jsonplace.Null
		if !isText && haveToBeText(key) {
			wrong = strings.Clone(key)
		}
		if !slices.Contains(keys, key) {
			if other != nil {
				other(key)
			}
			continue
		}
		if !isText {
			continue
		}
		if values == nil {
			values = make(map[string]string, len(keys))
		}
		// The whole object is not to stay in memory for one of its values.
		values[strings.Clone(key)] = ""
		if value.Kind() == jsonplace.String {
			values[key] = strings.Clone(value.Text())
		}
	}
	return values, wrong, nil
}

// kindOf is what encoding/json calls the kind of a value.
func kindOf(v jsonplace.Value) string {
	switch v.Kind() {
	case jsonplace.String:
		return "string"
	case jsonplace.Bool:
		return "bool"
	case jsonplace.List:
		return "array"
	case jsonplace.Object:
		return "object"
	default:
		return "number"
	}
}
