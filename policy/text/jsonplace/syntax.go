package jsonplace

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// marks are the characters that JSON consists of beside words and numbers, and
// separators those at which a word or a number ends.
const (
	marks      = `[]{}",:`
	separators = marks + Space
)

// FaultOffset is the offset of the first byte that keeps a text from being JSON:
// the text's length where it only ends too early, and -1 for JSON.
func FaultOffset(text string) int {
	// JSON has a NUL byte nowhere, so the one behind the text is the first bad
	// byte where the text has none.
	var syntax *json.SyntaxError
	if !errors.As(json.Unmarshal([]byte(text+"\x00"), new(json.RawMessage)), &syntax) {
		return -1
	}
	// The offset counts the bytes that were read, the culprit among them.
	offset := min(max(int(syntax.Offset)-1, 0), len(text))
	if offset == len(text) && json.Valid([]byte(text)) {
		return -1
	}
	return offset
}

// SyntaxFault says in people's words where and why a text is not JSON: the
// offset as in [FaultOffset], what stands there, and a detail that continues a
// sentence which begins with that, or with the text as a whole where it is
// empty. The detail of JSON is empty, and only that.
func SyntaxFault(text string) (offset int, culprit, detail string) {
	offset = FaultOffset(text)
	switch {
	case offset < 0:
		return offset, "", ""
	case strings.Trim(text, Space) == "":
		return 0, "", "is empty"
	case offset == len(text):
		return offset, "", fmt.Sprintf("ends too early, after %d bytes: a bracket, brace or quote is not closed", offset)
	}
	culprit = Word(text, offset)
	detail = fmt.Sprintf("is not allowed at byte %d", offset+1)
	found, _ := utf8.DecodeRuneInString(culprit)
	before := strings.TrimRight(text[:offset], Space)
	switch {
	case strings.ContainsRune("]}", found) && strings.HasSuffix(before, ","):
		detail += ": the comma before it is one too many"
	case strings.ContainsRune("'`‘’“”", found):
		detail += `: put names and strings in straight double quotes, "`
	}
	return offset, culprit, detail
}

// Word is what stands at an offset of a text: one of JSON's marks, or else what
// is there up to the next mark or white space.
func Word(text string, offset int) string {
	_, size := utf8.DecodeRuneInString(text[offset:])
	end := offset + size
	if strings.IndexByte(marks, text[offset]) >= 0 {
		return text[offset:end]
	}
	if next := strings.IndexAny(text[end:], separators); next >= 0 {
		return text[offset : end+next]
	}
	return text[offset:]
}
