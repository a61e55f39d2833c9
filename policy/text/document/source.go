package document

import (
	"sort"
	"strings"
	"unicode/utf8"
)

// bom is the byte order mark that some editors put before UTF-8 text.
const bom = "\uFEFF"

// source is a file's text and where its lines begin.
type source struct {
	text  string
	size  int   // in bytes, without a line break that the file does not have
	lines []int // byte offsets of the lines' first bytes
}

// newSource makes every CRLF an LF and ends the last line where its author did
// not. kubectl does the same before it parses YAML, and block scalars depend on
// it; no line or column changes.
func newSource(text string) *source {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	s := &source{text: text, size: len(text), lines: make([]int, 1, 1+strings.Count(text, "\n"))}
	for i := 0; i < len(text); i++ {
		if text[i] == '\n' {
			s.lines = append(s.lines, i+1)
		}
	}
	if !strings.HasSuffix(text, "\n") {
		s.text += "\n"
	}
	return s
}

// position of the character that the byte at offset belongs to; beyond the end,
// of the end.
func (s *source) position(offset int) Position {
	offset = min(max(offset, 0), s.size)
	for offset > 0 && offset < s.size && !utf8.RuneStart(s.text[offset]) {
		offset--
	}
	line := s.line(offset)
	begin := s.lines[line-1]
	column := utf8.RuneCountInString(s.text[begin:offset])
	if column > 0 && strings.HasPrefix(s.text[begin:], bom) {
		column--
	}
	return Position{Line: line, Column: column + 1}
}

// line that the byte at offset is in, counted from 1.
func (s *source) line(offset int) int {
	return sort.SearchInts(s.lines, min(offset, s.size)+1)
}

// lineBreak is the size in bytes of the line break at s[i], 0 if there is none,
// and what YAML 1.1 reads it as: the Unicode separators stay what they are, all
// others become LF.
func lineBreak(s string, i int) (size int, text string) {
	if i >= len(s) {
		return 0, ""
	}
	switch s[i] {
	case '\n':
		return 1, "\n"
	case '\r':
		if strings.HasPrefix(s[i+1:], "\n") {
			return 2, "\n"
		}
		return 1, "\n"
	case 0xC2: // NEL
		if strings.HasPrefix(s[i:], "\u0085") {
			return 2, "\n"
		}
	case 0xE2: // LS and PS
		if strings.HasPrefix(s[i:], "\u2028") || strings.HasPrefix(s[i:], "\u2029") {
			return 3, s[i : i+3]
		}
	}
	return 0, ""
}

func isBlank(s string, i int) bool {
	return i < len(s) && (s[i] == ' ' || s[i] == '\t')
}

// cursor turns the YAML parser's marks into byte offsets. The parser counts
// lines by every kind of YAML line break and columns in characters. Marks come
// in ascending order, so the text is walked through once, however long its
// lines are.
type cursor struct {
	text         string
	begin        int // where line 1, column 1 is
	line, column int
	offset       int
}

func newCursor(text string, begin int) *cursor {
	if strings.HasPrefix(text[begin:], bom) {
		begin += len(bom)
	}
	return &cursor{text: text, begin: begin, line: 1, column: 1, offset: begin}
}

// seek returns the byte offset of a mark; line and column count from 1.
func (c *cursor) seek(line, column int) int {
	if line < c.line || line == c.line && column < c.column {
		c.line, c.column, c.offset = 1, 1, c.begin
	}
	for c.offset < len(c.text) && (c.line < line || c.line == line && c.column < column) {
		if size, _ := lineBreak(c.text, c.offset); size > 0 {
			if c.line == line {
				break
			}
			c.offset += size
			c.line++
			c.column = 1
			continue
		}
		_, size := utf8.DecodeRuneInString(c.text[c.offset:])
		c.offset += size
		c.column++
	}
	return c.offset
}
