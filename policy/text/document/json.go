package document

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
)

// maxDepth is how deep values may be nested. No Kubernetes object comes near;
// deeper ones are built to exhaust somebody's stack.
const maxDepth = 1000

// parseJSON takes JSON values from offset on for as long as there are any, and
// returns where it stopped and how many it read. The error says why: io.EOF at
// the end of the text, a *SyntaxError for JSON that is refused, else what
// encoding/json cannot read.
func (p *parser) parseJSON(offset int) (stopped, values int, err error) {
	decoder := json.NewDecoder(strings.NewReader(p.source.text[offset:]))
	for ; ; values++ {
		var value json.RawMessage
		stopped = offset + int(decoder.InputOffset())
		if err := decoder.Decode(&value); err != nil {
			return stopped, values, err
		}
		b := &jsonTree{text: p.source.text, offset: offset + int(decoder.InputOffset()) - len(value)}
		root, err := b.value(1)
		if err != nil {
			return stopped, values, p.fail(b.failedAt, err.Error())
		}
		p.add(root, value)
	}
}

// jsonError makes a SyntaxError of what encoding/json says about the text from
// offset on.
func (p *parser) jsonError(err error, offset int) *SyntaxError {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		// The offset counts the bytes read, the offending one included.
		at := offset + max(int(syntax.Offset)-1, 0)
		return p.fail(at, "not JSON: "+strings.TrimPrefix(syntax.Error(), "json: "))
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		end := len(strings.TrimRight(p.source.text, " \t\r\n"))
		return p.fail(end, "not JSON: the text ends within a value")
	}
	return p.fail(offset, "not JSON: "+err.Error())
}

// jsonTree builds the nodes of one JSON value, which is known to be valid.
type jsonTree struct {
	text     string
	offset   int
	failedAt int // the byte offset that an error is about
}

func (b *jsonTree) fail(at int, problem string, args ...any) error {
	b.failedAt = at
	return fmt.Errorf(problem, args...)
}

// next skips space, and the commas and colons that valid text has where they
// belong, and returns the byte behind them.
func (b *jsonTree) next() byte {
	for b.offset < len(b.text) {
		switch c := b.text[b.offset]; c {
		case ' ', '\t', '\r', '\n', ',', ':':
			b.offset++
		default:
			return c
		}
	}
	return 0
}

func (b *jsonTree) value(depth int) (*node, error) {
	first := b.next()
	n := &node{at: b.offset}
	if depth > maxDepth {
		return nil, b.fail(n.at, "nested deeper than %d levels", maxDepth)
	}
	switch first {
	case '{':
		n.kind = mapping
		b.offset++
		names := map[string]bool{}
		for b.next() == '"' {
			at := b.offset
			name := b.str()
			if names[name] {
				return nil, b.fail(at, "%s", duplicateKey(name))
			}
			names[name] = true
			value, err := b.value(depth + 1)
			if err != nil {
				return nil, err
			}
			n.entries = append(n.entries, entry{name: name, at: at, value: value})
		}
		b.offset++
	case '[':
		n.kind = sequence
		b.offset++
		for b.next() != ']' && b.offset < len(b.text) {
			item, err := b.value(depth + 1)
			if err != nil {
				return nil, err
			}
			n.items = append(n.items, item)
		}
		b.offset++
	case '"':
		n.style = jsonString
		n.text = b.str()
	default:
		end := strings.IndexAny(b.text[b.offset:], " \t\r\n,]}{[\"")
		if end < 0 {
			end = len(b.text) - b.offset
		}
		n.text = b.text[b.offset : b.offset+end]
		b.offset += end
	}
	return n, nil
}

// str decodes the string at the current offset and steps behind it.
func (b *jsonTree) str() string {
	begin := b.offset + 1
	if end := strings.IndexAny(b.text[begin:], `"\`); end >= 0 && b.text[begin+end] == '"' {
		b.offset = begin + end + 1
		return b.text[begin : begin+end]
	}
	t := traceJSONString(b.text, b.offset)
	if t == nil {
		b.offset = len(b.text)
		return ""
	}
	b.offset = t.end + 1
	return t.text.String()
}

func duplicateKey(name string) string {
	return "key " + quote.Value(name) + " is given twice in the same mapping: only one of the values would count"
}
