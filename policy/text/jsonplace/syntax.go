package jsonplace

import (
	"encoding/json"
	"errors"
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
