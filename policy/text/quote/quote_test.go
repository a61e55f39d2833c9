package quote

import (
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestValue(t *testing.T) {
	tests := []struct {
		name, in, want string
	}{
		{"empty", "", `""`},
		{"plain", "kube-system/macvlan-vlan0", `"kube-system/macvlan-vlan0"`},
		{"quotes and backslash", `a"b\c`, `"a\"b\\c"`},
		{"line break and tab", "a\nb\tc", `"a\nb\tc"`},
		{"terminal escape", "\x1b[31mred\x1b[0m", `"\x1b[31mred\x1b[0m"`},
		{"NUL and DEL", "\x00\x7f", `"\x00\x7f"`},
		{"C1 control", "\u009b31m", `"\u009b31m"`},
		{"not UTF-8", "a\xffb\xc3", `"a\xffb\xc3"`},
		{"direction override", "a\u202eb", `"a\u202eb"`},
		{"line separator", "a\u2028b", `"a\u2028b"`},
		{"other scripts stay readable", "网络-sítě", `"网络-sítě"`},
		{"exactly at the limit", strings.Repeat("a", 80), `"` + strings.Repeat("a", 80) + `"`},
		{"one over the limit", strings.Repeat("a", 81), `"` + strings.Repeat("a", 80) + `…"`},
		{"characters count, not bytes", strings.Repeat("网", 80), `"` + strings.Repeat("网", 80) + `"`},
		{"no character is cut in two", strings.Repeat("网", 81), `"` + strings.Repeat("网", 80) + `…"`},
		{"cut before quoting", strings.Repeat("\n", 100), `"` + strings.Repeat(`\n`, 80) + `…"`},
		{"broken bytes count one each", strings.Repeat("\xff", 81), `"` + strings.Repeat(`\xff`, 80) + `…"`},
		{"a megabyte", strings.Repeat("x", 1<<20), `"` + strings.Repeat("x", 80) + `…"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Value(tt.in); got != tt.want {
				t.Errorf("Value(%.100q)\n got %s\nwant %s", tt.in, got, tt.want)
			}
		})
	}
}

// TestValueLongest pins the bound that the documentation promises.
func TestValueLongest(t *testing.T) {
	widest := strings.Repeat(string(rune(0x10fffe)), Limit+1)
	if got, want := utf8.RuneCountInString(Value(widest)), Limit*len(`\U0010fffe`)+len(`""`)+1; got != want {
		t.Errorf("longest value has %d characters, want %d", got, want)
	}
}

func FuzzValue(f *testing.F) {
	for _, s := range []string{"", "a", "\x00", "\xff\xfe", strings.Repeat("é", 81), "\"\\\n", "\u202e"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := Value(s)
		back, err := strconv.Unquote(got)
		if err != nil {
			t.Fatalf("Value(%q) = %s, not a quoted string: %v", s, got, err)
		}
		switch kept, cut := strings.CutSuffix(back, "…"); {
		case utf8.RuneCountInString(s) <= Limit:
			if back != s {
				t.Errorf("Value(%q) reads back as %q", s, back)
			}
		case !cut || !strings.HasPrefix(s, kept) || utf8.RuneCountInString(kept) != Limit:
			t.Errorf("Value(%q) = %s, want its first %d characters and …", s, got, Limit)
		}
		for _, r := range got {
			if !unicode.IsPrint(r) {
				t.Errorf("Value(%q) shows the unprintable %U", s, r)
			}
		}
	})
}

func TestSome(t *testing.T) {
	for n, want := range []string{"", "a", "a, b", "a, b, and 1 more", "a, b, and 2 more"} {
		if got := Some([]rune("abcd")[:n], 2, func(r rune) string { return string(r) }); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}

func TestPlain(t *testing.T) {
	for value, want := range map[string]string{
		"":                        "",
		`DOMAIN\jane "j" doe`:     `DOMAIN\jane "j" doe`,
		"网络":                      "网络",
		"a\nb\x1b[31m\u202ec\xff": "a\uFFFDb\uFFFD[31m\uFFFDc\uFFFD",
		strings.Repeat("é", 80):   strings.Repeat("é", 80),
		strings.Repeat("é", 81):   strings.Repeat("é", 80) + "…",
	} {
		if got := Plain(value); got != want {
			t.Errorf("%q becomes %q, want %q", value, got, want)
		}
	}
}
