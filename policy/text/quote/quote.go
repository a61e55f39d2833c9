// Package quote writes values from Kubernetes objects into messages.
//
// A value comes from whoever may create an object and ends up in logs,
// terminals and admission responses, so it must neither break a line, nor move
// a cursor, nor drown the sentence it stands in.
package quote

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// Limit is how many characters of a value a message shows. It holds every name
// Kubernetes allows for a label (63) and most references, and leaves room for
// the rest of the sentence on a wide terminal.
const Limit = 80

// Value returns s in double quotes, escaped as a Go string: control characters,
// invisible ones and bytes that are not UTF-8 become escapes. A value of more
// than [Limit] characters is cut there and ends in … inside the quotes; a byte
// that is not UTF-8 counts as one character. Escapes come on top: the result
// has at most 803 characters.
func Value(s string) string {
	shown := 0
	for i := range s {
		if shown == Limit {
			return strconv.Quote(s[:i] + "…")
		}
		shown++
	}
	return strconv.Quote(s)
}

// Plain returns s for where it is quoted anyway, such as a field of a structured log: as it
// is, but for characters that are not printable, which become U+FFFD, and cut as [Value] cuts.
func Plain(s string) string {
	shown := 0
	var b strings.Builder
	for _, r := range s {
		if shown == Limit {
			b.WriteRune('…')
			break
		}
		shown++
		if !strconv.IsPrint(r) {
			r = utf8.RuneError
		}
		b.WriteRune(r)
	}
	return b.String()
}

// Some joins the texts of the first items of a list with commas, and says how many more
// there are.
func Some[T any](items []T, most int, text func(T) string) string {
	var texts []string
	for _, item := range items[:min(most, len(items))] {
		texts = append(texts, text(item))
	}
	if more := len(items) - most; more > 0 {
		texts = append(texts, "and "+strconv.Itoa(more)+" more")
	}
	return strings.Join(texts, ", ")
}
