package object

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
)

// KeepAnnotations decodes the annotations of some keys. It also returns the key
// among them whose value is no text, if any. The keys of the others are given to a function,
// unless that is nil: there may be hundreds of thousands.
func KeepAnnotations(text []byte, keys []string, other func(key string)) (values map[string]string, wrong string, err error) {
	return keep(text, keys, func(key string) bool { return slices.Contains(keys, key) }, other)
}

// KeepLabels decodes the labels of some keys. It also returns a key, not only among them,
// whose value is no text, if any.
func KeepLabels(text []byte, keys []string) (values map[string]string, wrong string, err error) {
	return keep(text, keys, func(string) bool { return true }, nil)
}

// keep decodes the values of some keys of an object, and returns the last of the
// keys that have to be texts and are not.
func keep(text []byte, keys []string, haveToBeText func(key string) bool, other func(key string)) (values map[string]string, wrong string, err error) {
	if string(text) == "null" {
		return nil, "", nil
	}
	d := json.NewDecoder(bytes.NewReader(text))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return nil, "", &json.UnmarshalTypeError{Value: kindOf(open), Type: reflect.TypeFor[map[string]string]()}
	}
	var value json.RawMessage
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return nil, "", err
		}
		key, ok := token.(string)
		if !ok {
			return nil, "", errors.New("a key of annotations or labels is not a string")
		}
		value = value[:0]
		if err := d.Decode(&value); err != nil {
			return nil, "", err
		}
		wanted := slices.Contains(keys, key)
		// null decodes as an empty text.
		if isText := value[0] == '"' || string(value) == "null"; !isText && haveToBeText(key) {
			wrong = key
		}
		if !wanted {
			if other != nil {
				other(key)
			}
			continue
		}
		var decoded string
		if json.Unmarshal(value, &decoded) != nil {
			continue
		}
		if values == nil {
			values = make(map[string]string, len(keys))
		}
		values[key] = decoded
	}
	return values, wrong, nil
}

// kindOf is what encoding/json calls the kind of a value that begins with a token.
func kindOf(token json.Token) string {
	switch token.(type) {
	case string:
		return "string"
	case bool:
		return "bool"
	case json.Delim:
		return "array"
	default:
		return "number"
	}
}
