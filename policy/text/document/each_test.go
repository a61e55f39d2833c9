package document

import (
	"fmt"
	"strings"
	"testing"
)

// What can be read is read, whatever stands beside it, and both count.
func TestParseEach(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"all right":        {"a: 1\n---\nb: 2\n", `0:{"a":1} 1:{"b":2}`},
		"first":            {"a: [\n---\nb: 2\n", `1:{"b":2} !0:1`},
		"middle":           {"a: 1\n---\n{{- if .Values.on }}\nb: 2\n---\nc: 3\n", `0:{"a":1} 2:{"c":3} !1:3`},
		"all":              {"a: [\n---\nb: ]\n", `!0:1 !1:3`},
		"behind separator": {"a: 1\n--- b: 2\nc: 3\n", `0:{"a":1} 2:{"c":3} !1:2`},
		"row of JSON":      {`{"a":1}{"b":2}{"c"`, `0:{"a":1} 1:{"b":2} !2:1`},
		"broken JSON":      {`{"a":1,,}`, `!0:1`},
		"JSON, then YAML":  {"{\"a\":1}\n---\nb: [\n---\nc: 3\n", `0:{"a":1} 2:{"c":3} !1:3`},
		"not UTF-8":        {"a: 1\n---\nb: \xff\n", `!0:3`},
	} {
		t.Run(name, func(t *testing.T) {
			documents, broken := ParseEach([]byte(test.text))
			var got []string
			for _, d := range documents {
				got = append(got, fmt.Sprintf("%d:%s", d.Index, d.JSON))
			}
			for _, b := range broken {
				got = append(got, fmt.Sprintf("!%d:%d", b.Document, b.Line))
			}
			if strings.Join(got, " ") != test.want {
				t.Errorf("got %s, want %s", strings.Join(got, " "), test.want)
			}
			if _, err := Parse([]byte(test.text)); (err == nil) != (len(broken) == 0) {
				t.Errorf("Parse: error %v", err)
			}
		})
	}
}
