package jsonplace

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// fuzzFields has fields of two kinds: what encoding/json hands a RawMessage is
// what the last equal key has, and what it leaves in a string comes from the last
// one that is no null.
type fuzzFields struct {
	A, Sk json.RawMessage
}

type fuzzStrings struct{ A, Sk string }

// FuzzPlaces compares with encoding/json: a text is JSON or has a fault, and
// every place holds what is decoded there.
func FuzzPlaces(f *testing.F) {
	for _, s := range []string{
		``, ` `, `null`, `-1e9`, `"a\u0062\ud834\udd1e"`, `[]`, ` [ 1 , [ ] , { } ] `,
		`{"a":1,"A":null,"\u0061":"x"}`,
		"{\"\u017fk\":\"x\",\"s\u212a\":[null],\"\":{\"\":0}}", "\"\xff\"", "{\"a\xff\":\"\xc3\",\"a\":\"\ufffd\"}",
		`{"a":{"a":[{"a":"]"}]},"b":"}\\"}`, `[1,]`, `{"a" 1}`, `{'a':1}`, `["`, `[tru e]`, `{}{}`, "[\"\n\"]", `]`, `{"a":`, `[[[`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		offset, detail := SyntaxFault(text)
		if json.Valid([]byte(text)) {
			if offset != -1 || detail != "" {
				t.Fatalf("%q is JSON, and has a fault: %d %s", text, offset, detail)
			}
			compare(t, text, Root(text))
			return
		}
		if offset < 0 || offset > len(text) || detail == "" {
			t.Fatalf("%q is no JSON, and its fault is %d %s", text, offset, detail)
		}
		if strings.ContainsFunc(detail, unicode.IsControl) || !utf8.ValidString(detail) || len(detail) > 2000 {
			t.Fatalf("%q: %q cannot be shown", text, detail)
		}
		// What is no JSON is walked through without leaving it.
		walk(Root(text), 0)
	})
}

// compare compares a value of a valid text, and all that is in it.
func compare(t *testing.T, text string, v Value) {
	if text[v.Start:v.Start+len(v.Raw)] != v.Raw || !json.Valid([]byte(v.Raw)) || strings.Trim(v.Raw, Space) != v.Raw {
		t.Fatalf("%q: %q does not stand at %d, or is no value", text, v.Raw, v.Start)
	}
	var decoded any
	d := json.NewDecoder(strings.NewReader(v.Raw))
	d.UseNumber()
	if err := d.Decode(&decoded); err != nil {
		t.Fatal(err)
	}
	switch decoded := decoded.(type) {
	case nil:
		is(t, text, v, Null)
	case bool:
		is(t, text, v, Bool)
	case json.Number:
		is(t, text, v, Number)
	case string:
		is(t, text, v, String)
		if v.Text() != decoded {
			t.Fatalf("%q: the text of %s is %q, want %q", text, v.Raw, v.Text(), decoded)
		}
	case []any:
		is(t, text, v, List)
		compareList(t, text, v)
	case map[string]any:
		is(t, text, v, Object)
		compareObject(t, text, v)
	}
}

func is(t *testing.T, text string, v Value, want Kind) {
	if v.Kind() != want {
		t.Fatalf("%q: the kind of %s is %d, want %d", text, v.Raw, v.Kind(), want)
	}
}

func compareList(t *testing.T, text string, list Value) {
	var want []json.RawMessage
	decode(t, list, &want)
	members := 0
	for i, member := range list.Members() {
		if i != members || i >= len(want) || member.Raw != string(want[i]) {
			t.Fatalf("%q: member %d of %s is %s, want %s", text, i, list.Raw, member.Raw, want)
		}
		members++
		compare(t, text, member)
	}
	if members != len(want) || list.At(members) != list {
		t.Fatalf("%q: %s has %d members, want %s", text, list.Raw, members, want)
	}
}

func compareObject(t *testing.T, text string, object Value) {
	// Keys as they are written.
	var want map[string]json.RawMessage
	decode(t, object, &want)
	got := map[string]json.RawMessage{}
	for key, value := range object.Entries() {
		is(t, text, key, String)
		got[key.Text()] = json.RawMessage(value.Raw)
		compare(t, text, key)
		compare(t, text, value)
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%q: the entries of %s are %s, want %s", text, object.Raw, got, want)
	}

	// Keys in any case.
	var raw fuzzFields
	decode(t, object, &raw)
	var texts fuzzStrings
	fits := json.Unmarshal([]byte(object.Raw), &texts) == nil
	for _, f := range []struct {
		name string
		raw  json.RawMessage
		text string
	}{{"a", raw.A, texts.A}, {"sk", raw.Sk, texts.Sk}} {
		at := object.At(f.name)
		if f.raw == nil && at != object || f.raw != nil && at.Raw != string(f.raw) {
			t.Fatalf("%q: %s of %s is %s, want %s", text, f.name, object.Raw, at.Raw, f.raw)
		}
		field, found := object.Field(f.name)
		if found != (f.raw != nil) {
			t.Fatalf("%q: %s of %s is found: %v, want %s", text, f.name, object.Raw, found, f.raw)
		}
		if fits && field.Kind() == String && field.Text() != f.text || fits && field.Kind() != String && f.text != "" {
			t.Fatalf("%q: field %s of %s is %s, want %q", text, f.name, object.Raw, field.Raw, f.text)
		}
	}
}

func decode(t *testing.T, v Value, into any) {
	if err := json.Unmarshal([]byte(v.Raw), into); err != nil {
		t.Fatalf("%s: %v", v.Raw, err)
	}
}

// walk asks for everything, down to a depth that is walked through fast.
func walk(v Value, depth int) {
	if depth > 20 {
		return
	}
	_, _ = v.Text(), v.At("a", 0)
	for _, member := range v.Members() {
		walk(member, depth+1)
	}
	for key, value := range v.Entries() {
		walk(key, depth+1)
		walk(value, depth+1)
	}
}

// TestLongTexts looks into texts that would take minutes if depth or length
// counted more than once.
func TestLongTexts(t *testing.T) {
	const length = 1 << 20
	deep := strings.Repeat("[", length/2) + strings.Repeat("]", length/2)
	if got := Root(deep).At(0, 0); got.Start != 2 {
		t.Errorf("depth: at %d", got.Start)
	}
	wide := "[" + strings.Repeat("0,", length/2) + "1]"
	if got := Root(wide).At(length / 2); got.Raw != "1" || got.Start != len(wide)-2 {
		t.Errorf("width: %s at %d", got.Raw, got.Start)
	}
	keys := "{" + strings.Repeat(`"a":0,`, length/6) + `"a":1}`
	if got, _ := Root(keys).Field("a"); got.Raw != "1" {
		t.Errorf("equal keys: %s", got.Raw)
	}
	if offset := FaultOffset(wide[:len(wide)-1]); offset != len(wide)-1 {
		t.Errorf("end missing: %d", offset)
	}
}
