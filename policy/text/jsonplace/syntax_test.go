package jsonplace

import "testing"

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
