// Package jsonplace knows where the values of a JSON text stand, and where and
// why a text is not JSON. encoding/json keeps no places, so a text with a fault
// is read by this package once more, to point at the very character.
//
// It finds what encoding/json decodes: keys match in any case, and the last of
// equal keys counts. It keeps nothing and builds no tree: each question walks
// the text again, over one level of brackets, so that depth costs nothing and a
// look at one place costs no allocation. Whoever asks for many places of one
// list collects its members first.
package jsonplace

import (
	"encoding/json"
	"iter"
	"strings"
	"unicode/utf8"
)

// Space is JSON's white space.
const Space = " \t\r\n"

// Value is a value, or a key, within a JSON text. The zero Value is none.
//
// The text is trusted to be JSON. Of other text the methods make something,
// without ever leaving it.
type Value struct {
	// Start is where it stands in the text, in bytes; a string starts with its
	// opening quote.
	Start int
	// Raw is what stands there, a string with its quotes and escapes.
	Raw string
}

// Root is the value that a text consists of.
func Root(text string) Value {
	return Value{Start: skipSpace(text, 0), Raw: strings.Trim(text, Space)}
}

// Kind is what a value is.
type Kind int

// The kinds of values. None is that of the zero Value.
const (
	None Kind = iota
	Null
	Bool
	Number
	String
	List
	Object
)

// Kind tells by the first byte.
func (v Value) Kind() Kind {
	if v.Raw == "" {
		return None
	}
	switch v.Raw[0] {
	case 'n':
		return Null
	case 't', 'f':
		return Bool
	case '"':
		return String
	case '[':
		return List
	case '{':
		return Object
	default:
		return Number
	}
}

// Text is a string without its quotes and escapes, and any other value as it
// was written.
func (v Value) Text() string {
	if v.Kind() != String {
		return v.Raw
	}
	inner, closed := strings.CutSuffix(v.Raw[1:], `"`)
	if closed && strings.IndexByte(inner, '\\') < 0 && utf8.ValidString(inner) {
		return inner
	}
	var decoded string
	if json.Unmarshal([]byte(v.Raw), &decoded) != nil {
		return v.Raw
	}
	return decoded
}

// Members goes through a list; any other value has none.
func (v Value) Members() iter.Seq2[int, Value] {
	return func(yield func(int, Value) bool) {
		if v.Kind() != List {
			return
		}
		for i, at := 0, 0; ; i++ {
			at = skipSpace(v.Raw, at+1)
			if at == len(v.Raw) || v.Raw[at] == ']' {
				return
			}
			end := skipValue(v.Raw, at)
			if !yield(i, v.part(at, end)) {
				return
			}
			if at = skipSpace(v.Raw, end); !v.has(',', at) {
				return
			}
		}
	}
}

// Entries goes through the keys and values of an object; any other value has
// none.
func (v Value) Entries() iter.Seq2[Value, Value] {
	return func(yield func(Value, Value) bool) {
		if v.Kind() != Object {
			return
		}
		for at := 0; ; {
			key := skipSpace(v.Raw, at+1)
			if !v.has('"', key) {
				return
			}
			keyEnd := skipString(v.Raw, key)
			colon := skipSpace(v.Raw, keyEnd)
			if !v.has(':', colon) {
				return
			}
			value := skipSpace(v.Raw, colon+1)
			end := skipValue(v.Raw, value)
			if !yield(v.part(key, keyEnd), v.part(value, end)) {
				return
			}
			if at = skipSpace(v.Raw, end); !v.has(',', at) {
				return
			}
		}
	}
}

func (v Value) part(start, end int) Value { return Value{v.Start + start, v.Raw[start:end]} }

func (v Value) has(c byte, at int) bool { return at < len(v.Raw) && v.Raw[at] == c }

// Member is the member of a list at an index, from 0, or the value itself where
// it has no such member.
func (v Value) Member(index int) Value {
	for i, member := range v.Members() {
		if i == index {
			return member
		}
	}
	return v
}

// Field is the value that fills the field of this name when an object is
// decoded: that of the last such key, but a null leaves the field as it was.
func (v Value) Field(name string) (field Value, found bool) {
	for key, value := range v.Entries() {
		if strings.EqualFold(key.Text(), name) && (!found || value.Kind() != Null) {
			field, found = value, true
		}
	}
	return field, found
}

// At is the value at a path, whose elements are a string for a key and an int,
// from 0, for an index. Of equal keys the last one leads on, also to a null.
// Where there is no such value it is the last one on the way.
func (v Value) At(path ...any) Value {
	for _, step := range path {
		next := v
		switch step := step.(type) {
		case int:
			next = v.Member(step)
		case string:
			for key, value := range v.Entries() {
				if strings.EqualFold(key.Text(), step) {
					next = value
				}
			}
		}
		if next == v {
			break
		}
		v = next
	}
	return v
}

// skipSpace is the first place from at on that is not white space.
func skipSpace(text string, at int) int {
	return len(text) - len(strings.TrimLeft(text[at:], Space))
}

// skipString is the place after the string whose opening quote is at at.
func skipString(text string, at int) int {
	for at++; at < len(text); at++ {
		switch text[at] {
		case '\\':
			at++
		case '"':
			return at + 1
		}
	}
	return len(text)
}

// skipValue is the place after the value that starts at at. It counts brackets
// instead of calling itself.
func skipValue(text string, at int) int {
	for depth := 0; at < len(text); {
		switch text[at] {
		case '"':
			at = skipString(text, at)
		case '[', '{':
			depth++
			at++
		case ']', '}':
			depth--
			at++
		default:
			// A number or a word, or what separates values.
			at++
			if next := strings.IndexAny(text[at:], separators); next < 0 {
				at = len(text)
			} else {
				at += next
			}
		}
		if depth <= 0 {
			return at
		}
	}
	return len(text)
}
