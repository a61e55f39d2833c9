package document

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

type settings struct {
	Name    string             `json:"name"`
	Count   int8               `json:"count"`
	Share   float64            `json:"share"`
	On      *bool              `json:"on"`
	Labels  map[string]string  `json:"labels"`
	Limits  map[int]int        `json:"limits"`
	Any     any                `json:"any"`
	Nested  *nested            `json:"nested"`
	List    []nested           `json:"list"`
	Port    intstr.IntOrString `json:"port"`
	When    metav1.Time        `json:"when"`
	Wrapped wrapped            `json:"wrapped"`
}

type nested struct {
	Name  string              `json:"name"`
	Words []string            `json:"words"`
	More  map[string][]nested `json:"more"`
	Embedded
}

type Embedded struct {
	Text string `json:"embedded"`
}

// wrapped decodes its part of the document by itself, so that errors count
// their offsets from there.
type wrapped struct{ inner nested }

func (w *wrapped) UnmarshalJSON(data []byte) error { return json.Unmarshal(data, &w.inner) }

func TestDecode(t *testing.T) {
	const text = "name: x\nName: y\nunknown: 1\ncount: 5\nshare: 0.5\n\"on\": true\nlabels: {a: b}\nlimits: {1: 2}\n" +
		"any: {whole: 9007199254740993, part: 1.5}\nnested: {words: [p, q]}\nlist:\n- name: z\nport: http\nwrapped: {name: w}\n"
	on := true
	want := settings{
		Name: "x", Count: 5, Share: 0.5, On: &on, Labels: map[string]string{"a": "b"}, Limits: map[int]int{1: 2},
		Any:    map[string]any{"whole": int64(9007199254740993), "part": 1.5},
		Nested: &nested{Words: []string{"p", "q"}}, List: []nested{{Name: "z"}}, Port: intstr.FromString("http"),
		Wrapped: wrapped{nested{Name: "w"}},
	}
	var got settings
	if err := parseOne(t, text).Decode(&got); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// TestDecodeErrors decodes strictly, and not.
func TestDecodeErrors(t *testing.T) {
	const always = "always"
	tests := []struct {
		name, text      string
		strict, lenient string // the errors' text; always: the same as strictly
	}{
		{"nothing wrong", "name: x\nlabels: {any.thing/goes: x}\n", "", ""},
		{"unknown field", "name: x\nnmae: y\n",
			"line 2, column 1: nmae: unknown field", ""},
		{"unknown field by its case", "Name: x\n",
			"line 1, column 1: Name: unknown field", ""},
		{"several unknown fields, in the order of the text", "z: 1\nname: x\nnested:\n  x: 1\na: 2\n",
			"line 1, column 1: z: unknown field\nline 4, column 3: nested.x: unknown field\nline 5, column 1: a: unknown field", ""},
		{"unknown fields in depth", "list:\n- name: x\n- more:\n    a.b/c:\n    - nmae: z\n    '[0].x': [{\"w.x\": 1}]\n",
			"line 5, column 7: list[1].more[\"a.b/c\"][0].nmae: unknown field\nline 6, column 16: list[1].more[\"[0].x\"][0][\"w.x\"]: unknown field", ""},
		{"unknown field among keys that resemble paths", "nested:\n  more:\n    a: [{name: x}]\n    a[0].b: [{c: x}]\n    \"a[0]\": [{b: x}]\n",
			"line 4, column 15: nested.more[\"a[0].b\"][0].c: unknown field\nline 5, column 15: nested.more[\"a[0]\"][0].b: unknown field", ""},
		{"unknown field from a merge", "any: &x {nmae: y}\nnested:\n  <<: *x\n",
			"line 1, column 10: nested.nmae: unknown field", ""},
		{"unknown field from a sequence of merges", "any: [&x {name: z}, &y {nmae: z}]\nnested:\n  <<: [*x, *y]\n",
			"line 1, column 25: nested.nmae: unknown field", ""},
		{"empty key", "\"\": x\n",
			"line 1, column 1: [\"\"]: unknown field", ""},
		{"hostile key", "\"a\\x1b\\n\": x\n",
			"line 1, column 1: [\"a\\x1b\\n\"]: unknown field", ""},
		{"unknown field in JSON", "{\"name\": \"x\",\n \"n\": 1}",
			"line 2, column 2: n: unknown field", ""},
		{"number for a string", "name: x\nlabels:\n  a: b\n  c.d/e: 5\n",
			"line 4, column 10: labels[\"c.d/e\"]: this is a number and must be a string: put it in quotes", always},
		{"boolean for a string", "nested: {words: [a, yes]}\n",
			"line 1, column 21: nested.words[1]: this is a boolean and must be a string: put it in quotes", always},
		{"string for a number", "count: 'x'\n",
			"line 1, column 9: count: this is a string and must be a whole number", always},
		{"fraction for a whole number", "count: 1.5\n",
			"line 1, column 8: count: the number 1.5 does not fit and must be a whole number", always},
		{"number too large", "count: 128\n",
			"line 1, column 8: count: the number 128 does not fit and must be a whole number", always},
		{"string for a boolean", "\"on\": 'yes'\n",
			"line 1, column 8: on: this is a string and must be a boolean", always},
		{"string for a fraction", "share: half\n",
			"line 1, column 8: share: this is a string and must be a number", always},
		{"mapping for a string", "name:\n  a: b\n",
			"line 1, column 1: name: this is a mapping and must be a string", always},
		{"sequence for a mapping", "list:\n- more: [a]\n",
			"line 2, column 3: list[0].more: this is a sequence and must be a mapping", always},
		{"mapping for a sequence", "list:\n- name: x\n- words: {a: b}\n",
			"line 3, column 3: list[1].words: this is a mapping and must be a sequence", always},
		{"string for a sequence", "list: x\n",
			"line 1, column 7: list: this is a string and must be a sequence", always},
		{"string for a mapping in a sequence", "list:\n- words: [a]\n- x\n",
			"line 3, column 3: list[1]: this is a string and must be a mapping", always},
		{"key that is no number", "limits:\n  1: 1\n  x: 2\n",
			"line 3, column 6: limits.x: the number x does not fit and must be a whole number", always},
		{"only the first of two", "count: x\nname: 5\n",
			"line 1, column 8: count: this is a string and must be a whole number", always},
		{"in an alias", "any: &x\n  name: 5\nnested: *x\n",
			"line 2, column 9: nested.name: this is a number and must be a string: put it in quotes", always},
		{"in a type that decodes itself", "name: abcdefghij\nwrapped:\n  words: [a]\n  name: 5\n",
			"line 4, column 9: wrapped.name: this is a number and must be a string: put it in quotes", always},
		{"first in a type that decodes itself", "wrapped: {name: 5}\n",
			"line 1, column 17: wrapped.name: this is a number and must be a string: put it in quotes",
			always},
		{"in a sequence in a type that decodes itself", "wrapped:\n  more: {a: [{name: 5}]}\n",
			"line 2, column 3: wrapped.more.name: this is a number and must be a string: put it in quotes",
			always},
		{"in an embedded struct", "name: x\nlist:\n- embedded: 5\n",
			"line 3, column 13: list[0].embedded: this is a number and must be a string: put it in quotes",
			always},
		{"in JSON", "{\"labels\": {\"a\": \"b\",\n  \"c\": 5}}",
			"line 2, column 8: labels.c: this is a number and must be a string: put it in quotes", always},
		{"document of another type", "# comment\n- a\n",
			"line 2, column 1: this is a sequence and must be a mapping", always},
		{"text", "hello\n",
			"line 1, column 1: this is a string and must be a mapping", always},
		{"error without a place", "# comment\nwhen: soon\n",
			"line 2, column 1: parsing time \"soon\" as \"" + time.RFC3339 + "\": cannot parse \"soon\" as \"2006\"", always},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d := parseOne(t, test.text)
			if test.lenient == always {
				test.lenient = test.strict
			}
			checkError(t, "DecodeStrict", d.DecodeStrict(new(settings)), test.strict)
			checkError(t, "Decode", d.Decode(new(settings)), test.lenient)
		})
	}
}

// checkError compares an error's text, and holds that every line of it is a
// FieldError.
func checkError(t *testing.T, what string, err error, want string) {
	t.Helper()
	if want == "" {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
		return
	}
	if err == nil || err.Error() != want {
		t.Errorf("%s:\n%v\nwant\n%s", what, err, want)
		return
	}
	errs := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		errs = joined.Unwrap()
	}
	if len(errs) != strings.Count(want, "\n")+1 {
		t.Errorf("%s: %d errors", what, len(errs))
	}
	for _, err := range errs {
		var field *FieldError
		if !errors.As(err, &field) {
			t.Errorf("%s: error is a %T", what, err)
		}
	}
}

func TestDecodeIntoNothing(t *testing.T) {
	d := parseOne(t, "a: b\n")
	for _, v := range []any{nil, settings{}, (*settings)(nil)} {
		var invalid *json.InvalidUnmarshalError
		if err := d.Decode(v); !errors.As(err, &invalid) || !strings.HasPrefix(err.Error(), "decode document: ") {
			t.Errorf("Decode(%T): %v", v, err)
		}
		if err := d.DecodeStrict(v); !errors.As(err, &invalid) {
			t.Errorf("DecodeStrict(%T): %v", v, err)
		}
	}
}
