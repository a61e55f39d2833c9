package document

import (
	"errors"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

const separator = "---"

// parser collects the documents of one file.
type parser struct {
	source    *source
	documents []Document
	// goOn says to note broken documents and to read those behind them.
	goOn   bool
	broken []*SyntaxError
}

// index is that of the next document.
func (p *parser) index() int { return len(p.documents) + len(p.broken) }

func (p *parser) fail(offset int, problem string) *SyntaxError {
	at := p.source.position(offset)
	return &SyntaxError{Line: at.Line, Column: at.Column, Document: p.index(), Problem: problem}
}

// failLine is fail for a line of which no more is known than that it has the
// byte at offset.
func (p *parser) failLine(offset int, problem string) *SyntaxError {
	text := p.source.text
	begin := p.source.lines[p.source.line(offset)-1]
	for isBlank(text, begin) {
		begin++
	}
	return p.fail(begin, problem)
}

func (p *parser) add(root *node, value []byte) {
	if string(value) == "null" {
		return
	}
	p.documents = append(p.documents, Document{
		Index:  p.index(),
		Line:   p.source.line(root.at),
		JSON:   value,
		source: p.source,
		root:   root,
	})
}

// parse returns what is wrong with the file as a whole, or with the first document that is
// broken unless these are noted; nil for nothing.
func (p *parser) parse() *SyntaxError {
	text := p.source.text
	if strings.HasPrefix(text, "\xff\xfe") || strings.HasPrefix(text, "\xfe\xff") {
		return p.fail(0, "the file is UTF-16: save it as UTF-8")
	}
	if at := invalidUTF8(text); at >= 0 {
		return p.fail(at, "this byte is not UTF-8: save the file as UTF-8")
	}
	offset := len(text) - len(strings.TrimPrefix(text, bom))
	if !beginsWith(text[offset:], "{") {
		return p.parseYAML(0) // the YAML parser knows the mark itself
	}

	stopped, values, err := p.parseJSON(offset)
	var refused *SyntaxError
	if errors.Is(err, io.EOF) {
		return nil
	} else if errors.As(err, &refused) {
		return refused
	}
	jsonErr := p.jsonError(err, offset)
	// With more than one value it is a row of JSON values for good; with one or
	// none, YAML may be meant.
	if values > 1 {
		return jsonErr
	}
	read := len(p.documents)
	rest := skipFirstBreak(text, stopped)
	refused = p.parseYAML(rest)
	if len(p.broken) > 0 {
		refused = p.broken[0]
	}
	if refused != nil && refused.Document == read && looksLikeJSON(text[rest:]) {
		p.documents, p.broken = p.documents[:read], nil
		return jsonErr
	}
	if p.goOn {
		return nil
	}
	return refused
}

// invalidUTF8 is the byte offset of the first byte that is not UTF-8, or -1.
func invalidUTF8(text string) int {
	if utf8.ValidString(text) {
		return -1
	}
	for i, r := range text {
		if r == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(text[i:]); size == 1 {
				return i
			}
		}
	}
	return -1
}

func beginsWith(text, prefix string) bool {
	return strings.HasPrefix(strings.TrimLeftFunc(text, unicode.IsSpace), prefix)
}

// looksLikeJSON tells JSON with a mistake from YAML in braces: in JSON nothing
// but a string in quotes may follow the brace.
func looksLikeJSON(text string) bool {
	text = strings.TrimLeftFunc(text, unicode.IsSpace)
	return strings.HasPrefix(text, "{") && beginsWith(text[1:], `"`)
}

// skipFirstBreak skips space from offset on, up to and with the first line
// break: what kubectl drops between JSON and YAML that follows it.
func skipFirstBreak(text string, offset int) int {
	for i, r := range text[offset:] {
		if !unicode.IsSpace(r) {
			return offset + i
		}
		if r == '\n' {
			return offset + i + 1
		}
	}
	return len(text)
}

// parseYAML takes the YAML documents from offset on. A line that begins with ---
// separates them wherever it stands, as it does for kubectl; only a comment may
// follow on it.
func (p *parser) parseYAML(offset int) *SyntaxError {
	text := p.source.text
	begin := offset
	for line := offset; line < len(text); {
		next := len(text)
		if i := strings.IndexByte(text[line:], '\n'); i >= 0 {
			next = line + i + 1
		}
		if rest, ok := strings.CutPrefix(text[line:next], separator); ok {
			// The first of several separators is left to the YAML parser.
			if begin < line {
				if err := p.note(p.parseChunk(begin, line)); err != nil {
					return err
				}
				begin = next
			}
			if behind := strings.TrimSpace(rest); behind != "" && behind[0] != '#' {
				at := line + len(separator) + strings.Index(rest, behind)
				err := p.fail(at, "a line that begins with --- separates documents: only a comment may follow on it")
				if err := p.note(err); err != nil {
					return err
				}
				begin = next
			}
		}
		line = next
	}
	return p.note(p.parseChunk(begin, len(text)))
}

// note keeps what is wrong with a document, and returns it where it ends the reading.
func (p *parser) note(err error) *SyntaxError {
	var refused *SyntaxError
	if !errors.As(err, &refused) {
		return nil
	}
	if !p.goOn {
		return refused
	}
	p.broken = append(p.broken, refused)
	return nil
}
