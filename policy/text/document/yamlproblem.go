package document

import (
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
	sigsyaml "sigs.k8s.io/yaml"

	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
)

// textBehind is the problem of text that kubectl silently drops.
const textBehind = "the document has ended before this, and kubectl reads no further: separate documents by a line of ---"

// yamlMessage is how both YAML parsers word an error.
var yamlMessage = regexp.MustCompile(`(?s)^yaml: (?:line (\d+): )?(.*)$`)

// parserProblems are the problems that the parsers number lines of from 0; the
// ones that their scanners find are numbered from 1 (go.yaml.in/yaml/v2,
// decode.go, parser.fail). The text is what is said instead.
var parserProblems = map[string]string{
	"did not find expected <document start>": "a directive (%) or text after the end of the document: kubectl reads neither",
	"did not find expected node content":     "a value is missing in this line",
	"did not find expected key":              "this line does not fit into the mapping around it: check its indentation, and the quotes in it and before it",
	"did not find expected '-' indicator":    "this line does not fit into the sequence around it: check its indentation, and the quotes in it and before it",
	"did not find expected ',' or ']'":       "a comma or ] is missing in this line or before it",
	"did not find expected ',' or '}'":       "a comma or } is missing in this line or before it",
	"did not find expected <stream-start>":   "",
	"found undefined tag handle":             "",
	"found duplicate %YAML directive":        "",
	"found duplicate %TAG directive":         "",
	"found incompatible YAML document":       "",
}

// betterWords are what is said instead of some problems of the scanner and the
// decoder.
var betterWords = map[string]string{
	"found unexpected end of stream":                         "a quote that opens in this line is never closed",
	"mapping values are not allowed in this context":         `a colon makes no key in this line: check the indentation, and put values that hold ": " in quotes`,
	"could not find expected ':'":                            "a colon is missing after the key in this line or before it",
	"found character that cannot start any token":            "a value in this line begins with a character that needs quotes: put the value in quotes",
	"did not find expected alphabetic or numeric character":  "a value in this line begins with * or &, which YAML takes for an alias or an anchor: put the value in quotes",
	"found unknown escape character":                         `a backslash in double quotes begins no escape that YAML knows: write two, or use single quotes`,
	"block sequence entries are not allowed in this context": "no item of a sequence (-) is allowed in this line: check the indentation",
	"document contains excessive aliasing":                   "aliases of aliases repeat too much of this document",
}

// yamlChunk words the errors about the document at begin.
type yamlChunk struct {
	*parser
	begin, end int
}

// syntaxError says what the YAML parsers say. The decoder's words count; for a
// quote that is not closed the node parser knows where it opens.
func (c *yamlChunk) syntaxError(err, nodeErr error) *SyntaxError {
	if strings.Contains(err.Error(), "found unexpected end of stream") {
		err = nodeErr
	}
	return c.syntaxErrorSaying(err, "")
}

// syntaxErrorSaying takes the line from err, and the words too unless there are
// better ones.
func (c *yamlChunk) syntaxErrorSaying(err error, problem string) *SyntaxError {
	found := yamlMessage.FindStringSubmatch(err.Error())
	if found == nil {
		found = []string{"", "", err.Error()}
	}
	words := found[2]
	if strings.Contains(words, "control characters are not allowed") {
		return c.controlCharacter()
	}
	// The first line is never given.
	line := 1
	if n, err := strconv.Atoi(found[1]); err == nil {
		line = n
		if _, fromZero := parserProblems[words]; fromZero {
			line++
		}
	}
	offset := newCursor(c.source.text, c.begin).seek(line, 1)
	if name, ok := strings.CutPrefix(words, "unknown anchor '"); ok {
		return c.unknownAnchor(strings.TrimSuffix(name, "' referenced"))
	}
	if line := c.templateLine(line); line > 0 {
		return c.failLine(newCursor(c.source.text, c.begin).seek(line, 1), "this line is of a template ({{ }}), which has to be filled in first, as helm template does")
	}
	if tab := c.indentingTab(offset); tab >= 0 {
		return c.fail(tab, "a tab indents this line: YAML takes spaces only")
	}
	if problem == "" {
		problem = parserProblems[words] + betterWords[words]
	}
	if problem == "" {
		problem = "the YAML parser says " + quote.Value(words)
	}
	return c.failLine(min(offset, lastCharacter(c.source.text[:c.end])), problem)
}

// How far from an action of a template on a line of its own the parsers notice it, in lines:
// up to here before, where they take what follows for its value, and one behind.
const noticedBefore = 3

// templateLine is the line near the one given that begins with an action of a template, as
// Helm's do, and is what the parsers stumble over; 0 where none is. Lines count from 1, in
// the document.
func (c *yamlChunk) templateLine(line int) int {
	number, near := 0, 0
	for text := range strings.Lines(c.source.text[c.begin:c.end]) {
		number++
		if number > line+1 {
			break
		}
		if number >= line-noticedBefore && strings.HasPrefix(strings.TrimLeft(text, " \t"), "{{") && (near == 0 || number <= line) {
			near = number
		}
	}
	return near
}

// lastCharacter is the offset of the last byte that is not space; errors about
// the end of the text point there.
func lastCharacter(text string) int {
	return max(len(strings.TrimRight(text, " \t\r\n"))-1, 0)
}

// indentingTab is the byte offset of a tab among the blanks that the line at
// offset begins with, or -1.
func (c *yamlChunk) indentingTab(offset int) int {
	for ; isBlank(c.source.text, offset); offset++ {
		if c.source.text[offset] == '\t' {
			return offset
		}
	}
	return -1
}

// controlCharacter points at the first character that YAML does not allow
// (YAML 1.1, section 5.1), which the parser's message does not.
func (c *yamlChunk) controlCharacter() *SyntaxError {
	for i, r := range c.source.text[c.begin:c.end] {
		switch {
		case r == '\t', r == '\n', r == '\r', r >= 0x20 && r <= 0x7E, r == 0x85, r >= 0xA0 && r <= 0xFFFD, r > 0xFFFF:
		default:
			return c.fail(c.begin+i, "YAML does not allow the character "+codePoint(r)+": write it as an escape in double quotes")
		}
	}
	return c.failLine(c.begin, "YAML does not allow control characters")
}

func codePoint(r rune) string {
	hex := strings.ToUpper(strconv.FormatInt(int64(r), 16))
	return "U+" + strings.Repeat("0", max(4-len(hex), 0)) + hex
}

// unknownAnchor points at the first place where an alias of that name can
// stand; the parser does not say where it found it.
func (c *yamlChunk) unknownAnchor(name string) *SyntaxError {
	text := c.source.text[:c.end]
	at := c.begin
	for i := c.begin; i < len(text); i++ {
		begins := i == c.begin || strings.IndexByte(" \t\n[{,", text[i-1]) >= 0
		if begins && strings.HasPrefix(text[i:], "*"+name) && !isAnchorByte(text, i+1+len(name)) {
			at = i
			break
		}
	}
	return c.fail(at, "no anchor &"+name+" is defined before this alias: put a value that begins with * in quotes")
}

func isAnchorByte(text string, i int) bool {
	if i >= len(text) {
		return false
	}
	b := text[i]
	return b >= '0' && b <= '9' || b >= 'A' && b <= 'Z' || b >= 'a' && b <= 'z' || b == '_' || b == '-'
}

// conversionError says why valid YAML makes no JSON: a scalar that its tag does
// not fit, or a number that JSON lacks.
func (c *yamlChunk) conversionError(err error, n *yaml.Node) *SyntaxError {
	if culprit := inconvertible(n); culprit != nil {
		at := newCursor(c.source.text, c.begin).seek(culprit.Line, culprit.Column)
		return c.fail(at, "JSON has no such value: write it as a string in quotes, or without its tag")
	}
	return c.syntaxErrorSaying(err, "")
}

// inconvertible is the first scalar that cannot become JSON, nil if all can.
func inconvertible(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.ScalarNode && (n.Style&yaml.TaggedStyle != 0 || n.Tag == "!!float") {
		if _, err := sigsyaml.YAMLToJSON([]byte(standalone(n))); err != nil {
			return n
		}
	}
	for _, child := range n.Content {
		if found := inconvertible(child); found != nil {
			return found
		}
	}
	return nil
}
