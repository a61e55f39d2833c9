package spiderpool

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/macvlan-webhook/macvlan-webhook/policy/text/jsonplace"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/tally"
)

// reading is an annotation that is being read.
type reading struct {
	annotation, value string
	shape             *shape
	faults            []Fault

	// elements are those of the list, or the one object that the value is. They
	// are looked up when the first of their places is asked for.
	elements []element
}

// element is an object of an annotation.
type element struct {
	jsonplace.Value
	// broken are the fields that could not be read.
	broken fieldSet
}

// maxElements is how many elements of a list are read. Within 64 KiB, no more fit that each
// name an interface and a pool, or a route.
const maxElements = 2048

// tooMany refuses a list of more elements than are read.
func (r *reading) tooMany() bool {
	if !r.shape.list || strings.Count(r.value, ",") < maxElements || !json.Valid([]byte(r.value)) {
		return false
	}
	n := 0
	for range r.root().Members() {
		n++
	}
	if n > maxElements {
		r.refuse(-1, "", r.root().Start, "", fmt.Sprintf("is too large to be checked: %d elements", n), fmt.Sprintf("up to %d elements", maxElements))
	}
	return n > maxElements
}

// decode reads the value as Spiderpool does: with encoding/json, which passes
// over unknown keys and refuses wrong types. It is false when not even the
// outermost bracket is right. The value is read once; only one with a fault is
// read again, to say where and what.
func decode[T any](r *reading, into *T) bool {
	if r.tooMany() {
		return false
	}
	strict := json.NewDecoder(strings.NewReader(r.value))
	strict.DisallowUnknownFields()
	if strict.Decode(into) == nil && strings.Trim(r.value[strict.InputOffset():], jsonplace.Space) == "" {
		return true
	}
	var again T
	err := json.Unmarshal([]byte(r.value), &again)
	*into = again
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		offset, detail := jsonplace.SyntaxFault(r.value)
		r.refuse(-1, "", offset, "", detail, r.shape.want)
		return false
	}
	return r.explain()
}

// refuse adds a fault for which Spiderpool refuses the value.
func (r *reading) refuse(index int, field string, offset int, value, detail, want string) {
	r.add(ProblemInvalid, index, field, offset, value, detail, want)
}

// ignore adds a fault that Spiderpool ignores.
func (r *reading) ignore(index int, field string, offset int, value, detail, want string) {
	r.add(ProblemUnknownField, index, field, offset, value, detail, want)
}

// add keeps a fault, or counts it with the last one kept of its kind.
func (r *reading) add(p Problem, index int, field string, offset int, value, detail, want string) {
	if last := tally.Full(r.faults, maxFaults, func(k *Fault) bool { return k.Problem == p }); last != nil {
		last.More++
		return
	}
	r.faults = append(r.faults, Fault{p, r.annotation, index, field, offset, value, detail, want, 0})
}

// root is the value as a whole.
func (r *reading) root() jsonplace.Value { return jsonplace.Root(r.value) }

// list looks up the elements of a list.
func (r *reading) list() []element {
	if r.elements == nil {
		for _, member := range r.root().Members() {
			r.elements = append(r.elements, element{Value: member})
		}
	}
	return r.elements
}

// explain reports the types that are wrong and the keys that are unknown.
func (r *reading) explain() bool {
	root := r.root()
	if root.Kind() == jsonplace.Null {
		return true
	}
	if r.shape.names {
		return r.explainField(-1, &field{kind: texts}, root)
	}
	must := jsonplace.Object
	if r.shape.list {
		must = jsonplace.List
	}
	if is := root.Kind(); is != must {
		r.refuse(-1, "", root.Start, "", fmt.Sprintf("is %s and must be %s", kindNames[is], kindNames[must]), r.shape.want)
		return false
	}
	if !r.shape.list {
		r.elements = []element{{root, r.explainObject(-1, root)}}
		return true
	}
	list := r.list()
	for i := range list {
		switch e := &list[i]; e.Kind() {
		case jsonplace.Null:
		case jsonplace.Object:
			e.broken = r.explainObject(i, e.Value)
		default:
			e.broken = allFields
			r.refuse(i, "", e.Start, e.Text(), "is not an object", r.shape.want)
		}
	}
	return true
}

// explainObject returns the fields whose values have the wrong type.
func (r *reading) explainObject(index int, object jsonplace.Value) fieldSet {
	var broken fieldSet
	for key, value := range object.Entries() {
		f := r.shape.field(key.Text())
		if f < 0 {
			r.unknown(index, key)
			continue
		}
		if !r.explainField(index, &r.shape.fields[f], value) {
			broken |= 1 << f
		}
	}
	return broken
}

func (r *reading) explainField(index int, f *field, value jsonplace.Value) bool {
	detail := "does not fit: the value must be " + f.kind.want()
	if f.name != "" {
		detail = fmt.Sprintf("does not fit: %q must be %s", f.name, f.kind.want())
	}
	kind := value.Kind()
	if f.kind == texts && kind == jsonplace.List {
		fits := true
		for _, member := range value.Members() {
			if kind := member.Kind(); kind != jsonplace.String && kind != jsonplace.Null {
				fits = false
				r.refuse(index, f.name, member.Start, member.Text(), detail, f.kind.want())
			}
		}
		return fits
	}
	fits := kind == jsonplace.Null ||
		f.kind == text && kind == jsonplace.String ||
		f.kind == flag && kind == jsonplace.Bool
	if !fits {
		r.refuse(index, f.name, value.Start, value.Text(), detail, f.kind.want())
	}
	return fits
}

// unknown reports a key that Spiderpool does not know here.
func (r *reading) unknown(index int, key jsonplace.Value) {
	detail := "is not a field that Spiderpool knows"
	want := r.shape.known()
	switch name := strings.ToLower(key.Text()); {
	case r.annotation == PoolAnnotation && poolsShape.field(name) >= 0:
		detail = "has no effect in this annotation, which applies to every interface"
		want = PoolsAnnotation + ", which has this field for each interface"
	case r.shape.renamed[name] != "" && r.shape.field(r.shape.renamed[name]) >= 0:
		want = `"` + r.shape.renamed[name] + `"`
	}
	r.ignore(index, "", key.Start, key.Text(), detail, want)
}

// known lists the fields.
func (s *shape) known() string {
	names := make([]string, len(s.fields))
	for i := range s.fields {
		names[i] = `"` + s.fields[i].name + `"`
	}
	return strings.Join(names, ", ")
}

// kindNames are the kinds of values as messages name them.
var kindNames = [...]string{
	jsonplace.Bool:   "true or false",
	jsonplace.Number: "a number",
	jsonplace.String: "a string",
	jsonplace.List:   "a list",
	jsonplace.Object: "an object",
}

// broken are the fields of an element that could not be read.
func (r *reading) broken(index int) fieldSet {
	if r.elements == nil {
		return 0
	}
	return r.elements[max(index, 0)].broken
}

// readable says whether a field of an element could be read.
func (r *reading) readable(index int, name string) bool {
	return r.elements == nil || r.broken(index)&(1<<r.shape.field(name)) == 0
}

// element is where an element stands, for index -1 the whole value.
func (r *reading) element(index int) jsonplace.Value {
	if index < 0 {
		return r.root()
	}
	if list := r.list(); index < len(list) {
		return list[index].Value
	}
	return r.root()
}

// field is where a field of an element stands, or the element where that is
// absent.
func (r *reading) field(index int, name string) jsonplace.Value {
	e := r.element(index)
	if found, given := r.shape.find(e, name); given {
		return found
	}
	return e
}
