package verdict

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestWarning(t *testing.T) {
	long := strings.Repeat("word ", 60)
	for _, tt := range []struct {
		name string
		f    Finding
		want string
	}{
		{"with its remedy", Finding{Rule: "r", Message: `mac "03:00" is a multicast address`, Remedy: "use a unicast one"}, `r: mac "03:00" is a multicast address; use a unicast one`},
		{"relaxed", Finding{Rule: "r", Message: "m", Remedy: "do", Relaxed: true}, "r: would be refused: m; do"},
		{"a remedy of lines", Finding{Rule: "r", Message: "m", Remedy: "write:\n  a: b"}, "r: m (kubectl macvlan explain r)"},
		{"a remedy that is too long", Finding{Rule: "r", Message: "m", Remedy: long}, "r: m (kubectl macvlan explain r)"},
		{"a clause too many", Finding{Rule: "r", Message: "a is b; accepted: " + long}, "r: a is b (kubectl macvlan explain r)"},
		{"an aside too many", Finding{Rule: "r", Message: `a "x (y; z" (by its (own) name, ` + long + `) is b; c`}, `r: a "x (y; z" is b; c (kubectl macvlan explain r)`},
		{"an aside and a clause too many", Finding{Rule: "r", Message: "a (" + long + ") is b; c " + long}, "r: a is b (kubectl macvlan explain r)"},
		{"a bracket that stays open", Finding{Rule: "r", Message: "a is b; c (" + long}, "r: a is b (kubectl macvlan explain r)"},
		{"a semicolon in a value", Finding{Rule: "r", Message: `a "x\"; ` + long + `" b`}, `r: a "x\"; ` + strings.Repeat("word ", 42) + "word… (kubectl macvlan explain r)"},
		{"no place to end", Finding{Rule: "r", Message: long}, "r: " + strings.Repeat("word ", 43) + "word… (kubectl macvlan explain r)"},
		{"control characters", Finding{Rule: "r", Message: "a\tb\nc\x00d\u0085e\xff", Remedy: "f\x1bg"}, "r: a b c d e\uFFFD; f g"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.f.Warning(); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

// What matters most comes first, and in mode warn what becomes of the next pods is what would.
func TestOrderOfWarnings(t *testing.T) {
	v := Verdict{Inherited: "the next pods of this Deployment will be refused", ModeNote: "the label is ignored", Findings: []Finding{
		{Rule: "a", Action: Warn, Message: "is odd"},
		{Rule: "b", Action: Warn, Message: "is wrong", Inherited: true},
		{Rule: "c", Action: Warn, Message: "is wrong", Relaxed: true},
		{Rule: "d", Action: Warn, Message: "is wrong", Relaxed: true, Inherited: true},
		{Rule: "e", Action: Warn, Message: "is wrong", Relaxed: true, Inherited: true},
		{Rule: "f", Action: Deny, Message: "is wrong"},
		{Rule: "a", Action: Warn, Message: "is odd"},
	}}
	want := []string{
		"could not be checked",
		"the next pods of this Deployment will be refused: b (kubectl macvlan explain b)",
		"in mode enforce, the next pods of this Deployment will be refused: d, e (kubectl macvlan explain RULE)",
		"the label is ignored",
		"c: would be refused: is wrong (kubectl macvlan explain c)",
		"a: is odd (kubectl macvlan explain a)",
	}
	if got := v.Warnings("could not be checked"); !slices.Equal(got, want) {
		t.Errorf("%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if got := (&Verdict{}).Warnings(); len(got) != 0 {
		t.Errorf("%q of a verdict without findings", got)
	}
}

// However many rules are inherited, they are one line.
func TestManyInheritedRules(t *testing.T) {
	v := Verdict{Inherited: "the next pods of this Deployment will be refused"}
	for n := range 30 {
		rule := fmt.Sprintf("a-rule-with-a-long-name-%d", n)
		v.Findings = append(v.Findings, Finding{Rule: rule, Action: Warn, Inherited: true, Message: "m"}, Finding{Rule: rule, Action: Warn, Inherited: true, Message: "n"})
	}
	got := v.Warnings()
	if len(got) != 1 || !strings.HasPrefix(got[0], "the next pods of this Deployment will be refused: a-rule-with-a-long-name-0, a-rule-with-a-long-name-1, ") ||
		!strings.HasSuffix(got[0], " more (kubectl macvlan explain RULE)") || utf8.RuneCountInString(got[0]) > 256 {
		t.Errorf("%q", got)
	}
}

// An API server cuts and drops warnings when there are too many of them, and drops one with
// a control character always. None of that may happen to ours, whatever is in the findings.
func TestAllWarningsArrive(t *testing.T) {
	for _, length := range []int{1, 40, 200, 5000} {
		for _, count := range []int{1, 15, 16, 100, 1000} {
			v := Verdict{ModeNote: strings.Repeat("说", length), Inherited: "the next pods will be refused"}
			for n := range count {
				v.Findings = append(v.Findings, Finding{Rule: fmt.Sprintf("rule-%d", n), Action: Warn, Message: strings.Repeat("说\n", length)})
			}
			v.Findings = append(v.Findings, Finding{Rule: "inherited", Action: Warn, Inherited: true, Message: "m"})
			lines, total := v.Warnings(), 0
			for _, line := range lines {
				total += utf8.RuneCountInString(line)
				if utf8.RuneCountInString(line) > 256 || !utf8.ValidString(line) || strings.ContainsFunc(line, unicode.IsControl) {
					t.Errorf("length %d, count %d: %q", length, count, line)
				}
			}
			if total > 4096-256 {
				t.Errorf("length %d, count %d: %d characters", length, count, total)
			}
			if !strings.HasPrefix(lines[0], "the next pods will be refused: inherited") || !strings.HasPrefix(lines[1], "说") {
				t.Errorf("length %d, count %d: first %q", length, count, lines[:2])
			}
			// The two lines at the head are no findings.
			said := len(lines) - 2
			if rest := count - said; rest > 0 {
				if want := fmt.Sprintf("and %d more: kubectl macvlan check prints them all", rest+1); lines[len(lines)-1] != want {
					t.Errorf("length %d, count %d: last %q, want %q", length, count, lines[len(lines)-1], want)
				}
			}
		}
	}
}
