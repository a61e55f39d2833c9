package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/macvlan-webhook/macvlan-webhook/policy"
)

// The cases of a rule of files are a script, and its examples must do what it says of them.
func TestRulesOfFiles(t *testing.T) {
	rules, err := policy.Rules()
	if err != nil {
		t.Fatal(err)
	}
	judged := 0
	for _, r := range rules {
		if r.Of != policy.Files {
			continue
		}
		judged++
		if _, err := os.Stat(filepath.Join("testdata", "script", "rule_"+r.ID+".txtar")); err != nil {
			t.Errorf("rule %s has no cases: %v", r.ID, err)
		}
		for _, example := range []struct {
			name, text string
			broken     bool
		}{{"wrong", r.Wrong, true}, {"right", r.Right, false}} {
			var out, errOut bytes.Buffer
			err := run(t.Context(), []string{"check", "-f", "-", "-o", "json"}, strings.NewReader(example.text), &out, &errOut)
			if err != nil && !errors.Is(err, errFound) {
				t.Errorf("%s of %s: %v", example.name, r.ID, err)
			}
			if broken := strings.Contains(out.String(), `"rule": "`+r.ID+`"`); broken != example.broken {
				t.Errorf("the %s example of %s breaks the rule: %t\n%s", example.name, r.ID, broken, out.String())
			}
		}
	}
	if judged == 0 {
		t.Error("no rule of files")
	}
}
