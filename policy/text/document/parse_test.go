package document

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	tests := []struct {
		name, text string
		want       []string // Line and JSON of each document
	}{
		{"nothing", "", nil},
		{"space and comments", " \n# comment\n---\n\n---\n# more\n", nil},
		{"null", "null\n---\n~\n---\n\n", nil},
		{"one", "a: b\n", []string{`1 {"a":"b"}`}},
		{"two", "# first\na: b\n---\n\n# second\nc: d\n", []string{`2 {"a":"b"}`, `6 {"c":"d"}`}},
		{"separator at both ends", "---\na: b\n---\n", []string{`2 {"a":"b"}`}},
		{"separator with a comment", "a: b\n--- # next\nc: d\n", []string{`1 {"a":"b"}`, `3 {"c":"d"}`}},
		{"empty documents are not counted", "a: b\n---\n# nothing\n---\nc: d\n", []string{`1 {"a":"b"}`, `5 {"c":"d"}`}},
		{"end of a document", "a: b\n...\n# comment\n", []string{`1 {"a":"b"}`}},
		{"CRLF", "a: |\r\n  b\r\n---\r\nc: d\r\n", []string{`1 {"a":"b\n"}`, `4 {"c":"d"}`}},
		{"no line break at the end", "a: |\n  b", []string{`1 {"a":"b\n"}`}},
		{"byte order mark", "\uFEFFa: b\n", []string{`1 {"a":"b"}`}},
		{"byte order mark before JSON", "\uFEFF{\"a\":\"b\"}{}", []string{`1 {"a":"b"}`, `1 {}`}},
		{"values of YAML 1.1", "a: [yes, off, 0o7, 0x10, 1_000, 1.0, 2001-01-01, ~, 1e3, '1']\n",
			[]string{`1 {"a":[true,false,7,16,1000,1,"2001-01-01",null,1000,"1"]}`}},
		{"keys that are no strings", "1: a\nyes: b\n1.50: c\n!!str 2: d\n0x10: e\n",
			[]string{`1 {"1":"a","1.5":"c","16":"e","2":"d","true":"b"}`}},
		{"whole numbers stay whole", "a: 9007199254740993\n", []string{`1 {"a":9007199254740993}`}},
		{"merge", "a: &a {b: c}\nd: {<<: *a, e: f}\n", []string{`1 {"a":{"b":"c"},"d":{"b":"c","e":"f"}}`}},
		{"several merges in one mapping", "a: &a {b: c}\nd:\n  <<: *a\n  <<: {g: h}\n", []string{`1 {"a":{"b":"c"},"d":{"b":"c","g":"h"}}`}},
		{"quoted merge key", "a: {'<<': b}\n", []string{`1 {"a":{"\u003c\u003c":"b"}}`}},
		{"JSON as it stands", "{\"a\" : 1.0e1}\n", []string{`1 {"a" : 1.0e1}`}},
		{"JSON in a row", "\n{\"a\":1}{}\n[2] \"x\" null\n{\"b\":3}\n", []string{`2 {"a":1}`, `2 {}`, `3 [2]`, `3 "x"`, `4 {"b":3}`}},
		{"JSON, then YAML", "{\"a\":1}\n---\nb: yes\n---\n{\"c\": 1.0}\n", []string{`1 {"a":1}`, `3 {"b":true}`, `5 {"c":1}`}},
		{"YAML in braces", "{a: b,}\n---\n{c: d}\n", []string{`1 {"a":"b"}`, `3 {"c":"d"}`}},
		{"a list", "- a\n- b\n", []string{`1 ["a","b"]`}},
		{"text", "hello\n", []string{`1 "hello"`}},
		{"tabs where they are allowed", "a:\tb\t# c\n\nd: [\te\t]\n", []string{`1 {"a":"b","d":["e"]}`}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			docs, err := Parse([]byte(test.text))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for i, d := range docs {
				if d.Index != i {
					t.Errorf("document %d has Index %d", i, d.Index)
				}
				got = append(got, fmt.Sprintf("%d %s", d.Line, d.JSON))
			}
			if strings.Join(got, "\n") != strings.Join(test.want, "\n") {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
			reads, err := kubectlReads([]byte(strings.TrimPrefix(test.text, bom)))
			if err != nil || len(reads) != len(docs) {
				t.Fatalf("kubectl reads %d documents, error %v", len(reads), err)
			}
			for i := range reads {
				if reads[i] != string(docs[i].JSON) {
					t.Errorf("document %d: kubectl reads %s", i, reads[i])
				}
			}
		})
	}
}

func TestParseErrors(t *testing.T) {
	aliases := "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
	for name := 'b'; name < 'i'; name++ {
		aliases += fmt.Sprintf("%c: &%c [%s]\n", name, name, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*%c, ", name-1), 10), ", "))
	}
	tests := []struct {
		name, text string
		line       int
		column     int
		document   int
		problem    string // a part of it
	}{
		{"colon in a value", "a: b\nc: d: e\n", 2, 1, 0, "a colon makes no key"},
		{"first line", "a: b: c\n", 1, 1, 0, "a colon makes no key"},
		{"indentation", "metadata:\n  name: x\n   bad: y\n", 3, 4, 0, "a colon makes no key"},
		{"dedent to nowhere", "a:\n    b: c\n  d: e\n", 3, 3, 0, "does not fit into the mapping"},
		{"item in a mapping", "a: b\n- c\n", 2, 1, 0, "does not fit into the mapping"},
		{"key in a sequence", "- a\nb: c\n", 2, 1, 0, "does not fit into the sequence"},
		{"missing colon", "a: b\nc\nd: e\n", 3, 1, 0, "a colon is missing"},
		{"action of a template", "{{- if .Values.a }}\na: b\n{{- end }}\n", 1, 1, 0, "is of a template"},
		{"action behind a document", "a: b\n---\na: b\n{{- with .c }}\nd: e\n{{- end }}\n", 4, 1, 1, "is of a template"},
		{"actions far from the error", "a: |\n  {{ b }}\nc: d\ne: f\ng: h\ni: j\n- k\n", 7, 1, 0, "does not fit into the mapping"},
		{"tab as indentation", "a:\n \tb: c\n", 2, 2, 0, "a tab indents"},
		{"reserved character", "a: b\nc: @d\n", 2, 1, 0, "needs quotes"},
		{"open quote", "x: y\na: \"b\nc: d\ne: f\n", 2, 1, 0, "is never closed"},
		{"open bracket", "x: y\na: [b,\n c\n", 3, 2, 0, "comma or ]"},
		{"open brace", "x: y\na: {b: c,\n d: e\nf: g\n", 4, 1, 0, "comma or }"},
		{"a backslash in double quotes", "x: y\na: \"\\z\"\n", 2, 1, 0, "a backslash in double quotes"},
		{"third document", "a: b\n---\n# nothing\n---\n  c: d: e\n", 5, 3, 1, "a colon makes no key"},
		{"unknown anchor", "a: &xy b*x\nc: [*xy, *x]\n", 2, 10, 0, "no anchor &x is defined before"},
		{"unknown anchor, asterisk meant as text", "hosts:\n- *\n", 2, 1, 0, "alias or an anchor"},
		{"alias of itself", "a: b\nc: &x [d, *x]\n", 2, 11, 0, "inside the value that it repeats"},
		{"aliases of aliases", aliases, 6, 20, 0, "aliases make the document"},
		{"alias of much", "a: &a " + strings.Repeat("x", 1<<19) + "\nb: [*a, *a, *a, *a]\n", 2, 17, 0, "aliases make the document"},
		{"duplicate key", "a: b\nmetadata:\n  name: x\n  'name': y\n", 4, 3, 0, `key "name" is given twice`},
		{"duplicate key in flow", "a: {b: c, d: e, b: f}\n", 1, 17, 0, `key "b" is given twice`},
		{"duplicate key once converted", "a: {yes: b, true: c}\n", 1, 13, 0, `key "true" is given twice`},
		{"number and string", "a: {1: b, '1': c}\n", 1, 11, 0, `key "1" is given twice`},
		{"duplicate key in JSON", "{\"a\": {\"b\": 1,\n \"\\u0062\": 2}}", 2, 2, 0, `key "b" is given twice`},
		{"duplicate key in the second JSON value", "{} {\"a\":1,\"a\":2}", 1, 11, 1, `key "a" is given twice`},
		{"null as key", "a:\n  ~: b\n", 2, 3, 0, "a mapping's key must be"},
		{"sequence as key", "a: b\n? [c]\n: d\n", 2, 3, 0, "a mapping's key must be"},
		{"mapping as key", "? {a: b}\n: c\n", 1, 3, 0, "a mapping's key must be"},
		{"alias of a sequence as key", "a: &x [b]\n*x : c\n", 2, 1, 0, "a mapping's key must be"},
		{"template", "a:\n  b: {{ .Values.b }}\n", 2, 7, 0, "a template, {{ }}, has to be filled in"},
		{"merge of a string", "a:\n  <<: b\n", 2, 7, 0, "a merge (<<) takes"},
		{"merge of strings", "a:\n  <<: [{b: c}, d]\n", 2, 7, 0, "a merge (<<) takes"},
		{"merge of an alias of a sequence", "a: &x [{b: c}]\nd: {<<: *x}\n", 2, 9, 0, "a merge (<<) takes"},
		{"not a number", "a: 1.5\nb: .nan\n", 2, 4, 0, "JSON has no such value"},
		{"infinite", "- -.Inf\n", 1, 3, 0, "JSON has no such value"},
		{"tag that does not fit", "a: !!str 1\nb: !!int x\n", 2, 4, 0, "JSON has no such value"},
		{"binary that is none", "b: !!binary \"*\"\n", 1, 4, 0, "JSON has no such value"},
		{"text behind a separator", "a: b\n---   c: d\n", 2, 7, 1, "only a comment may follow"},
		{"separator too long", "a: b\n----\n", 2, 4, 1, "only a comment may follow"},
		{"behind the end", "a: b\n...\n\nc: d\n", 4, 1, 0, "kubectl reads no further"},
		{"behind a flow mapping", "{a: b}\nc: d\n", 2, 1, 0, "kubectl reads no further"},
		{"directive", "%YAML 1.1\n---\na: b\n", 1, 1, 0, "directive"},
		{"control character", "a: b\nc: é\x01\n", 2, 5, 0, "U+0001"},
		{"NUL", "a\x00", 1, 2, 0, "U+0000"},
		{"DEL", "a: \x7f", 1, 4, 0, "U+007F"},
		{"no character", "a: \uFFFE", 1, 4, 0, "U+FFFE"},
		{"not UTF-8", "a: é\nb: é\xff\n", 2, 5, 0, "not UTF-8"},
		{"not UTF-8 in JSON", "{\"a\":\"\xc3\"}", 1, 7, 0, "not UTF-8"},
		{"UTF-16", "\xff\xfea\x00:\x00", 1, 1, 0, "UTF-16"},
		{"UTF-16, the other way", "\xfe\xff\x00a", 1, 1, 0, "UTF-16"},
		{"deep", strings.Repeat("[", 1001) + strings.Repeat("]", 1001), 1, 1001, 0, "nested deeper than 1000 levels"},
		{"deep by alias", "a: &x " + strings.Repeat("[", 600) + strings.Repeat("]", 600) + "\nb: " + strings.Repeat("[", 500) + "*x" + strings.Repeat("]", 500) + "\n", 2, 504, 0, "nested deeper than 1000 levels once"},
		{"deep JSON", strings.Repeat(`{"a":`, 1001) + "1" + strings.Repeat("}", 1001), 1, 5001, 0, "nested deeper than 1000 levels"},
		{"deeper than the parser goes", "a: b\n---\n" + strings.Repeat("[", 1<<20), 3, 1, 1, "exceeded max depth"},
		{"JSON, trailing comma", "{\n  \"a\": [1,\n  ]\n: }\n", 3, 3, 0, "not JSON: invalid character ']'"},
		{"JSON, cut off", "{\"a\": {\n  \"b\": \"c\"\n", 2, 11, 0, "not JSON: the text ends"},
		{"JSON, quote missing", "{\"a\": b\n\"c\": 1}", 1, 7, 0, "not JSON: invalid character 'b'"},
		{"third JSON value", "{} {} {\"a\" 1}", 1, 12, 2, "not JSON: invalid character '1'"},
		{"garbage behind JSON values", "{} {}\n]", 2, 1, 2, "not JSON"},
		{"garbage behind null", "{} null\n\na: b", 3, 1, 1, "not JSON"},
		{"YAML in braces", "{a: [b}", 1, 1, 0, "comma or ]"},
		{"YAML behind JSON", "{\"a\":1}\n---\nb: c: d\n", 3, 1, 1, "a colon makes no key"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			docs, err := Parse([]byte(test.text))
			var syntax *SyntaxError
			if !errors.As(err, &syntax) {
				t.Fatalf("Parse returned %d documents and %v, want a SyntaxError", len(docs), err)
			}
			if docs != nil {
				t.Errorf("%d documents beside an error", len(docs))
			}
			if syntax.Line != test.line || syntax.Column != test.column || syntax.Document != test.document {
				t.Errorf("line %d, column %d, document %d, want %d, %d, %d", syntax.Line, syntax.Column, syntax.Document, test.line, test.column, test.document)
			}
			if !strings.Contains(syntax.Problem, test.problem) || strings.Contains(syntax.Problem, "\n") {
				t.Errorf("problem %q, want %q in one line", syntax.Problem, test.problem)
			}
			if want := fmt.Sprintf("line %d, column %d: %s", syntax.Line, syntax.Column, syntax.Problem); err.Error() != want {
				t.Errorf("error %q, want %q", err, want)
			}
		})
	}
}

// TestParseKeepsNothing holds that a caller may use its bytes again.
func TestParseKeepsNothing(t *testing.T) {
	for _, text := range []string{"a: 'b''c'\n", "{\"a\": \"b\\tc\"}"} {
		data := []byte(text)
		docs, err := Parse(data)
		if err != nil {
			t.Fatal(err)
		}
		before, at := string(docs[0].JSON), docs[0].Position(2, "a")
		for i := range data {
			data[i] = '#'
		}
		if after, now := string(docs[0].JSON), docs[0].Position(2, "a"); after != before || now != at {
			t.Errorf("%q: was %s with %v, now %s with %v", text, before, at, after, now)
		}
	}
}

// fileOfOneMegabyte is a List of pods as kubectl get writes it.
func fileOfOneMegabyte() []byte {
	var b strings.Builder
	b.WriteString("apiVersion: v1\nkind: List\nitems:\n")
	for i := 0; b.Len() < 1<<20; i++ {
		fmt.Fprintf(&b, `- apiVersion: v1
  kind: Pod
  metadata:
    name: pod-%d
    labels: {app: web, "tier": 'front'}
    annotations:
      k8s.v1.cni.cncf.io/networks: |-
        [{"name": "macvlan-%d",
          "namespace": "kube-system"}]
      note: "quoted \"text\" with escapes, and
        a second line"
  spec:
    containers:
    - name: main # the only one
      image: registry.local/web:1.2.3
      ports:
      - containerPort: 8080
`, i, i)
	}
	return []byte(b.String())
}

func BenchmarkParse(b *testing.B) {
	data := fileOfOneMegabyte()
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := Parse(data); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPosition(b *testing.B) {
	docs, err := Parse(fileOfOneMegabyte())
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		docs[0].Position(20, "items", 2000, "metadata", "annotations", "k8s.v1.cni.cncf.io/networks")
	}
}
