// Package ruledoc writes the documentation of rules, all of it from the rule
// table.
package ruledoc

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/macvlan-webhook/macvlan-webhook/policy"
)

// Text writes one rule for a terminal.
func Text(w io.Writer, r policy.Rule) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s (%s, since %s)\n%s\n\n%s\n\nTo fix it: %s\n", r.ID, r.Default, r.Since, r.Title, wrap(r.Text), wrap(r.Remedy))
	fmt.Fprintf(&b, "\nWrong:\n%s\nRight:\n%s", indent(r.Wrong), indent(r.Right))
	_, err := w.Write(b.Bytes())
	return err
}

// Markdown writes rules as a page, under the headings of their groups.
func Markdown(w io.Writer, rules []policy.Rule) error {
	var b bytes.Buffer
	if len(rules) > 1 {
		b.WriteString("# Rules\n\nWritten by `make docs`; do not edit. The texts are in `policy/ruledocs`, the actions in the rules.\n\n")
		b.WriteString("The action of a rule is changed in [PolicyConfig](configuration.md) under `rules`: deny, warn or off.\n\n")
		b.WriteString("| rule | action | what is wrong |\n|---|---|---|\n")
		for _, r := range rules {
			fmt.Fprintf(&b, "| [%s](#%s) | %s | %s |\n", r.ID, r.ID, r.Default, r.Title)
		}
	}
	group := ""
	for _, r := range ordered(rules) {
		if r.Group != group {
			group = r.Group
			fmt.Fprintf(&b, "\n## %s\n", group)
		}
		fmt.Fprintf(&b, "\n### %s\n\n*%s; %s since %s.*\n\n%s\n\n**To fix it:** %s\n", r.ID, r.Title, r.Default, r.Since, r.Text, r.Remedy)
		fmt.Fprintf(&b, "\nWrong:\n\n```yaml\n%s```\n\nRight:\n\n```yaml\n%s```\n", r.Wrong, r.Right)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// ordered puts the rules of one group together, groups in the order of their
// first rule.
func ordered(rules []policy.Rule) []policy.Rule {
	var groups []string
	members := map[string][]policy.Rule{}
	for _, r := range rules {
		if _, ok := members[r.Group]; !ok {
			groups = append(groups, r.Group)
		}
		members[r.Group] = append(members[r.Group], r)
	}
	var out []policy.Rule
	for _, g := range groups {
		out = append(out, members[g]...)
	}
	return out
}

// lineLength fits a terminal of 80 columns.
const lineLength = 79

// wrap breaks lines at spaces.
func wrap(text string) string {
	var out []string
	for _, paragraph := range strings.Split(text, "\n\n") {
		var lines []string
		line := ""
		for _, word := range strings.Fields(paragraph) {
			switch {
			case line == "":
				line = word
			case len(line)+1+len(word) > lineLength:
				lines = append(lines, line)
				line = word
			default:
				line += " " + word
			}
		}
		out = append(out, strings.Join(append(lines, line), "\n"))
	}
	return strings.Join(out, "\n\n")
}

func indent(text string) string {
	return "  " + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n  ") + "\n"
}
