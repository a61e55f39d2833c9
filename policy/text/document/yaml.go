package document

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	yamlv2 "go.yaml.in/yaml/v2"
	"go.yaml.in/yaml/v3"
	sigsyaml "sigs.k8s.io/yaml"

	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
)

// maxGrowth is by how many bytes aliases may make a document longer than its
// text. An object of more than 1.5 MiB does not fit into etcd, so no honest file
// needs more; without a limit some kilobytes of aliases of aliases stand for
// gigabytes.
const maxGrowth = 1 << 20

// parseChunk takes the YAML document between two separators, if there is one.
//
// It is read twice: for the values by the decoder that kubectl uses, for the
// positions by its successor, whose scanner is the same but keeps the marks.
func (p *parser) parseChunk(begin, end int) (err error) {
	defer func() {
		// Both parsers are made to return errors; what gets past that must not
		// end the process that reads somebody's file.
		if broken := recover(); broken != nil {
			err = p.failLine(begin, "the YAML parser cannot cope with this document: "+quote.Value(fmt.Sprint(broken)))
		}
	}()
	text := []byte(p.source.text[begin:end])
	chunk := &yamlChunk{parser: p, begin: begin, end: end}

	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var document, more yaml.Node
	if err := decoder.Decode(&document); err != nil {
		// Decoding into nothing makes the other parser read the document
		// without following an alias.
		var typed *yamlv2.TypeError
		if same := yamlv2.Unmarshal(text, &struct{}{}); same != nil && !errors.As(same, &typed) {
			return chunk.syntaxError(same, err)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		return chunk.syntaxError(err, err)
	}
	if err := decoder.Decode(&more); err == nil {
		at := newCursor(p.source.text, begin).seek(more.Line, more.Column)
		return p.fail(at, textBehind)
	} else if !errors.Is(err, io.EOF) {
		return chunk.syntaxErrorSaying(err, textBehind)
	}

	tree := &yamlTree{
		cursor:  newCursor(p.source.text, begin),
		limit:   end - begin + maxGrowth,
		anchors: map[*yaml.Node]*node{},
	}
	root, err := tree.value(document.Content[0], 1)
	if err != nil {
		return p.fail(tree.failedAt, err.Error())
	}
	value, err := sigsyaml.YAMLToJSON(text)
	if err != nil {
		return chunk.conversionError(err, &document)
	}
	p.add(root, value)
	return nil
}

// yamlTree makes nodes of the YAML parser's.
type yamlTree struct {
	cursor   *cursor
	limit    int
	anchors  map[*yaml.Node]*node // nil while the anchored value is being made
	failedAt int                  // the byte offset that an error is about
}

func (t *yamlTree) fail(at int, problem string, args ...any) error {
	t.failedAt = at
	return fmt.Errorf(problem, args...)
}

func (t *yamlTree) value(from *yaml.Node, depth int) (*node, error) {
	at := t.cursor.seek(from.Line, from.Column)
	if depth > maxDepth {
		return nil, t.fail(at, "nested deeper than %d levels", maxDepth)
	}
	if from.Kind == yaml.AliasNode {
		n := t.anchors[from.Alias]
		switch {
		case n == nil:
			return nil, t.fail(at, "the alias %s is inside the value that it repeats", quote.Value("*"+from.Value))
		case depth+n.height > maxDepth:
			return nil, t.fail(at, "nested deeper than %d levels once the alias is replaced", maxDepth)
		}
		return n, nil
	}
	if from.Anchor != "" {
		t.anchors[from] = nil
	}
	n := &node{at: at, height: 1}
	var err error
	switch from.Kind {
	case yaml.MappingNode:
		n.kind = mapping
		err = t.mapping(n, from.Content, depth)
	case yaml.SequenceNode:
		n.kind = sequence
		for _, item := range from.Content {
			var child *node
			if child, err = t.value(item, depth+1); err != nil {
				break
			}
			n.items = append(n.items, child)
			if err = t.grow(n, child, item); err != nil {
				break
			}
		}
	default:
		n.style = styleOf(from.Style)
		n.text = from.Value
		n.absent = n.style == plain && n.text == ""
		n.size = len(n.text) + 1
	}
	if err != nil {
		return nil, err
	}
	if from.Anchor != "" {
		t.anchors[from] = n
	}
	return n, nil
}

// grow adds a child to the size and height of n.
func (t *yamlTree) grow(n, child *node, from *yaml.Node) error {
	n.size += child.size + 1
	n.height = max(n.height, child.height+1)
	if n.size > t.limit {
		at := t.cursor.seek(from.Line, from.Column)
		return t.fail(at, "aliases make the document more than %d bytes longer than its text", maxGrowth)
	}
	return nil
}

func (t *yamlTree) mapping(n *node, content []*yaml.Node, depth int) error {
	names := make(map[string]bool, len(content)/2)
	for i := 0; i+1 < len(content); i += 2 {
		e := entry{merge: isMerge(content[i]), at: t.cursor.seek(content[i].Line, content[i].Column)}
		key, err := t.value(content[i], depth+1)
		if err != nil {
			return err
		}
		if !e.merge {
			var ok bool
			if e.name, ok = keyName(content[i]); !ok {
				return t.fail(e.at, "a mapping's key must be a string, a number or a boolean (a template, {{ }}, has to be filled in first)")
			}
			if names[e.name] {
				return t.fail(e.at, "%s", duplicateKey(e.name))
			}
			names[e.name] = true
		}
		valueAt := t.cursor.seek(content[i+1].Line, content[i+1].Column)
		if e.value, err = t.value(content[i+1], depth+1); err != nil {
			return err
		}
		if e.merge && !mergeable(e.value, content[i+1]) {
			return t.fail(valueAt, "a merge (<<) takes a mapping or a sequence of mappings")
		}
		n.entries = append(n.entries, e)
		n.size += key.size
		if err := t.grow(n, e.value, content[i+1]); err != nil {
			return err
		}
	}
	return nil
}

func styleOf(s yaml.Style) style {
	switch {
	case s&yaml.DoubleQuotedStyle != 0:
		return doubleQuoted
	case s&yaml.SingleQuotedStyle != 0:
		return singleQuoted
	case s&yaml.LiteralStyle != 0:
		return literal
	case s&yaml.FoldedStyle != 0:
		return folded
	}
	return plain
}

func isMerge(key *yaml.Node) bool {
	return key.Kind == yaml.ScalarNode && key.Value == "<<" && key.Tag == "!!merge"
}

// mergeable tells whether the decoder can merge the value; it takes a sequence
// only where it is written out.
func mergeable(value *node, from *yaml.Node) bool {
	if value.kind == mapping {
		return true
	}
	for _, item := range value.items {
		if item.kind != mapping {
			return false
		}
	}
	return value.kind == sequence && from.Kind == yaml.SequenceNode
}

// keyName is the key that JSON gets for a key in YAML, where 1 and yes are no
// strings; ok is false for a key that JSON cannot have.
func keyName(key *yaml.Node) (name string, ok bool) {
	if key.Kind == yaml.AliasNode {
		key = key.Alias
	}
	if key.Kind != yaml.ScalarNode {
		return "", false
	}
	tagged := key.Style&yaml.TaggedStyle != 0
	if !tagged && (styleOf(key.Style) != plain || key.Tag == "!!str" && !isOldBoolean(key.Value)) {
		return key.Value, true
	}
	if number, err := strconv.Atoi(key.Value); err == nil && !tagged && strconv.Itoa(number) == key.Value {
		return key.Value, true
	}
	value, err := sigsyaml.YAMLToJSON([]byte("? " + standalone(key) + "\n: 0\n"))
	if err != nil {
		return "", false
	}
	b := jsonTree{text: string(value)}
	converted, err := b.value(1)
	if err != nil || len(converted.entries) != 1 {
		return "", false
	}
	return converted.entries[0].name, true
}

// isOldBoolean tells the words that are booleans in YAML 1.1 but strings in 1.2.
func isOldBoolean(s string) bool {
	switch strings.ToLower(s) {
	case "y", "n", "yes", "no", "on", "off":
		return true
	}
	return false
}

// standalone writes a scalar so that it means the same in a document of its
// own.
func standalone(n *yaml.Node) string {
	switch {
	case n.Style&yaml.TaggedStyle != 0:
		return n.Tag + " " + strconv.Quote(n.Value)
	case styleOf(n.Style) == plain:
		return n.Value
	}
	return strconv.Quote(n.Value)
}
