package document

import (
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// yamlEscapes are YAML 1.1's escapes of one character (section 5.7), as far as
// the decoder knows them, and an escaped tab and single quote, which it accepts.
var yamlEscapes = map[byte]string{
	'0': "\x00", 'a': "\a", 'b': "\b", 't': "\t", '\t': "\t", 'n': "\n", 'v': "\v",
	'f': "\f", 'r': "\r", 'e': "\x1b", ' ': " ", '"': `"`, '\'': "'", '\\': `\`,
	'N': "\u0085", '_': "\u00a0", 'L': "\u2028", 'P': "\u2029",
}

// jsonEscapes are the escapes of one character in RFC 8259, section 7.
var jsonEscapes = map[byte]string{
	'"': `"`, '\\': `\`, '/': "/", 'b': "\b", 'f': "\f", 'n': "\n", 'r': "\r", 't': "\t",
}

// yamlEscape decodes the escape that s begins with; size is its length in
// bytes, 0 if there is no such escape.
func yamlEscape(s string) (decoded string, size int) {
	if len(s) < 2 {
		return "", 0
	}
	digits := 0
	switch s[1] {
	case 'x':
		digits = 2
	case 'u':
		digits = 4
	case 'U':
		digits = 8
	default:
		decoded, ok := yamlEscapes[s[1]]
		if !ok {
			return "", 0
		}
		return decoded, 2
	}
	r, ok := hexRune(s, 2, digits)
	if !ok || !utf8.ValidRune(r) {
		return "", 0
	}
	return string(r), 2 + digits
}

// jsonEscape decodes the escape that s begins with; size is its length in
// bytes, 0 if there is no such escape. A surrogate pair is one escape; half of
// one becomes U+FFFD, as in encoding/json.
func jsonEscape(s string) (decoded string, size int) {
	if len(s) < 2 {
		return "", 0
	}
	if s[1] != 'u' {
		decoded, ok := jsonEscapes[s[1]]
		if !ok {
			return "", 0
		}
		return decoded, 2
	}
	r, ok := hexRune(s, 2, 4)
	if !ok {
		return "", 0
	}
	if utf16.IsSurrogate(r) {
		if len(s) > 7 && s[6] == '\\' && s[7] == 'u' {
			low, _ := hexRune(s, 8, 4)
			if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
				return string(pair), 12
			}
		}
		r = utf8.RuneError
	}
	return string(r), 6
}

// hexRune reads the digits hexadecimal digits at s[i:].
func hexRune(s string, i, digits int) (rune, bool) {
	if len(s) < i+digits {
		return 0, false
	}
	value, err := strconv.ParseUint(s[i:i+digits], 16, 32)
	if err != nil || value > utf8.MaxRune {
		return 0, false
	}
	return rune(value), true
}

// traceJSONString decodes the JSON string at begin; nil if it is none.
func traceJSONString(text string, begin int) *trace {
	if begin >= len(text) || text[begin] != '"' {
		return nil
	}
	t := &trace{}
	for i := begin + 1; i < len(text); {
		switch text[i] {
		case '"':
			t.end = i
			return t
		case '\\':
			decoded, size := jsonEscape(text[i:])
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
