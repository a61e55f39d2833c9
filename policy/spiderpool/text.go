package spiderpool

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

const jsonSpace = " \t\r\n"

// node is a value in JSON text, with its place: text[start:end].
type node struct {
	start, end int
	// kind is the value's first byte: one of { [ " t f n, or any other byte
	// for a number.
	kind byte
	// str is the text of a string, without quotes and escapes.
	str string
	// keys are those of an object, and members their values or the members of
	// a list.
	keys, members []node
}

// tree finds all places in JSON text. It trusts the text to be well formed,
// which also bounds its depth: encoding/json refuses more than 10,000 levels.
func tree(text string) *node {
	r := treeReader{text: text, tokens: json.NewDecoder(strings.NewReader(text))}
	r.tokens.UseNumber()
	root := r.value()
	return &root
}

type treeReader struct {
	text   string
	tokens *json.Decoder
}

// next reads a token, whose place begins after what separates it from the one
// before.
func (r *treeReader) next() node {
	at := int(r.tokens.InputOffset())
	at += len(r.text[at:]) - len(strings.TrimLeft(r.text[at:], jsonSpace+",:"))
	token, err := r.tokens.Token()
	if err != nil || at == len(r.text) {
		return node{start: at, end: at, kind: 'n'}
	}
	n := node{start: at, end: int(r.tokens.InputOffset()), kind: r.text[at]}
	n.str, _ = token.(string)
	return n
}

func (r *treeReader) value() node {
	n := r.next()
	if n.kind != '{' && n.kind != '[' {
		return n
	}
	for r.tokens.More() {
		if n.kind == '{' {
			n.keys = append(n.keys, r.next())
		}
		n.members = append(n.members, r.value())
	}
	n.end = r.next().end
	return n
}

// shown is the value as a message shows it: a string's text, anything else as
// it was written.
func (n *node) shown(text string) string {
	if n.kind == '"' {
		return n.str
	}
	return text[n.start:n.end]
}

// noJSON says in people's words where and why a value is not JSON.
func noJSON(value string) (offset int, culprit, detail string) {
	offset = badByte(value)
	switch {
	case strings.Trim(value, jsonSpace) == "":
		return 0, "", "is empty"
	case offset == len(value):
		return offset, "", fmt.Sprintf("ends too early, after %d bytes: a bracket, brace or quote is not closed", offset)
	}
	culprit = word(value, offset)
	detail = fmt.Sprintf("cannot stand at byte %d", offset+1)
	found, _ := utf8.DecodeRuneInString(culprit)
	before := strings.TrimRight(value[:offset], jsonSpace)
	switch {
	case strings.ContainsRune("]}", found) && strings.HasSuffix(before, ","):
		detail += ": the comma before it is one too many"
	case strings.ContainsRune("'`‘’“”", found):
		detail += `: names and strings stand in straight double quotes, "`
	}
	return offset, culprit, detail
}

// badByte is the offset of the first byte that keeps a value from being JSON,
// the value's length where it only ends too early. JSON has no NUL byte
// anywhere, so the one behind the value is found in that case.
func badByte(value string) int {
	var syntax *json.SyntaxError
	if errors.As(json.Unmarshal([]byte(value+"\x00"), new(json.RawMessage)), &syntax) {
		return min(max(0, int(syntax.Offset)-1), len(value))
	}
	return 0
}

// word is what stands at at, up to the next thing that JSON separates by.
func word(value string, at int) string {
	_, size := utf8.DecodeRuneInString(value[at:])
	if strings.IndexByte(`[]{}",:`, value[at]) >= 0 {
		return value[at : at+size]
	}
	rest := value[at+size:]
	if end := strings.IndexAny(rest, `[]{}",:`+jsonSpace); end >= 0 {
		rest = rest[:end]
	}
	return value[at : at+size+len(rest)]
}

// wellFormed guards [tree] from text that nothing has decoded before.
func wellFormed(value string) bool { return json.Valid([]byte(value)) }
