package spiderpool

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// brief is a fault in one line: what is at fault, where, and in what way.
func brief(f Fault) string {
	return fmt.Sprintf("%s [%d].%s @%d %q %s", f.Problem, f.Index, f.Field, f.Offset, f.Value, f.Detail)
}

func briefs(faults []Fault) []string {
	var out []string
	for _, f := range faults {
		out = append(out, brief(f))
	}
	return out
}

// checkFaults compares faults in their short form, and sees that each is
// complete and belongs to the annotation.
func checkFaults(t *testing.T, annotation, value string, faults []Fault, want []string) {
	t.Helper()
	if diff := cmp.Diff(want, briefs(faults)); diff != "" {
		t.Errorf("%s: faults (-want +got):\n%s", value, diff)
	}
	for _, f := range faults {
		if f.Annotation != annotation || f.Want == "" {
			t.Errorf("%s: fault %+v is incomplete", value, f)
		}
	}
}

// sameSelections compares selections without what could not be read of them.
var sameSelections = cmp.Options{cmpopts.IgnoreUnexported(Selection{}), cmpopts.EquateEmpty()}

// invalid counts the faults for which Spiderpool refuses a value.
func invalid(faults []Fault) int {
	n := 0
	for _, f := range faults {
		if f.Problem == ProblemInvalid {
			n++
		}
	}
	return n
}
