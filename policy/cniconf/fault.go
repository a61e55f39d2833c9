package cniconf

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/macvlan-webhook/macvlan-webhook/policy/quote"
)

// position is the place in a config that a JSON error points at. offset is that
// of encoding/json: how many bytes were read, the culprit among them.
func position(config string, offset int64) string {
	end := min(max(int(offset)-1, 0), len(config))
	before := config[:end]
	lineStart := strings.LastIndexByte(before, '\n') + 1
	return fmt.Sprintf("line %d, column %d",
		strings.Count(before, "\n")+1, utf8.RuneCountInString(before[lineStart:])+1)
}

// expectations translate what encoding/json says after "invalid character ...".
var expectations = []struct{ after, expected string }{
	{" looking for beginning of value", "a value is expected here, not "},
	{" looking for beginning of object key string", "a key in double quotes is expected here, not "},
	{" after object key:value pair", "a comma or a closing brace is expected here, not "},
	{" after object key", "a colon is expected here, not "},
	{" after array element", "a comma or a closing bracket is expected here, not "},
	{" after top-level value", "the end is expected here, not "},
	{" in string literal", "a string may hold this character only as an escape: "},
	{" exceeded max depth", "values are nested more than 10000 deep with this "},
	{" in string escape code", "a backslash in a string cannot be followed by "},
}

// syntaxFault puts a syntax error into words for people who write YAML.
func syntaxFault(err *json.SyntaxError) string {
	text := err.Error()
	if text == "unexpected end of JSON input" {
		return "it ends before it is complete"
	}
	if character, ok := strings.CutPrefix(text, "invalid character "); ok {
		for _, e := range expectations {
			if c, ok := strings.CutSuffix(character, e.after); ok {
				return e.expected + c
			}
		}
	}
	// The rest, about a word or a number that breaks off, is plain enough;
	// encoding/json escapes the one character of the config that it shows.
	return text
}

// libcniPrefix begins the errors of libcni about a list and says nothing new.
const libcniPrefix = "error parsing configuration list: "

// fieldFault puts an error of decoding into words: `"ipam.type" holds a number
// where a string is expected`. path is where the decoded value stands in the
// config, empty for the whole of it.
func fieldFault(path string, err error) string {
	var parse *net.ParseError
	var mismatch *json.UnmarshalTypeError
	switch {
	case errors.As(err, &parse):
		return fmt.Sprintf("%s holds %s, which is no %s", subject(path), quote.Value(parse.Text), parse.Type)
	case errors.As(err, &mismatch):
		if mismatch.Field != "" && path != "" {
			path += "."
		}
		return fmt.Sprintf("%s holds %s where %s is expected",
			subject(path+mismatch.Field), found(mismatch.Value), expected(mismatch.Type))
	default:
		return "libcni refuses it: " + quote.Value(strings.TrimPrefix(err.Error(), libcniPrefix))
	}
}

// subject names a field by its path, which holds only keys from this package.
func subject(path string) string {
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
