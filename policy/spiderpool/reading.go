package spiderpool

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// reading is an annotation that is being read.
type reading struct {
	annotation, value string
	shape             *shape
	faults            []Fault

	// root is the tree of the value, made when the first place is asked for.
	root *node
	// broken are, by element, the fields that could not be read; nil when all
	// could.
	broken []fieldSet
}

// decode reads the value as Spiderpool does: with encoding/json, which passes
// over unknown keys and refuses wrong types. It is false when not even the
// outermost bracket is right. The value is read once; only one with a fault is
// read again, to say where and what.
func decode[T any](r *reading, into *T) bool {
	strict := json.NewDecoder(strings.NewReader(r.value))
	strict.DisallowUnknownFields()
	if strict.Decode(into) == nil && strings.Trim(r.value[strict.InputOffset():], jsonSpace) == "" {
		return true
	}
	var again T
	err := json.Unmarshal([]byte(r.value), &again)
	*into = again
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		offset, culprit, detail := noJSON(r.value)
		r.refuse(-1, "", offset, culprit, detail, r.shape.want)
		return false
	}
	return r.explain()
}

// refuse adds a fault for which Spiderpool refuses the value.
func (r *reading) refuse(index int, field string, offset int, value, detail, want string) {
	r.faults = append(r.faults, Fault{ProblemInvalid, r.annotation, index, field, offset, value, detail, want})
}

// ignore adds a fault that Spiderpool passes over.
func (r *reading) ignore(index int, field string, offset int, value, detail, want string) {
	r.faults = append(r.faults, Fault{ProblemUnknownField, r.annotation, index, field, offset, value, detail, want})
}

func (r *reading) tree() *node {
	if r.root == nil {
		r.root = tree(r.value)
	}
	return r.root
}

// explain reports the types that are wrong and the keys that are unknown.
func (r *reading) explain() bool {
	root := r.tree()
	if root.kind == 'n' {
		return true
	}
	if r.shape.names {
		return r.explainField(-1, &field{kind: texts}, root)
	}
	bracket, kind := byte('{'), "an object"
	if r.shape.list {
		bracket, kind = '[', "a list"
	}
	if root.kind != bracket {
		r.refuse(-1, "", root.start, "", fmt.Sprintf("is %s and must be %s", kindOf(root), kind), r.shape.want)
		return false
	}
	if !r.shape.list {
		r.broken = []fieldSet{r.explainObject(-1, root)}
		return true
	}
	r.broken = make([]fieldSet, len(root.members))
	for i := range root.members {
		switch member := &root.members[i]; {
		case member.kind == 'n':
		case member.kind != '{':
			r.broken[i] = allFields
			r.refuse(i, "", member.start, member.shown(r.value), "is not an object", r.shape.want)
		default:
			r.broken[i] = r.explainObject(i, member)
		}
	}
	return true
}

// explainObject returns the fields whose values have the wrong type.
func (r *reading) explainObject(index int, object *node) fieldSet {
	var broken fieldSet
	for i := range object.keys {
		key, value := &object.keys[i], &object.members[i]
		f := r.shape.field(key.str)
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

func (r *reading) explainField(index int, f *field, value *node) bool {
	detail := "does not fit: the value must be " + f.kind.want()
	if f.name != "" {
		detail = fmt.Sprintf("does not fit: %q must be %s", f.name, f.kind.want())
	}
	if f.kind == texts && value.kind == '[' {
		fits := true
		for i := range value.members {
			if m := &value.members[i]; m.kind != '"' && m.kind != 'n' {
				fits = false
				r.refuse(index, f.name, m.start, m.shown(r.value), detail, f.kind.want())
			}
		}
		return fits
	}
	fits := value.kind == 'n' ||
		f.kind == text && value.kind == '"' ||
		f.kind == flag && (value.kind == 't' || value.kind == 'f')
	if !fits {
		r.refuse(index, f.name, value.start, value.shown(r.value), detail, f.kind.want())
	}
	return fits
}

// unknown reports a key that Spiderpool does not know here.
func (r *reading) unknown(index int, key *node) {
	detail := "is not a field that Spiderpool knows"
	want := r.shape.known()
	switch name := strings.ToLower(key.str); {
	case r.annotation == PoolAnnotation && poolsShape.field(name) >= 0:
		detail = "has no effect in this annotation, which holds for every interface"
		want = PoolsAnnotation + ", which has this field for each interface"
	case r.shape.renamed[name] != "" && r.shape.field(r.shape.renamed[name]) >= 0:
		want = `"` + r.shape.renamed[name] + `"`
	}
	r.ignore(index, "", key.start, key.str, detail, want)
}

// known lists the fields.
func (s *shape) known() string {
	names := make([]string, len(s.fields))
	for i := range s.fields {
		names[i] = `"` + s.fields[i].name + `"`
	}
	return strings.Join(names, ", ")
}

func kindOf(n *node) string {
	switch n.kind {
	case '{':
		return "an object"
	case '[':
		return "a list"
	case '"':
		return "a string"
	case 't', 'f':
		return "true or false"
	default:
		return "a number"
	}
}

// readable says whether a field of an element could be read.
func (r *reading) readable(index int, name string) bool {
	if r.broken == nil {
		return true
	}
	return r.broken[max(index, 0)]&(1<<r.shape.field(name)) == 0
}

// element is where an element stands, for index -1 the whole value.
func (r *reading) element(index int) *node {
	root := r.tree()
	if index < 0 || index >= len(root.members) || root.kind != '[' {
		return root
	}
	return &root.members[index]
}

// field is where a field of an element stands, or the element where that is
// absent.
func (r *reading) field(index int, name string) *node {
	e := r.element(index)
	if found := r.shape.find(e, name); found != nil {
		return found
	}
	return e
}

// member is the i-th member of a list, or the list itself where it has no such
// member.
func (n *node) member(i int) *node {
	if n.kind == '[' && i >= 0 && i < len(n.members) {
		return &n.members[i]
	}
	return n
}
