package jsonplace

import (
	"strings"
	"testing"
)

func TestSyntaxFault(t *testing.T) {
	const (
		notClosed  = " bytes: a bracket, brace or quote is not closed"
		oneTooMany = ": the comma before it is one too many"
		straight   = `: put names and strings in straight double quotes, "`
	)
	tests := []struct {
		text            string
		offset          int
		culprit, detail string
	}{
		{`{"a":[1,{"b":null}]}`, -1, "", ""},
		{" 1 ", -1, "", ""},
		{"", 0, "", "is empty"},
		{" \n", 0, "", "is empty"},
		{`[`, 1, "", "ends too early, after 1" + notClosed},
		{`[1 `, 3, "", "ends too early, after 3" + notClosed},
		{`{"a":"b`, 7, "", "ends too early, after 7" + notClosed},
		{`-`, 1, "", "ends too early, after 1" + notClosed},
		{`[1}`, 2, "}", "is not allowed at byte 3"},
		{`[1, ]`, 4, "]", "is not allowed at byte 5" + oneTooMany},
		{`{"a":1,}`, 7, "}", "is not allowed at byte 8" + oneTooMany},
		{`{a:1}`, 1, "a", "is not allowed at byte 2"},
		{`{"a":1} more, x`, 8, "more", "is not allowed at byte 9"},
		{`{"a" "b"}`, 5, `"`, "is not allowed at byte 6"},
		{`{'a':1}`, 1, "'a'", "is not allowed at byte 2" + straight},
		{`{“a”:1}`, 1, "“a”", "is not allowed at byte 2" + straight},
		{"[\"a\x00\"]", 3, "\x00", "is not allowed at byte 4"},
		{"[\xffa]", 1, "\xffa", "is not allowed at byte 2"},
		{strings.Repeat("[", 10001), 10000, "[", "is not allowed at byte 10001"},
	}
	for _, tt := range tests {
		offset, culprit, detail := SyntaxFault(tt.text)
		if offset != tt.offset || culprit != tt.culprit || detail != tt.detail {
			t.Errorf("%.40q: %d %q %s\nwant %d %q %s", tt.text, offset, culprit, detail, tt.offset, tt.culprit, tt.detail)
		}
	}
}

func TestWord(t *testing.T) {
	tests := []struct {
		text   string
		offset int
		want   string
	}{
		{"ab c", 0, "ab"}, {"ab,c", 1, "b"}, {",a", 0, ","}, {"ab", 0, "ab"}, {"é\xff:", 0, "é\xff"}, {"a\nb ", 1, "\nb"},
	}
	for _, tt := range tests {
		if got := Word(tt.text, tt.offset); got != tt.want {
			t.Errorf("%q at %d: %q, want %q", tt.text, tt.offset, got, tt.want)
		}
	}
}
