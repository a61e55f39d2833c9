package document

import (
	"fmt"
	"strings"
	"testing"
)

// parseOne parses text of one document.
func parseOne(t *testing.T, text string) *Document {
	t.Helper()
	docs, err := Parse([]byte(text))
	if err != nil {
		t.Fatalf("Parse: %v", err)
	}
	if len(docs) != 1 {
		t.Fatalf("%d documents, want 1", len(docs))
	}
	return &docs[0]
}

// stringAt is the string value at path in the document's JSON.
func stringAt(t *testing.T, d *Document, path []any) string {
	t.Helper()
	value := decoded(t, d.JSON)
	for _, step := range path {
		switch step := step.(type) {
		case string:
			value = value.(map[string]any)[step]
		case int:
			value = value.([]any)[step]
		}
	}
	s, ok := value.(string)
	if !ok {
		t.Fatalf("value at %v is %v, want a string", path, value)
	}
	return s
}

// TestPositionOfMarkers puts marker characters into values of every style; each
// must be found where it stands in the text.
func TestPositionOfMarkers(t *testing.T) {
	tests := []struct {
		name, text string
		path       []any
	}{
		{"plain", "key: §a b ¶c†\n", []any{"key"}},
		{"plain, one character", "key: §", []any{"key"}},
		{"plain, indented by a tab", "key:\t§a¶", []any{"key"}},
		{"plain, over lines", "key: §one\n  ¶two\n  three†\nnext: x\n", []any{"key"}},
		{"plain, with blank lines", "key: §one  \n\n  \n \t ¶two\n  three†\n", []any{"key"}},
		{"plain, root", "§one\n¶two\n", nil},
		{"plain, behind a comment", "key: # comment\n  §one ¶two # comment\n", []any{"key"}},
		{"plain in flow", "key: [ §a , {b: c¶\n d, e: f}, g\n  h† ]\n", []any{"key", 0}},
		{"plain in flow, over lines", "key: [ a, {b: §c\n d¶, e: f} ]\n", []any{"key", 1, "b"}},
		{"plain in CRLF", "a: b\r\nkey: §one\r\n\r\n  ¶two\r\nnext: x\r\n", []any{"key"}},
		{"multi-byte before it", "漢é😀: 漢😀§é¶\n", []any{"漢é😀"}},
		{"single quotes", "key: '§it''s ''¶'' †'\n", []any{"key"}},
		{"single quotes, over lines", "key: '§one  \n\n\n   ¶two''\n   †'\n", []any{"key"}},
		{"double quotes", `key: "§a\tb\\\"\x41\u00e9\U0001F600¶\0†"`, []any{"key"}},
		{"double quotes, every escape", `key: "§\0\a\b\t\n\v\f\r\e\ \"\'\\\N\_\L\P¶` + "\\\t†\"", []any{"key"}},
		{"double quotes, over lines", "key: \"§one \t\n\n  \t\n  ¶two\n  †\"\n", []any{"key"}},
		{"double quotes, line continued", "key: \"§one \\\n     ¶two\\\n\n  \\  †\"\n", []any{"key"}},
		{"double quotes in CRLF", "key: \"§one\\\r\n  two\r\n\r\n  ¶three\r\n  †\"\r\n", []any{"key"}},
		{"double quotes in flow", "{key: [\"a\", \"§b\\n¶\"]}", []any{"key", 1}},
		{"literal", "key: |\n  §one\n  ¶two\n  three†\nnext: x\n", []any{"key"}},
		{"literal, more indented lines", "key: |\n  §one\n    ¶two\n\n   three†\n", []any{"key"}},
		{"literal, blank lines first", "key: |\n\n  \n  §one\n\n\n  ¶two\n", []any{"key"}},
		{"literal, stripped", "key: |-\n  §one\n  ¶two\n\n\n", []any{"key"}},
		{"literal, kept", "key: |+\n  §one\n  ¶two\n\n\nnext: x\n", []any{"key"}},
		{"literal, indentation given", "a:\n  key: |2\n      §one\n     ¶two\n    three†\n", []any{"a", "key"}},
		{"literal, both indicators", "key: |1-\n   §one\n ¶two\n", []any{"key"}},
		{"literal, both the other way", "key: |-1\n   §one\n ¶two\n", []any{"key"}},
		{"literal, with a comment", "key: | # comment\n  §one\n  # ¶two\n", []any{"key"}},
		{"literal, root", "--- # comment\n|\n  §one\n  ¶two\n", nil},
		{"literal in a sequence", "key:\n- |\n  §one\n- |\n ¶two\n", []any{"key", 0}},
		{"literal with tabs", "key: |2\n  \t§one\n  two\t¶\n", []any{"key"}},
		{"literal in CRLF", "key: |\r\n  §one\r\n\r\n  ¶two\r\nnext: x\r\n", []any{"key"}},
		{"literal, no line break at the end", "key: |\n  §one\n  ¶two", []any{"key"}},
		{"literal in the last blank", "key: |+\n  §one\n  ¶two\n  ", []any{"key"}},
		{"literal as a key", "? |\n  key\n: |\n  §one ¶\n", []any{"key\n"}},
		{"folded", "key: >\n  §one\n  ¶two\n  three†\n", []any{"key"}},
		{"folded, paragraphs", "key: >\n  §one\n  two\n\n\n  ¶three\n  four†\n", []any{"key"}},
		{"folded, more indented lines", "key: >-\n  one\n  §two\n\n    ¶three\n      four\n\n  five†\n  six\n", []any{"key"}},
		{"folded, indentation given", "key: >2\n\n    §one\n  ¶two\n  three†\n", []any{"key"}},
		{"folded, lines that begin with a tab", "key: >\n  §one\n  \t¶two\n  three†\n", []any{"key"}},
		{"folded in CRLF", "key: >\r\n  §one\r\n  ¶two\r\n\r\n  †\r\n", []any{"key"}},
		{"separators of Unicode", "key: \"a\u2028\u2029 §b\u0085 ¶c\u2028\n†\"\n", []any{"key"}},
		{"separators of Unicode, plain", "key: a\u2028 §b\u0085\u0085 ¶c\n", []any{"key"}},
		{"separators of Unicode, folded", "key: >\n  a\u2028  §b\u0085  ¶c\n  †\n", []any{"key"}},
		{"carriage returns alone", "a: b\rkey: §one\r  ¶two\r", []any{"key"}},
		{"tag", "key: !!str §a¶\n", []any{"key"}},
		{"anchor", "key: &a §a¶\nb: *a\n", []any{"b"}},
		{"tag, anchor and lines", "key: !!str &a-_1 # comment\n\n  # comment\n  \"§a¶\"\n", []any{"key"}},
		{"anchor without space", "key: &a:§a¶\n", []any{"key"}},
		{"tag and block", "key: !!str |\n  §a\n  ¶b\n", []any{"key"}},
		{"custom tag", "key: ! '§a¶'\n", []any{"key"}},
		{"alias of an alias' sibling", "a: &x\n  k: \"\\t§\\t¶\"\nb: &y [*x]\nc: *y\n", []any{"c", 0, "k"}},
		{"merge", "a: &x {k: '§''¶'}\nb:\n  <<: *x\n  l: m\n", []any{"b", "k"}},
		{"merge overwritten by what follows", "a: &x {k: z}\nb:\n  <<: *x\n  k: '§''¶'\n", []any{"b", "k"}},
		{"merge overwrites what stands before", "a: &x {k: '§''¶'}\nb:\n  k: z\n  <<: *x\n", []any{"b", "k"}},
		{"the first of several merges", "a: &x {k: '§''¶'}\nb: &y {k: z}\nc: {<<: [*x, *y]}\n", []any{"c", "k"}},
		{"merge of merges", "a: &x {k: '§''¶'}\nb: &y {<<: *x}\nc: {<<: [{l: m}, *y]}\n", []any{"c", "k"}},
		{"number as key", "1: a\n2: '§''¶'\n", []any{"2"}},
		{"old boolean as key", "off: a\non: '§''¶'\n", []any{"true"}},
		{"alias as key", "a: &k key\n*k : '§''¶'\n", []any{"key"}},
		{"JSON", `{"key": ["§a\"\\\/\b\f\n\r\t\u00e9¶", "x"], "n": 1.5e3}`, []any{"key", 0}},
		{"JSON, surrogate pair", `{"key": "§\uD83D\uDE00¶\ud83d†"}`, []any{"key"}},
		{"JSON over lines", "\r\n{\r\n  \"k\\u0065y\" : [ true, null, -1,\r\n\t\"§漢¶\" ]\r\n}\r\n", []any{"key", 3}},
		{"JSON behind a byte order mark", "\uFEFF{\"key\": \"§\\t¶\"}", []any{"key"}},
		{"YAML behind a byte order mark", "\uFEFFkey: '§''¶'", []any{"key"}},
		{"JSON with YAML's braces", "{'key': '§''¶'}\n", []any{"key"}},
		{"deep", "items:\n- spec:\n    template:\n      metadata:\n        annotations:\n          a.b/c: |-\n            [{\"§\": \"¶\"}]\n",
			[]any{"items", 0, "spec", "template", "metadata", "annotations", "a.b/c"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d := parseOne(t, test.text)
			value := stringAt(t, d, test.path)
			markers := 0
			for _, marker := range []string{"§", "¶", "†"} {
				if strings.Count(test.text, marker) != 1 || strings.Count(value, marker) != 1 {
					continue
				}
				markers++
				offset := strings.Index(value, marker)
				want := positionOf(test.text, marker)
				for within := range len(marker) {
					if got := d.Position(offset+within, test.path...); got != want {
						t.Errorf("%s, offset %d of %q, is at %v, want %v", marker, offset+within, value, got, want)
					}
				}
			}
			if markers == 0 {
				t.Fatalf("no marker in %q", value)
			}
		})
	}
}

// TestPosition gives the places that no marker can show.
func TestPosition(t *testing.T) {
	const text = `# comment
apiVersion: v1
"empty": ''
metadata: &m
  annotations:
    a: "1\t2"
    b: |
      one

      two
    c:
    d: >-
      one
      two
  sequence:
  - x: 1
  -
  - [p, q]
  - - r
number: 5
again: *m
folded: "a
  b\
  "
blank: |2+

`
	tests := []struct {
		name   string
		offset int
		path   []any
		want   string
	}{
		{"root", 0, nil, "2:1"},
		{"root, any offset", 99, nil, "2:1"},
		{"plain", 0, []any{"apiVersion"}, "2:13"},
		{"behind the end", 2, []any{"apiVersion"}, "2:15"},
		{"far behind the end", 1 << 40, []any{"apiVersion"}, "2:15"},
		{"before the beginning", -1, []any{"apiVersion"}, "2:13"},
		{"empty string", 0, []any{"empty"}, "3:11"},
		{"mapping", 0, []any{"metadata"}, "4:1"},
		{"mapping within", 3, []any{"metadata", "annotations"}, "5:3"},
		{"escape", 1, []any{"metadata", "annotations", "a"}, "6:10"},
		{"behind an escape", 2, []any{"metadata", "annotations", "a"}, "6:12"},
		{"closing quote", 3, []any{"metadata", "annotations", "a"}, "6:13"},
		{"line break in a block", 3, []any{"metadata", "annotations", "b"}, "8:10"},
		{"blank line in a block", 4, []any{"metadata", "annotations", "b"}, "9:1"},
		{"behind a blank line", 5, []any{"metadata", "annotations", "b"}, "10:7"},
		{"last line break of a block", 8, []any{"metadata", "annotations", "b"}, "10:10"},
		{"behind a block", 9, []any{"metadata", "annotations", "b"}, "10:10"},
		{"nothing written", 0, []any{"metadata", "annotations", "c"}, "11:5"},
		{"folded line break", 3, []any{"metadata", "annotations", "d"}, "13:10"},
		{"behind a folded block", 7, []any{"metadata", "annotations", "d"}, "14:10"},
		{"sequence", 0, []any{"metadata", "sequence"}, "15:3"},
		{"mapping in a sequence", 0, []any{"metadata", "sequence", 0}, "16:5"},
		{"number", 0, []any{"metadata", "sequence", 0, "x"}, "16:8"},
		{"flow sequence in a sequence", 0, []any{"metadata", "sequence", 2}, "18:5"},
		{"in a flow sequence", 0, []any{"metadata", "sequence", 2, 1}, "18:9"},
		{"block sequence in a sequence", 0, []any{"metadata", "sequence", 3}, "19:5"},
		{"number at the root", 0, []any{"number"}, "20:9"},
		{"alias of a mapping", 0, []any{"again"}, "21:1"},
		{"through an alias", 0, []any{"again", "annotations"}, "5:3"},
		{"folded in quotes", 1, []any{"folded"}, "22:11"},
		{"closing quote behind a continued line", 3, []any{"folded"}, "24:3"},
		{"block of nothing but line breaks", 0, []any{"blank"}, "25:8"},
		{"no such key", 0, []any{"metadata", "annotations", "z"}, "5:3"},
		{"no such key at the root", 0, []any{"z"}, "2:1"},
		{"no such index", 0, []any{"metadata", "sequence", 9}, "15:3"},
		{"negative index", 0, []any{"metadata", "sequence", -1}, "15:3"},
		{"no such key in a sequence's mapping", 0, []any{"metadata", "sequence", 0, "z", "y"}, "16:5"},
		{"key in a sequence", 0, []any{"metadata", "sequence", "x"}, "15:3"},
		{"index in a mapping", 0, []any{"metadata", 0}, "4:1"},
		{"key in a string", 0, []any{"apiVersion", "x"}, "2:1"},
		{"neither key nor index", 0, []any{"metadata", 1.5}, "4:1"},
	}
	d := parseOne(t, text)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			at := d.Position(test.offset, test.path...)
			if got := fmt.Sprintf("%d:%d", at.Line, at.Column); got != test.want {
				t.Errorf("Position(%d, %v) = %s, want %s", test.offset, test.path, got, test.want)
			}
		})
	}
}

func TestKeyPosition(t *testing.T) {
	d := parseOne(t, "a:\n  'b': x\n  list:\n  - c: y\n  - z\nm: &m {k: v}\nmerged:\n  <<: *m\n")
	tests := []struct {
		path []any
		want Position
	}{
		{nil, Position{1, 1}},
		{[]any{"a"}, Position{1, 1}},
		{[]any{"a", "b"}, Position{2, 3}},
		{[]any{"a", "list", 0}, Position{4, 5}},
		{[]any{"a", "list", 0, "c"}, Position{4, 5}},
		{[]any{"a", "list", 1}, Position{5, 5}},
		{[]any{"a", "none"}, Position{1, 1}},
		{[]any{"merged", "k"}, Position{6, 8}},
	}
	for _, test := range tests {
		if got := d.KeyPosition(test.path...); got != test.want {
			t.Errorf("KeyPosition(%v) = %v, want %v", test.path, got, test.want)
		}
	}
}

// TestPositionAdvances holds the fallback back: were a scalar's second
// decoding wrong, every offset would lead to its beginning.
func TestPositionAdvances(t *testing.T) {
	for _, text := range []string{"k: abc", "k: 'abc'", `k: "abc"`, "k: |\n  abc", "k: >\n  abc", `{"k":"abc"}`} {
		d := parseOne(t, text)
		first, second := d.Position(0, "k"), d.Position(1, "k")
		if second != (Position{first.Line, first.Column + 1}) {
			t.Errorf("%q: characters at %v and %v", text, first, second)
		}
	}
}
