package document

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	kjson "sigs.k8s.io/json"

	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
)

// FieldError says what is wrong with one field of a document, and where.
type FieldError struct {
	Position
	// Path names the field, as metadata.annotations["k8s.io/a"] or
	// spec.pools[0].name; empty for the document as a whole.
	Path    string
	Problem string
}

func (e *FieldError) Error() string {
	path := e.Path
	if path != "" {
		path += ": "
	}
	return fmt.Sprintf("line %d, column %d: %s%s", e.Line, e.Column, path, e.Problem)
}

// Decode fills v, a pointer, by its json tags. It reads as the API server does:
// names of fields are case-sensitive, unknown ones pass, and whole numbers stay
// whole in an any.
//
// A value of the wrong type is a [*FieldError]: at the value where the decoder
// tells which it is, at the document's beginning otherwise. The first of
// several is reported; v holds what could be decoded.
func (d *Document) Decode(v any) error {
	return d.decodeError(kjson.UnmarshalCaseSensitivePreserveInts(d.JSON, v))
}

// DecodeStrict is [Document.Decode], and refuses unknown fields as well: one
// [*FieldError] each at the field's key, in the order of the text and joined
// when there are several. Parse has refused duplicate keys already; two keys
// for one field, which it cannot see, are refused here.
func (d *Document) DecodeStrict(v any) error {
	strict, err := kjson.UnmarshalStrict(d.JSON, v)
	if err != nil {
		return d.decodeError(err)
	}
	// The decoder met the fields in the order of d.JSON, which for YAML is the
	// alphabet's.
	fields := make([]*FieldError, len(strict))
	for i, err := range strict {
		fields[i] = d.strictError(err)
	}
	slices.SortStableFunc(fields, func(a, b *FieldError) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	errs := make([]error, len(fields))
	for i, field := range fields {
		errs[i] = field
	}
	if len(errs) == 1 {
		return errs[0]
	}
	return errors.Join(errs...)
}

// strictError makes a FieldError of one of sigs.k8s.io/json's.
func (d *Document) strictError(err error) *FieldError {
	var field kjson.FieldError
	if !errors.As(err, &field) {
		return d.fieldError(nil, err.Error())
	}
	problem, _, _ := strings.Cut(err.Error(), ` "`)
	path := d.root.pathOf(field.FieldPath())
	if path == nil {
		return &FieldError{Position: d.Position(0), Path: quote.Value(field.FieldPath()), Problem: problem}
	}
	return &FieldError{Position: d.KeyPosition(path...), Path: written(path), Problem: problem}
}

func (d *Document) fieldError(path []any, problem string) *FieldError {
	return &FieldError{Position: d.Position(0, path...), Path: written(path), Problem: problem}
}

// decodeError gives an error of the decoder its position.
func (d *Document) decodeError(err error) error {
	if err == nil {
		return nil
	}
	var invalid *json.InvalidUnmarshalError
	if errors.As(err, &invalid) {
		return fmt.Errorf("decode document: %w", err)
	}
	var typed *json.UnmarshalTypeError
	if !errors.As(err, &typed) {
		return d.fieldError(nil, strings.TrimPrefix(err.Error(), "json: "))
	}
	names := strings.Split(typed.Field, ".")
	if path := pathAt(d.JSON, typed.Offset); typed.Field == "" || d.agrees(path, names) {
		return d.fieldError(path, typeProblem(typed))
	}
	at, path := d.root, []any(nil)
	for _, name := range names {
		e := at.entry(name)
		if e == nil {
			break
		}
		at, path = e.value, append(path, name)
	}
	field := d.fieldError(path, typeProblem(typed))
	field.Path = typed.Field
	return field
}

// agrees tells whether a type error's offset, which led to path, and its Field
// mean the same value. The offset leads to the value exactly, unless a type
// decodes its part of the document by itself: then it counts from that part.
// Field lacks the keys of maps and all indices, but names embedded structs,
// which the document does not know; it ends in the name of a field.
func (d *Document) agrees(path []any, names []string) bool {
	passed := 0
	for i, name := range names {
		if at := slices.Index(path[passed:], any(name)); at >= 0 {
			passed += at + 1
			continue
		}
		found, _, _ := d.root.find(path[:passed])
		if i == len(names)-1 || found.entry(name) != nil {
			return false
		}
	}
	return true
}

// pathAt is the path of the value or key that ends at or stands around offset
// in data.
func pathAt(data []byte, offset int64) []any {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var path []any // its last element is the key or index of the next value
	var inMapping []bool
	for {
		token, err := decoder.Token()
		if err != nil {
			return nil
		}
		deepest := len(path) - 1
		expectsKey := len(inMapping) > 0 && inMapping[len(inMapping)-1] && path[deepest] == nil
		if name, ok := token.(string); ok && expectsKey {
			path[deepest] = name
			if decoder.InputOffset() >= offset {
				return path
			}
			continue
		}
		closing := token == json.Delim('}') || token == json.Delim(']')
		if closing {
			path, inMapping = path[:deepest], inMapping[:len(inMapping)-1]
		}
		if decoder.InputOffset() >= offset {
			return path
		}
		switch token {
		case json.Delim('{'):
			path, inMapping = append(path, nil), append(inMapping, true)
			continue
		case json.Delim('['):
			path, inMapping = append(path, 0), append(inMapping, false)
			continue
		}
		if len(path) == 0 {
			return nil
		}
		switch step := path[len(path)-1].(type) {
		case int:
			path[len(path)-1] = step + 1
		default:
			path[len(path)-1] = nil
		}
	}
}

// typeProblem says in YAML's terms what the decoder says in Go's.
func typeProblem(err *json.UnmarshalTypeError) string {
	is, _, _ := strings.Cut(err.Value, " ")
	switch is {
	case "object":
		is = "mapping"
	case "array":
		is = "sequence"
	case "bool":
		is = "boolean"
	}
	expected := "value of another type"
	t := err.Type
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t != nil {
		expected = kindName(t.Kind())
	}
	problem := fmt.Sprintf("this is a %s and must be a %s", is, expected)
	switch {
	case is == expected && is == "number", is == "number" && expected == "whole number":
		_, value, _ := strings.Cut(err.Value, " ")
		return fmt.Sprintf("the number %s does not fit and must be a %s", value, expected)
	case expected == "string" && (is == "number" || is == "boolean"):
		problem += ": put it in quotes"
	}
	return problem
}

func kindName(k reflect.Kind) string {
	switch k {
	case reflect.Struct, reflect.Map:
		return "mapping"
	case reflect.Slice, reflect.Array:
		return "sequence"
	case reflect.Bool:
		return "boolean"
	case reflect.String:
		return "string"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "whole number"
	case reflect.Float32, reflect.Float64:
		return "number"
	}
	return "value of another type"
}

// written is a path as people write it.
func written(path []any) string {
	var b strings.Builder
	for _, step := range path {
		switch step := step.(type) {
		case int:
			b.WriteString("[" + strconv.Itoa(step) + "]")
		case string:
			switch {
			case !isPlainName(step):
				b.WriteString("[" + quote.Value(step) + "]")
			case b.Len() > 0:
				b.WriteString("." + step)
			default:
				b.WriteString(step)
			}
		}
	}
	return b.String()
}

// isPlainName tells names that need no quotes in a path.
func isPlainName(name string) bool {
	for i := 0; i < len(name); i++ {
		if name[i] != '-' && !isAnchorByte(name, i) {
			return false
		}
	}
	return name != "" && len(name) <= quote.Limit
}
