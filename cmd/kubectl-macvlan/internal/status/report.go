package status

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// State is what was found out about one thing, or about all of them.
type State string

const (
	// OK is as it is meant to be.
	OK State = "ok"
	// Note is worth knowing, and changes nothing for the state of the whole.
	Note State = "note"
	// Problem keeps the webhook from working as it is meant to.
	Problem State = "problem"
	// Unknown could not be found out.
	Unknown State = "unknown"
)

// Line is one thing that was looked at.
type Line struct {
	// Check names what was looked at. Webhooks have their own names.
	Check   string `json:"check"`
	State   State  `json:"state"`
	Message string `json:"message"`
	// Remedy says what to do; empty when there is nothing to be done.
	Remedy string `json:"remedy,omitempty"`

	// lasting marks what does not change by waiting: a permission that is missing, say.
	lasting bool
}

// Report is what was found out. It is also the JSON form.
type Report struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	// State is Problem when there is one, else Unknown when something is, else OK.
	State  State  `json:"state"`
	Checks []Line `json:"checks"`
}

func newReport(lines []Line) *Report {
	r := &Report{APIVersion: "macvlan-webhook.io/v1alpha1", Kind: "StatusReport", State: OK, Checks: lines}
	switch {
	case r.count(Problem) > 0:
		r.State = Problem
	case r.count(Unknown) > 0:
		r.State = Unknown
	}
	return r
}

func (r *Report) count(state State) int {
	n := 0
	for _, l := range r.Checks {
		if l.State == state {
			n++
		}
	}
	return n
}

// MayChange says whether it is worth waiting for another state.
func (r *Report) MayChange() bool {
	for _, l := range r.Checks {
		if l.State == Problem || l.State == Unknown && !l.lasting {
			return true
		}
	}
	return false
}

// Summary is one line about the whole.
func (r *Report) Summary() string {
	problems, unknown := r.count(Problem), r.count(Unknown)
	var parts []string
	if problems > 0 {
		parts = append(parts, plural(problems, "problem", "problems"))
	}
	if unknown > 0 {
		parts = append(parts, plural(unknown, "thing", "things")+" could not be found out")
	}
	if len(parts) == 0 {
		return "The webhook works in this cluster."
	}
	return strings.Join(parts, ", ") + "."
}

func plural(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}

// Text writes a line for each thing, with what to do below it.
func Text(w io.Writer, r *Report) error {
	var b strings.Builder
	for _, l := range r.Checks {
		fmt.Fprintf(&b, "%-8s %s: %s\n", l.State, l.Check, strings.ReplaceAll(l.Message, "\n", " "))
		if l.Remedy != "" {
			fmt.Fprintf(&b, "         To do: %s\n", l.Remedy)
		}
	}
	b.WriteString(r.Summary() + "\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// JSON writes the report for programs.
func JSON(w io.Writer, r *Report) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(r)
}
