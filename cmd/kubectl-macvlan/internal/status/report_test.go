package status

import (
	"strings"
	"testing"
)

func TestReport(t *testing.T) {
	line := func(state State, lasting bool) Line {
		return Line{Check: "c", State: state, Message: "m\nn", Remedy: "r", lasting: lasting}
	}
	tests := []struct {
		name    string
		lines   []Line
		state   State
		changes bool
		summary string
	}{
		{"fine", []Line{line(OK, false), line(Note, false)}, OK, false, "The webhook works in this cluster."},
		{"a problem", []Line{line(OK, false), line(Problem, false)}, Problem, true, "1 problem."},
		{"a permission is missing", []Line{line(OK, false), line(Unknown, true)}, Unknown, false, "1 thing could not be found out."},
		{"nobody answered", []Line{line(Unknown, true), line(Unknown, false)}, Unknown, true, "2 things could not be found out."},
		{"both", []Line{line(Problem, false), line(Problem, false), line(Unknown, true)}, Problem, true, "2 problems, 1 thing could not be found out."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newReport(tt.lines)
			if r.State != tt.state || r.MayChange() != tt.changes || r.Summary() != tt.summary {
				t.Errorf("state %s, may change %t, summary %q", r.State, r.MayChange(), r.Summary())
			}
			var text strings.Builder
			if err := Text(&text, r); err != nil {
				t.Fatal(err)
			}
			if got := strings.Count(text.String(), "\n"); got != 2*len(tt.lines)+1 {
				t.Errorf("%d lines:\n%s", got, text.String())
			}
		})
	}
}
