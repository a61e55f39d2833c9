package document

import "strings"

// trace decodes a scalar and remembers which byte of the source each byte of
// the result comes from.
type trace struct {
	text strings.Builder
	runs []run
	// end is the byte offset just behind the last character; for text that ends
	// in a line break, where that line break stands.
	end int
}

// run is a piece of decoded text. A verbatim one stands in the source byte for
// byte; any other comes as a whole from one place there: an escape, or the line
// break that was folded.
type run struct {
	decoded, source int
	verbatim        bool
}

// keep takes text over as it stands at source.
func (t *trace) keep(text string, source int) {
	if text == "" {
		return
	}
	decoded := t.text.Len()
	last := len(t.runs) - 1
	if last < 0 || !t.runs[last].verbatim || t.runs[last].source-t.runs[last].decoded != source-decoded {
		t.runs = append(t.runs, run{decoded, source, true})
	}
	t.text.WriteString(text)
	t.end = source + len(text)
}

// put takes text over that stands for something else at source.
func (t *trace) put(text string, source int) {
	if text == "" {
		return
	}
	t.runs = append(t.runs, run{t.text.Len(), source, false})
	t.text.WriteString(text)
	t.end = source
}

// source is the byte offset in the file of the decoded byte at offset.
func (t *trace) source(offset int) int {
	if offset >= t.text.Len() {
		return t.end
	}
	from, to := 0, len(t.runs)
	for to-from > 1 {
		middle := (from + to) / 2
		if t.runs[middle].decoded <= max(offset, 0) {
			from = middle
		} else {
			to = middle
		}
	}
	r := t.runs[from]
	if r.verbatim {
		return r.source + max(offset, 0) - r.decoded
	}
	return r.source
}

// scalarOffset is the byte offset in the file of byte offset of the scalar n.
// The scalar is decoded a second time to find it; should the result differ from
// what the parser made of it, the answer is where the scalar begins.
func (s *source) scalarOffset(n *node, offset int) int {
	begin := s.skipProperties(n.at)
	var t *trace
	switch n.style {
	case jsonString:
		t = traceJSONString(s.text, begin)
	case singleQuoted, doubleQuoted:
		t = traceQuoted(s.text, begin)
	case literal, folded:
		t = traceBlock(s.text, begin, n.text, n.style == folded)
	default:
		t = tracePlain(s.text, begin, n.text)
	}
	if t == nil || t.text.String() != n.text {
		return begin
	}
	return t.source(offset)
}

// skipProperties skips tags, anchors and what may stand between them and the
// value, from i on. No scalar begins with their indicators.
func (s *source) skipProperties(i int) int {
	text := s.text
	for i < len(text) && (text[i] == '!' || text[i] == '&') {
		if text[i] == '!' {
			i = skipWord(text, i)
		} else {
			for i++; isAnchorByte(text, i); i++ {
			}
		}
		for i < len(text) {
			if isBlank(text, i) {
				i++
			} else if size, _ := lineBreak(text, i); size > 0 {
				i += size
			} else if text[i] == '#' {
				i = skipLine(text, i)
			} else {
				break
			}
		}
	}
	return i
}

// skipWord returns the offset of the next blank or line break from i on.
func skipWord(text string, i int) int {
	for i < len(text) && !isBlank(text, i) {
		if size, _ := lineBreak(text, i); size > 0 {
			break
		}
		i++
	}
	return i
}

// skipLine returns the offset of the next line break from i on.
func skipLine(text string, i int) int {
	for i < len(text) {
		if size, _ := lineBreak(text, i); size > 0 {
			break
		}
		i++
	}
	return i
}

// tracePlain decodes the unquoted scalar at begin. Where it ends depends on
// what surrounds it; the length of the known value tells.
func tracePlain(text string, begin int, value string) *trace {
	t := &trace{end: begin}
	i := begin
	for i < len(text) && t.text.Len() < len(value) {
		end := skipWord(text, i)
		end = min(end, i+len(value)-t.text.Len())
		t.keep(text[i:end], i)
		if i = end; t.text.Len() < len(value) {
			i = t.fold(text, i, false)
		}
	}
	return t
}

// traceQuoted decodes the YAML string in single or double quotes at begin; nil
// if it is none.
func traceQuoted(text string, begin int) *trace {
	if begin >= len(text) || text[begin] != '\'' && text[begin] != '"' {
		return nil
	}
	quote := text[begin]
	t := &trace{}
	for i := begin + 1; i < len(text); {
		size, _ := lineBreak(text, i)
		switch {
		case size > 0 || isBlank(text, i):
			i = t.fold(text, i, false)
		case text[i] == quote && quote == '\'' && strings.HasPrefix(text[i+1:], "'"):
			t.put("'", i)
			i += 2
		case text[i] == quote:
			t.end = i
			return t
		case text[i] == '\\' && quote == '"':
			if size, _ := lineBreak(text, i+1); size > 0 {
				i = t.fold(text, i+1+size, true)
				continue
			}
			decoded, size := yamlEscape(text[i:])
			if size == 0 {
				return nil
			}
			t.put(decoded, i)
			i += size
		default:
			t.keep(text[i:i+1], i)
			i++
		}
	}
	return nil
}

// fold decodes the blanks and line breaks at i and returns where they end.
// Blanks around line breaks vanish; one line break becomes a space, and the first
// of several vanishes. With joined, a line break was escaped just before: it is
// gone already, and the first one here counts in full.
func (t *trace) fold(text string, i int, joined bool) int {
	begin, first, breaks := i, i, 0
	for {
		if isBlank(text, i) {
			i++
			continue
		}
		size, read := lineBreak(text, i)
		if size == 0 {
			break
		}
		if breaks == 0 && !joined {
			first = i
		} else {
			if breaks == 1 && !joined {
				t.putSeparator(text, first)
			}
			t.put(read, i)
		}
		breaks++
		i += size
	}
	switch {
	case joined:
	case breaks == 0:
		t.keep(text[begin:i], begin)
	case breaks == 1:
		if !t.putSeparator(text, first) {
			t.put(" ", first)
		}
	}
	return i
}

// putSeparator takes over the line break at i if it is one of Unicode's
// separators, which folding leaves alone.
func (t *trace) putSeparator(text string, i int) bool {
	_, read := lineBreak(text, i)
	if read == "\n" {
		return false
	}
	t.put(read, i)
	return true
}
