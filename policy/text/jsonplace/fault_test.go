package jsonplace

import (
	"strings"
	"testing"
)

// The mistakes that people make who write JSON into YAML by hand.
func TestSyntaxFault(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		// at is what stands where the fault is; want is what is said of it, behind the
		// position.
		at, want string
	}{
		"nothing":             {"", "", "is empty"},
		"white space":         {" \n", " \n", "is empty but for white space"},
		"bracket not closed":  {`[`, "", "it ends before it is complete: the bracket opened at column 1 is not closed"},
		"brace not closed":    {"[\n {\"a\":[1]\n", "", "it ends before it is complete: the brace opened at line 2, column 2 is not closed"},
		"brace before ]":      {`[{"name":"a","interface":"net1"]`, "]", "this must be a comma or a closing brace, not ']': the brace opened at column 2 is not closed"},
		"bracket before }":    {`{"ips":["10.0.0.1"}`, "}", "this must be a comma or a closing bracket, not '}': the bracket opened at column 8 is not closed"},
		"one brace too many":  {`[{"name":"a"}}]`, "}]", "this must be a comma or a closing bracket, not '}': the bracket opened at column 1 is not closed"},
		"closes nothing":      {`{"a":1}}`, "}", "this must be the end, not '}': it closes nothing"},
		"several values":      {`{"a":1},{"b":2}`, `,{"b":2}`, "this must be the end, not ',': several values stand between [ and ]"},
		"text behind":         {`{"a":1} more`, "more", "this must be the end, not 'm'"},
		"string not closed":   {`{"a":"b`, "", "it ends before it is complete: the text that begins at column 6 has no closing quote"},
		"ends with an escape": {`["\"`, "", "it ends before it is complete: the text that begins at column 2 has no closing quote"},
		"ends in a number":    {`-`, "", "it ends before it is complete"},
		"key not closed":      {`[ { "name": "s", "ips: "172.32.5.91/24" } ]`, `172.32.5.91/24" } ]`, `this must be a colon, not '1': the key "ips" has no closing quote (column 22)`},
		"value not closed":    {`{"name": "lan, "interface": "net1"}`, `interface": "net1"}`, `this must be a comma or a closing brace, not 'i': a quote is missing before or in "lan, " (column 10), or one in a text is not written as \"`},
		"quote too many":      {`[""10.0.0.1"]`, `10.0.0.1"]`, `this must be a comma or a closing bracket, not '1': a quote before it is one too many`},
		"quote not escaped":   {`{"a":["say "x" now"]}`, `x" now"]}`, `this must be a comma or a closing bracket, not 'x': a quote is missing before or in "say " (column 7), or one in a text is not written as \"`},
		"line break in text":  {"{\"a\":\n \"b\n c\"}", "\n c\"}", `a text cannot have this character in it, not '\n': the text that begins at line 2, column 2 has no closing quote on its line; a line break in it is written as \n`},
		"control character":   {"[\"a\x00\"]", "\x00\"]", `a text cannot have this character in it, not '\x00': the text that begins at column 2 has no closing quote, or the character is to be written as an escape`},
		"comment for a key":   {"{ \"a\": 1,\n # \"b\": 2\n}", "# \"b\": 2\n}", "this must be a key in double quotes, not '#': JSON has no comments"},
		"comment //":          {"[1, // one\n2]", "// one\n2]", "this must be a value, not '/': JSON has no comments"},
		"comment /*":          {"[1 /* one */]", "/* one */]", "this must be a comma or a closing bracket, not '/': JSON has no comments"},
		"comma too many ]":    {`[1, ]`, "]", "this must be a value, not ']': the comma before it is one too many"},
		"comma too many }":    {`{"a":1,}`, "}", "this must be a key in double quotes, not '}': the comma before it is one too many"},
		"two commas":          {`[1,,2]`, ",2]", "this must be a value, not ',': a value is missing before the comma, or the comma is one too many"},
		"two commas in {}":    {`{"a":1,,"b":2}`, `,"b":2}`, "this must be a key in double quotes, not ',': a comma is one too many"},
		"comma missing":       {`{"a":1 "b":2}`, `"b":2}`, `this must be a comma or a closing brace, not '"': a comma is missing before it`},
		"comma missing in []": {`[{"a":1} {"b":2}]`, `{"b":2}]`, `this must be a comma or a closing bracket, not '{': a comma is missing before it`},
		"colon missing":       {`{"a" "b"}`, `"b"}`, `this must be a colon, not '"'`},
		"equals sign":         {`{"a"="b"}`, `="b"}`, `this must be a colon, not '=': write : for =`},
		"value missing":       {`{"a":}`, `}`, `this must be a value, not '}': the value is missing`},
		"value missing,":      {`{"a":,"b":1}`, `,"b":1}`, `this must be a value, not ',': the value is missing`},
		"no value":            {`{"a"}`, `}`, `this must be a colon, not '}': the key "a" has no value`},
		"list with keys":      {`["a":1]`, `:1]`, `this must be a comma or a closing bracket, not ':': a list has no keys: these stand between { and }`},
		"single quotes":       {`{'a':1}`, `'a':1}`, `this must be a key in double quotes, not '\'': keys and texts stand in straight double quotes (")`},
		"quotes of a page":    {`{“a”:1}`, `“a”:1}`, `this must be a key in double quotes, not '“': keys and texts stand in straight double quotes (")`},
		"key without quotes":  {`{a:1}`, `a:1}`, `this must be a key in double quotes, not 'a'`},
		"text without quotes": {`{"a":lan}`, `lan}`, `this must be a value, not 'l': a text stands in double quotes`},
		"text that begins so": {`{"a":net1}`, `et1}`, `"net1" is neither a number nor true, false or null: a text stands in double quotes`},
		"address":             {`{"a":10.0.0.1/24}`, `.0.1/24}`, `this must be a comma or a closing brace, not '.'`},
		"True":                {`{"a":True}`, `True}`, `this must be a value, not 'T': write true in small letters`},
		"None":                {`[None]`, `None]`, `this must be a value, not 'N': write null for none`},
		"decimal point":       {`[.5]`, `.5]`, `this must be a value, not '.': a number begins with a digit or with -`},
		"escape":              {`["a\x"]`, `x"]`, `a backslash in a text cannot be followed by this, not 'x': write \\ for a backslash`},
		"placeholder":         {`{"mtu": ${MTU}}`, `${MTU}}`, `this must be a value, not '$': a placeholder must be filled in first, or stand in double quotes`},
		"template":            {`{"mtu": {{ .mtu }} }`, `{ .mtu }} }`, `this must be a key in double quotes, not '{': a placeholder must be filled in first, or stand in double quotes`},
		"no-break space":      {"{\u00a0\"a\":1}", "\u00a0\"a\":1}", `this must be a key in double quotes, not '\u00a0': this character is invisible, and was perhaps pasted from a web page`},
		"no UTF-8":            {"[\xffa]", "\xffa]", "this must be a value, not a byte that is not UTF-8"},
		"too deep":            {strings.Repeat("[", 10001), "[", "values cannot be nested more than 10000 deep, not '['"},
	} {
		offset, detail := SyntaxFault(test.text)
		want := "is not valid JSON: " + Position(test.text, min(max(offset, 0), len(strings.TrimRight(test.text, Space)))) + ": " + test.want
		if strings.HasPrefix(test.want, "is empty") {
			want = test.want
		}
		if detail != want {
			t.Errorf("%s: %.40q:\n%s, want\n%s", name, test.text, detail, want)
		}
		if offset < 0 || offset > len(test.text) || test.text[offset:] != test.at {
			t.Errorf("%s: %.40q: at %d", name, test.text, offset)
		}
	}
	for _, text := range []string{`{"a":[1,{"b":null}]}`, " 1 "} {
		if offset, detail := SyntaxFault(text); offset != -1 || detail != "" {
			t.Errorf("%s: %d %s", text, offset, detail)
		}
	}
}

func TestPosition(t *testing.T) {
	const text = "é\n\nab"
	for offset, want := range map[int]string{0: "line 1, column 1", 2: "line 1, column 2", 3: "line 2, column 1", 5: "line 3, column 2", 6: "line 3, column 3"} {
		if got := Position(text, offset); got != want {
			t.Errorf("%d: %s, want %s", offset, got, want)
		}
	}
}
