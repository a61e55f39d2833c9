package ruledocs

import (
	"strings"
	"testing"
)

const whole = "---\ntitle: a\ngroup: b\nsince: v0.1.0\n---\n\nOne\ntwo.\n\nThree.\n\n## Remedy\n\nDo\nit.\n\n## Wrong\n\n```yaml\nw: 1\n```\n\n## Right\n\n```yaml\nr: 1\n```\n"

func TestParse(t *testing.T) {
	got, err := parse(whole)
	if err != nil {
		t.Fatal(err)
	}
	want := Doc{Title: "a", Group: "b", Since: "v0.1.0", Text: "One two.\n\nThree.", Remedy: "Do it.", Wrong: "w: 1\n", Right: "r: 1\n"}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestParseRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"no head":            strings.TrimPrefix(whole, "---\n"),
		"open head":          strings.Replace(whole, "\n---\n", "\n", 1),
		"unknown key":        strings.Replace(whole, "since:", "until:", 1),
		"heading missing":    strings.Replace(whole, "## Wrong\n", "", 1),
		"heading misspelled": strings.Replace(whole, "## Wrong\n", "## Bad\n", 1),
		"no block":           strings.Replace(whole, "```yaml\nw: 1\n```", "w: 1", 1),
		"empty block":        strings.Replace(whole, "w: 1\n", "", 1),
	} {
		t.Run(name, func(t *testing.T) {
			if d, err := parse(text); err == nil {
				t.Errorf("parsed as %+v", d)
			}
		})
	}
}

func TestRead(t *testing.T) {
	ids, err := IDs()
	if err != nil || len(ids) == 0 {
		t.Fatalf("IDs: %v, %v", ids, err)
	}
	for _, id := range ids {
		if _, err := Read(id); err != nil {
			t.Error(err)
		}
	}
	if _, err := Read("no-such-rule"); err == nil {
		t.Error("a text was read that is not there")
	}
}
