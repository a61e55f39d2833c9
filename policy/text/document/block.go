package document

import "strings"

// pendingBreak is a line break whose fate depends on the lines after it.
type pendingBreak struct {
	text   string
	source int
}

// traceBlock decodes the literal (|) or folded (>) scalar at begin. The known
// value tells how deep it is indented and how its end is chomped. It is nil for
// a value of nothing but space.
func traceBlock(text string, begin int, value string, folding bool) *trace {
	first := skipLine(text, begin)
	size, _ := lineBreak(text, first)
	first += size
	indent := leadingSpaces(text, first) - leadingSpaces(value, 0)
	if indent < 1 || strings.Trim(value, " \n\u2028\u2029") == "" {
		return nil
	}

	t := &trace{}
	var pending []pendingBreak
	afterText, afterBlank := false, false
	i := first
	for {
		var spaces int
		i, spaces, pending = skipEmptyLines(text, i, indent, pending)
		if spaces < indent || i >= len(text) || t.text.Len() >= len(value) {
			break
		}
		blank := isBlank(text, i)
		if afterText && folding && !afterBlank && !blank && pending[0].text == "\n" {
			if len(pending) == 1 {
				t.put(" ", pending[0].source)
			}
			pending = pending[1:]
		}
		t.putBreaks(pending)
		end := skipLine(text, i)
		t.keep(text[i:end], i)
		size, read := lineBreak(text, end)
		pending = append(pending[:0], pendingBreak{read, end})
		afterText, afterBlank = true, blank
		i = end + size
	}
	for _, b := range pending {
		if t.text.Len() < len(value) {
			t.put(b.text, b.source)
		}
	}
	return t
}

func (t *trace) putBreaks(breaks []pendingBreak) {
	for _, b := range breaks {
		t.put(b.text, b.source)
	}
}

// skipEmptyLines skips lines that hold no more than the indentation, and the
// indentation of the line after them. Their line breaks are appended to
// pending; spaces is how far the last line is indented, at most indent.
func skipEmptyLines(text string, i, indent int, pending []pendingBreak) (next, spaces int, breaks []pendingBreak) {
	for {
		spaces = 0
		for spaces < indent && i < len(text) && text[i] == ' ' {
			i++
			spaces++
		}
		size, read := lineBreak(text, i)
		if size == 0 {
			return i, spaces, pending
		}
		pending = append(pending, pendingBreak{read, i})
		i += size
	}
}

// leadingSpaces counts the spaces before the first line that holds anything
// else, from i on.
func leadingSpaces(text string, i int) int {
	for spaces := 0; i < len(text); {
		size, _ := lineBreak(text, i)
		switch {
		case size > 0:
			spaces = 0
			i += size
		case text[i] == ' ':
			spaces++
			i++
		default:
			return spaces
		}
	}
	return 0
}
