package document

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/runtime"
	kubeyaml "k8s.io/apimachinery/pkg/util/yaml"
)

// kubectlReads is what kubectl makes of a file: the code its resource builder
// runs (k8s.io/cli-runtime/pkg/resource, StreamVisitor), without the objects.
func kubectlReads(data []byte) ([]string, error) {
	var values []string
	decoder := kubeyaml.NewYAMLOrJSONDecoder(bytes.NewReader(data), 4096)
	for {
		var raw runtime.RawExtension
		if err := decoder.Decode(&raw); err == io.EOF {
			return values, nil
		} else if err != nil {
			return nil, err
		}
		value := bytes.TrimSpace(raw.Raw)
		if len(value) != 0 && string(value) != "null" {
			values = append(values, string(value))
		}
	}
}

// seeds are files of every style and of most kinds of malice.
var seeds = []string{
	"",
	"# nothing\n---\n---\n",
	"a: §b\n",
	"a: 'it''s §'\n",
	"a: \"\\t§\\u00e9\\x41\\U0001F600\"\n",
	"a: \"one\n  two\n\n  §three \\\n  four\"\n",
	"a: one\n  two\n\n  §three\n",
	"a: |\n  one\n    two\n\n  §three\n",
	"a: |2-\n    one\n  §two\nb: 1\n",
	"- |+\n  §\n\n- >-\n  one\n  two\n\n  §three\n   four\n  five\n",
	"a: >2\n\n    x\n  y\n  z§\n",
	"a: |\r\n  one\r\n  §two\r\n",
	"\uFEFFa: §\n---\n\uFEFFb: c\n",
	"base: &b\n  k: §\nmore:\n  <<: *b\n  l: m\nlist:\n- <<: [*b, {n: o}]\n",
	"{a: [1, 'x', \"§\"], b: {c: d}}\n",
	`{"a":"\uD83D\uDE00§\/"}{"b":[1,2.50,"x"]}` + "\n",
	"{\"a\":1}\n---\n{\"b\":\"§\"}\n",
	"a: !!str 5\nb: &x !foo |\n  §\nc: *x\n",
	"yes: 1\n\"no\": 2\n3: 4\n5.5: 6\n~: x\n",
	"a: b\n...\nc: d\n",
	"a:\n\t- b\n",
	"a: [*x, *y]\n",
	"a: &a [*a]\n",
	"? [x]\n: y\n",
	"---#\n---# §\na: b\n",
	"\n#\n\t\t#\n",
	"&anchor:§\n",
	"|+\n §\n ",
	"0\r\r\n0",
	"? |\n  key\n: §\n",
	"a: .nan\nb: !!int x\n",
	"a: \u2028§\u0085 b\n\u2029 c\n",
	"a: b: c\n",
	"--- a\n",
	"%YAML 1.1\n---\na: b\n",
	"[[[[[[[[\n",
	"a\x00b: \x01\n",
	"a: \xff\n",
	"\xff\xfea\x00",
}

func FuzzPosition(f *testing.F) {
	for _, seed := range seeds {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		docs, err := Parse(data)
		if err != nil {
			var syntax *SyntaxError
			if !errors.As(err, &syntax) {
				t.Fatalf("error is a %T", err)
			}
			checkInside(t, data, Position{syntax.Line, syntax.Column})
			if syntax.Problem == "" || strings.ContainsAny(syntax.Problem, "\n\r\x00") {
				t.Fatalf("problem %q", syntax.Problem)
			}
			return
		}
		want, err := kubectlReads(data)
		if err != nil {
			if bytes.HasPrefix(data, []byte(bom)) {
				return // accepted before JSON as well, unlike by kubectl
			}
			// kubectl cannot change from JSON to YAML in a file's last three bytes.
			if _, err := kubectlReads(append(bytes.Clone(data), "\n\n\n\n"...)); err == nil {
				return
			}
			t.Fatalf("kubectl refuses this: %v", err)
		}
		if len(docs) != len(want) {
			t.Fatalf("%d documents, kubectl reads %d", len(docs), len(want))
		}
		for i := range docs {
			d := &docs[i]
			if string(d.JSON) != strings.ReplaceAll(want[i], "\r\n", "\n") {
				t.Fatalf("document %d is %s, kubectl reads %s", i, d.JSON, want[i])
			}
			if d.Index != i || d.Line != d.source.position(d.root.at).Line {
				t.Fatalf("document %d has Index %d and Line %d", i, d.Index, d.Line)
			}
			value := decoded(t, d.JSON)
			checkPositions(t, data, d, value)
		}
	})
}

func decoded(t *testing.T, data []byte) any {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		t.Fatalf("JSON %s: %v", data, err)
	}
	return value
}

// checkPositions walks through a value and checks the position of everything
// in it.
func checkPositions(t *testing.T, data []byte, d *Document, value any, path ...any) {
	t.Helper()
	checkInside(t, data, d.Position(0, path...))
	checkInside(t, data, d.KeyPosition(path...))
	checkInside(t, data, d.Position(3, append(path[:len(path):len(path)], "no such key", 7)...))
	switch value := value.(type) {
	case map[string]any:
		for key, member := range value {
			checkPositions(t, data, d, member, append(path[:len(path):len(path)], key)...)
		}
	case []any:
		for i, member := range value {
			checkPositions(t, data, d, member, append(path[:len(path):len(path)], i)...)
		}
	case string:
		checkString(t, data, d, value, path)
	}
}

// checkString checks that every character of a string stands where Position
// says: as itself, as an escape, or as the line break it was folded from; and
// that a marker character that stands once in the file is the one pointed at.
func checkString(t *testing.T, data []byte, d *Document, value string, path []any) {
	t.Helper()
	n, _, complete := d.root.find(path)
	if !complete {
		t.Fatalf("path %v not found", path)
	}
	if n.text != value || strings.Trim(value, " \n\u2028\u2029") == "" {
		return // !!binary; or nothing but space, where the answer is the beginning
	}
	last := Position{}
	checked := 0
	for offset, r := range value {
		// Each position decodes the string again: long ones are sampled.
		if offset < checked && r != '§' {
			continue
		}
		checked = offset + 1 + len(value)/200
		at := d.Position(offset, path...)
		checkInside(t, data, at)
		if at.Line < last.Line || at.Line == last.Line && at.Column < last.Column {
			t.Fatalf("%v of %q: offset %d is at %v, before %v", path, value, offset, at, last)
		}
		last = at
		rest := string(data[byteOffset(data, at):])
		isBreak := rest == "" || strings.ContainsAny(rest[:1], "\n\r\\") ||
			strings.HasPrefix(rest, "\u0085") || strings.HasPrefix(rest, "\u2028") || strings.HasPrefix(rest, "\u2029")
		switch {
		case r == '\uFEFF': // takes no column where it begins a line
		case strings.HasPrefix(rest, string(r)), strings.HasPrefix(rest, `\`):
		case (r == ' ' || r == '\n') && isBreak:
		default:
			t.Fatalf("%v of %q: offset %d (%q) is at %v, where %q stands", path, value, offset, r, at, rest[:min(len(rest), 20)])
		}
		if r == '§' && strings.Count(value, "§") == 1 && bytes.Count(data, []byte("§")) == 1 && !bytes.Contains(data, []byte(`\`)) {
			if want := positionOf(string(data), "§"); at != want {
				t.Fatalf("%v of %q: § is at %v, want %v", path, value, at, want)
			}
		}
	}
}

// positionOf finds marker in text by counting, independently of the package.
func positionOf(text, marker string) Position {
	before, _, _ := strings.Cut(text, marker)
	line := strings.Count(before, "\n") + 1
	before = before[strings.LastIndex(before, "\n")+1:]
	return Position{line, utf8.RuneCountInString(strings.TrimPrefix(before, bom)) + 1}
}

// byteOffset goes back from a position to the offset in data.
func byteOffset(data []byte, at Position) int {
	offset := 0
	for line := 1; line < at.Line; line++ {
		offset += bytes.IndexByte(data[offset:], '\n') + 1
	}
	offset += len(data[offset:]) - len(bytes.TrimPrefix(data[offset:], []byte(bom)))
	for column := 1; column < at.Column; column++ {
		_, size := utf8.DecodeRune(data[offset:])
		offset += size
	}
	return offset
}

// checkInside checks that a position is in the file, or just behind the end of
// one of its lines.
func checkInside(t *testing.T, data []byte, at Position) {
	t.Helper()
	lines := bytes.Split(data, []byte("\n"))
	if at.Line < 1 || at.Line > len(lines) || at.Column < 1 || at.Column > utf8.RuneCount(lines[at.Line-1])+1 {
		t.Fatalf("position %v is outside of the file", at)
	}
}

// FuzzWritten writes a string in every style that YAML can write it in, and
// checks where its characters are found.
func FuzzWritten(f *testing.F) {
	for _, value := range []string{
		"§", "a b", " lead", "trail ", "one\ntwo\n", "one\n\n\ntwo", "\n\nx", "x\n\n", "  a\n b\nc",
		"tab\there", "it's", `back\slash "quote"`, "é漢😀", "\u0085\u2028\u2029", "nul\x00", "a: b", "# c", "\ta\n\tb",
		strings.Repeat("word ", 40), strings.Repeat("word ", 40) + "\n" + strings.Repeat("é ", 100),
	} {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		for _, style := range []yaml.Style{0, yaml.SingleQuotedStyle, yaml.DoubleQuotedStyle, yaml.LiteralStyle, yaml.FoldedStyle} {
			for _, flow := range []yaml.Style{0, yaml.FlowStyle} {
				node := &yaml.Node{Kind: yaml.MappingNode, Style: flow, Content: []*yaml.Node{
					{Kind: yaml.ScalarNode, Value: "key"}, {Kind: yaml.SequenceNode, Style: flow, Content: []*yaml.Node{
						{Kind: yaml.ScalarNode, Tag: "!!str", Value: value, Style: style},
						{Kind: yaml.ScalarNode, Value: "next"},
					}},
				}}
				text, err := yaml.Marshal(node)
				if err != nil {
					continue
				}
				docs, err := Parse(text)
				if err != nil || len(docs) != 1 {
					continue // what the encoder writes is not always YAML
				}
				checkPositions(t, text, &docs[0], decoded(t, docs[0].JSON))
			}
		}
	})
}
