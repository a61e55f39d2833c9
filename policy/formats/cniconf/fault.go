package cniconf

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// position is the place in a config that a JSON error points at. offset is that
// of encoding/json: how many bytes were read, the culprit among them.
func position(config string, offset int64) string {
	end := min(max(int(offset)-1, 0), len(config))
	before := config[:end]
	lineStart := strings.LastIndexByte(before, '\n') + 1
	return fmt.Sprintf("line %d, column %d",
		strings.Count(before, "\n")+1, utf8.RuneCountInString(before[lineStart:])+1)
}

// expectations translate what encoding/json says after "invalid character ...".
var expectations = []struct{ after, expected string }{
	{" looking for beginning of value", "this must be a value, not "},
	{" looking for beginning of object key string", "this must be a key in double quotes, not "},
	{" after object key:value pair", "this must be a comma or a closing brace, not "},
	{" after object key", "this must be a colon, not "},
	{" after array element", "this must be a comma or a closing bracket, not "},
	{" after top-level value", "this must be the end, not "},
	{" in string literal", "a string may contain this character only as an escape: "},
	{" exceeded max depth", "values are nested more than 10000 deep with this "},
	{" in string escape code", "a backslash in a string cannot be followed by "},
}

// syntaxFault puts a syntax error into words for people who write YAML.
func syntaxFault(err *json.SyntaxError) string {
	text := err.Error()
	if text == "unexpected end of JSON input" {
		return "it ends before it is complete"
	}
	if character, ok := strings.CutPrefix(text, "invalid character "); ok {
		for _, e := range expectations {
			if c, ok := strings.CutSuffix(character, e.after); ok {
				return e.expected + c
			}
		}
	}
	// The rest, about a word or a number that breaks off, is plain enough;
	// encoding/json escapes the one character of the config that it shows.
	return text
}
