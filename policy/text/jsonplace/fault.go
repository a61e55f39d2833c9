package jsonplace

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
)

// SyntaxFault says in people's words where and why a text is not JSON: the offset as in
// [FaultOffset], and a detail that continues a sentence about the text, such as "is not valid
// JSON: line 1, column 8: a comma is missing before '"'". The detail of JSON is empty, and
// only that.
func SyntaxFault(text string) (offset int, detail string) {
	offset = FaultOffset(text)
	switch {
	case offset < 0:
		return offset, ""
	case text == "":
		return 0, "is empty"
	case strings.Trim(text, Space) == "":
		return 0, "is empty but for white space"
	}
	shown := offset
	if offset == len(text) {
		// What is missing is missing behind what is there.
		shown = len(strings.TrimRight(text, Space))
	}
	return offset, "is not valid JSON: " + Position(text, shown) + ": " + faultAt(text, offset)
}

// Position is a place in a text as people who look for it in an editor call it.
func Position(text string, offset int) string {
	line, column := position(text, offset)
	return fmt.Sprintf("line %d, column %d", line, column)
}

func position(text string, offset int) (line, column int) {
	before := text[:offset]
	start := strings.LastIndexByte(before, '\n') + 1
	return strings.Count(before, "\n") + 1, utf8.RuneCountInString(before[start:]) + 1
}

// context is what was read of a text before its fault.
type context struct {
	text string
	at   int
	// open are the brackets and braces that are not closed, by their offsets.
	open []int
	// quote is the offset of a string that is not closed, -1 for none.
	quote int
	// last is the last string that was closed, with its quotes; it ends at lastEnd.
	last    string
	lastEnd int
	// before is the last character that is no white space; 0 for none.
	before byte
}

// readUpTo reads the beginning of a text, which could go on as JSON.
func readUpTo(text string, offset int) *context {
	c := &context{text: text, at: offset, quote: -1}
	for at := 0; at < offset; {
		switch text[at] {
		case '"':
			end := skipString(text[:offset], at)
			if end == offset && !closed(text[at:end]) {
				c.quote = at
				return c
			}
			c.last, c.lastEnd = text[at:end], end
			at = end
			continue
		case '[', '{':
			c.open = append(c.open, at)
		case ']', '}':
			if len(c.open) > 0 {
				c.open = c.open[:len(c.open)-1]
			}
		}
		at++
	}
	if before := strings.TrimRight(text[:offset], Space); before != "" {
		c.before = before[len(before)-1]
	}
	return c
}

// closed says whether a text that begins with a quote ends with another that is not escaped.
func closed(text string) bool {
	if len(text) < 2 || text[len(text)-1] != '"' {
		return false
	}
	inner := text[:len(text)-1]
	return (len(inner)-len(strings.TrimRight(inner, `\`)))%2 == 0
}

// expectations translate what encoding/json says after "invalid character ...".
var expectations = []struct {
	after, expected string
	hint            func(*context, rune) string
}{
	{" looking for beginning of value", "this must be a value", (*context).valueHint},
	{" looking for beginning of object key string", "this must be a key in double quotes", (*context).keyHint},
	{" after object key:value pair", "this must be a comma or a closing brace", (*context).pairHint},
	{" after object key", "this must be a colon", (*context).colonHint},
	{" after array element", "this must be a comma or a closing bracket", (*context).memberHint},
	{" after top-level value", "this must be the end", (*context).endHint},
	{" in string literal", "a text cannot have this character in it", (*context).controlHint},
	{" in string escape code", "a backslash in a text cannot be followed by this", (*context).escapeHint},
	{" in \\u hexadecimal character escape", "four hexadecimal digits must follow \\u", nil},
	{" exceeded max depth", "values cannot be nested more than 10000 deep", nil},
}

// faultAt says what is wrong at the offset of a fault, and what is missing where.
func faultAt(text string, offset int) string {
	var syntax *json.SyntaxError
	if !errors.As(json.Unmarshal([]byte(text+"\x00"), new(json.RawMessage)), &syntax) {
		return "this is not expected here"
	}
	c := readUpTo(text, offset)
	if offset == len(text) {
		return "it ends before it is complete" + c.unclosed()
	}
	found, size := utf8.DecodeRuneInString(text[offset:])
	shown := strconv.QuoteRune(found)
	if found == utf8.RuneError && size == 1 {
		shown = "a byte that is not UTF-8"
	}
	said := syntax.Error()
	for _, e := range expectations {
		if !strings.HasSuffix(said, e.after) {
			continue
		}
		words := e.expected + ", not " + shown
		if e.hint == nil {
			return words
		}
		if hint := e.hint(c, found); hint != "" {
			words += ": " + hint
		}
		return words
	}
	// What is left is about a word or a number that breaks off.
	word := Word(text, wordStart(text, offset))
	return quote.Value(word) + " is neither a number nor true, false or null" + inQuotes(word)
}

// wordStart is where the word or number begins that goes on up to an offset.
func wordStart(text string, offset int) int {
	return strings.LastIndexAny(text[:offset], separators) + 1
}

// unclosed says what is still open.
func (c *context) unclosed() string {
	switch {
	case c.quote >= 0:
		return ": the text that begins at " + c.place(c.quote) + " has no closing quote"
	case len(c.open) > 0:
		return ": " + c.innermost() + " is not closed"
	default:
		return ""
	}
}

// innermost names the bracket or brace that was opened last.
func (c *context) innermost() string {
	at := c.open[len(c.open)-1]
	kind := "bracket"
	if c.text[at] == '{' {
		kind = "brace"
	}
	return "the " + kind + " opened at " + c.place(at)
}

// place is a position, without the line where there is only one.
func (c *context) place(offset int) string {
	if strings.IndexByte(c.text, '\n') < 0 {
		_, column := position(c.text, offset)
		return fmt.Sprintf("column %d", column)
	}
	return Position(c.text, offset)
}

// anywhere is what is to be said of a character wherever it stands.
func (c *context) anywhere(found rune) string {
	switch {
	case strings.ContainsRune("'`‘’“”„«»", found):
		return `keys and texts stand in straight double quotes (")`
	case found == '#', found == '/' && c.at+1 < len(c.text) && strings.IndexByte("/*", c.text[c.at+1]) >= 0:
		return "JSON has no comments"
	case found == '$', found == '{' && (strings.HasPrefix(c.text[c.at:], "{{") || c.at > 0 && c.text[c.at-1] == '{'):
		return "a placeholder must be filled in first, or stand in double quotes"
	case found == '\ufeff', found > unicode.MaxASCII && unicode.IsSpace(found), unicode.Is(unicode.Cf, found):
		return "this character is invisible, and was perhaps pasted from a web page"
	default:
		return ""
	}
}

// swallowed says of what follows a string without a space between that a quote is missing, or
// ends it too early.
func (c *context) swallowed(found rune) string {
	if c.last == "" || c.lastEnd != c.at || !unicode.IsLetter(found) && !unicode.IsDigit(found) && found != '_' && found != '-' {
		return ""
	}
	if c.last == `""` {
		return "a quote before it is one too many"
	}
	return "a quote is missing before or in " + quote.Value(strings.Trim(c.last, `"`)) + ` (` + c.place(c.lastEnd-len(c.last)) + `), or one in a text is not written as \"`
}

func (c *context) valueHint(found rune) string {
	switch hint := c.anywhere(found); {
	case hint != "":
		return hint
	case strings.ContainsRune("]}", found) && c.before == ',':
		return "the comma before it is one too many"
	case strings.ContainsRune("]},", found) && c.before == ':':
		return "the value is missing"
	case found == ',' && (c.before == ',' || c.before == '['):
		return "a value is missing before the comma, or the comma is one too many"
	case found == '.' || found == '+':
		return "a number begins with a digit or with -"
	case strings.ContainsRune("]}", found) && len(c.open) > 0:
		return c.innermost() + " is not closed"
	}
	return strings.TrimPrefix(inQuotes(Word(c.text, c.at)), ": ")
}

// inQuotes says what to write for a word that is no value.
func inQuotes(word string) string {
	switch lower := strings.ToLower(word); lower {
	case "true", "false", "null":
		return ": write " + lower + " in small letters"
	case "none", "nil", "undefined":
		return ": write null for none"
	}
	if first, _ := utf8.DecodeRuneInString(word); !unicode.IsLetter(first) && !unicode.IsDigit(first) {
		return ""
	}
	return ": a text stands in double quotes"
}

func (c *context) keyHint(found rune) string {
	switch hint := c.anywhere(found); {
	case hint != "":
		return hint
	case found == '}' && c.before == ',':
		return "the comma before it is one too many"
	case found == ',':
		return "a comma is one too many"
	case found == ']' || found == '{' || found == '[':
		return c.innermost() + " is not closed"
	default:
		return ""
	}
}

func (c *context) colonHint(found rune) string {
	name := strings.Trim(c.last, `"`)
	if key, _, cut := strings.Cut(name, ":"); cut && strings.TrimSpace(key) != "" {
		return "the key " + quote.Value(key) + " has no closing quote (" + c.place(c.lastEnd-len(c.last)+1+len(key)) + ")"
	}
	switch hint := c.anywhere(found); {
	case hint != "":
		return hint
	case found == '=':
		return "write : for ="
	case strings.ContainsRune(",}]", found):
		return "the key " + quote.Value(name) + " has no value"
	default:
		return c.swallowed(found)
	}
}

func (c *context) pairHint(found rune) string {
	switch hint := c.anywhere(found); {
	case hint != "":
		return hint
	case found == ']':
		return c.innermost() + " is not closed"
	default:
		return c.separatorHint(found)
	}
}

func (c *context) memberHint(found rune) string {
	switch hint := c.anywhere(found); {
	case hint != "":
		return hint
	case found == '}':
		return c.innermost() + " is not closed"
	case found == ':':
		return "a list has no keys: these stand between { and }"
	default:
		return c.separatorHint(found)
	}
}

// separatorHint is what is to be said where a value is complete and another follows.
func (c *context) separatorHint(found rune) string {
	if hint := c.swallowed(found); hint != "" {
		return hint
	}
	if strings.ContainsRune(`"{[-`, found) || unicode.IsLetter(found) || unicode.IsDigit(found) {
		return "a comma is missing before it"
	}
	return ""
}

func (c *context) endHint(found rune) string {
	switch hint := c.anywhere(found); {
	case hint != "":
		return hint
	case strings.ContainsRune("]}", found):
		return "it closes nothing"
	case strings.ContainsRune(`,{["`, found):
		return "several values stand between [ and ]"
	default:
		return ""
	}
}

func (c *context) controlHint(found rune) string {
	if c.quote < 0 {
		return ""
	}
	begun := "the text that begins at " + c.place(c.quote) + " has no closing quote"
	if found == '\n' || found == '\r' {
		return begun + ` on its line; a line break in it is written as \n`
	}
	return begun + ", or the character is to be written as an escape"
}

func (c *context) escapeHint(rune) string { return `write \\ for a backslash` }
