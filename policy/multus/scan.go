package multus

import (
	"encoding/json"
	"iter"
	"strings"
)

// span is a part of a value: the bytes from start up to end.
type span struct{ start, end int }

func (s span) of(value string) string { return value[s.start:s.end] }

// The functions below find places in JSON text. They trust it to be well
// formed; of other text they make something, without ever leaving it.

const jsonSpace = " \t\r\n"

// skipSpace is the first place from at on that is not JSON's white space.
func skipSpace(text string, at int) int {
	return len(text) - len(strings.TrimLeft(text[at:], jsonSpace))
}

// skipString is the place after the string whose opening quote is at at.
func skipString(text string, at int) int {
	for at++; at < len(text); at++ {
		switch text[at] {
		case '\\':
			at++
		case '"':
			return at + 1
		}
	}
	return len(text)
}

// skipValue is the place after the JSON value that starts at at. It counts
// brackets instead of calling itself, so that depth costs nothing.
func skipValue(text string, at int) int {
	for depth := 0; at < len(text); {
		switch text[at] {
		case '"':
			at = skipString(text, at)
		case '[', '{':
			depth++
			at++
		case ']', '}':
			depth--
			at++
		default:
			// A number or a word, or what separates values.
			at++
			if next := strings.IndexAny(text[at:], "[]{}\",:"+jsonSpace); next < 0 {
				at = len(text)
			} else {
				at += next
			}
		}
		if depth <= 0 {
			return at
		}
	}
	return len(text)
}

// members goes through the list that starts at at, nothing else.
func members(text string, at int) iter.Seq2[int, span] {
	return func(yield func(int, span) bool) {
		if !startsWith(text, at, '[') {
			return
		}
		for i := 0; ; i++ {
			start := skipSpace(text, at+1)
			if start == len(text) || text[start] == ']' {
				return
			}
			end := skipValue(text, start)
			if !yield(i, span{start, end}) {
				return
			}
			if at = skipSpace(text, end); !startsWith(text, at, ',') {
				return
			}
		}
	}
}

// entries goes through the object that starts at at: where the keys and where
// the values are, both with their quotes.
func entries(text string, at int) iter.Seq2[span, span] {
	return func(yield func(span, span) bool) {
		if !startsWith(text, at, '{') {
			return
		}
		for {
			start := skipSpace(text, at+1)
			if !startsWith(text, start, '"') {
				return
			}
			key := span{start, skipString(text, start)}
			colon := skipSpace(text, key.end)
			if !startsWith(text, colon, ':') {
				return
			}
			start = skipSpace(text, colon+1)
			value := span{start, skipValue(text, start)}
			if !yield(key, value) {
				return
			}
			if at = skipSpace(text, value.end); !startsWith(text, at, ',') {
				return
			}
		}
	}
}

func startsWith(text string, at int, c byte) bool { return at < len(text) && text[at] == c }

// plain is a JSON string without its quotes and escapes, and any other JSON
// text as it is.
func plain(raw string) string {
	var s string
	if startsWith(raw, 0, '"') && json.Unmarshal([]byte(raw), &s) == nil {
		return s
	}
	return raw
}
