package spiderpool

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
)

// Problem is the kind of a [Fault].
type Problem string

// The kinds of faults.
const (
	// ProblemInvalid: Spiderpool refuses the value, or the pod fails with it.
	ProblemInvalid Problem = "invalid"
	// ProblemUnknownField: Spiderpool ignores this part of the value
	// silently, and the pod starts without what it asked for.
	ProblemUnknownField Problem = "unknown-field"
)

// Fault is one thing that is wrong with an annotation's value.
type Fault struct {
	Problem Problem
	// Annotation is the annotation's key.
	Annotation string
	// Index is the element of a list, -1 for the value as a whole and in
	// annotations that hold a single object.
	Index int
	// Field is the JSON key whose value is at fault; "" for an element, for a
	// key that is unknown, and for the value as a whole.
	Field string
	// Offset is where the culprit starts in the value, in bytes; at a string or
	// a key that is its opening quote. It equals the value's length when
	// something is missing at its end.
	Offset int
	// Value is the culprit's text, a JSON string without its quotes and
	// escapes; "" for none. It is as long as its author made it.
	Value string
	// Detail says what is wrong, without the value. It continues a sentence
	// that starts with Value, or, where that is empty, with what Index and
	// Field name: "is named twice".
	Detail string
	// Want says what is accepted, again without the value.
	Want string
	// More is how many faults of the kind follow that are not kept.
	More int
}

// maxFaults is how many faults of one kind in one annotation are kept, more than a person
// writes by hand.
const maxFaults = 100

// Message is the fault as a sentence: which value of which element is wrong in
// what way, and what is accepted. It begins with "the annotation" where the value
// as a whole is at fault.
func (f *Fault) Message() string {
	var b strings.Builder
	switch {
	case f.Value != "" && f.Field != "":
		b.WriteString(f.Field + " " + quote.Value(f.Value))
	case f.Value != "":
		b.WriteString(quote.Value(f.Value))
	case f.Field != "":
		b.WriteString(f.Field)
	case f.Index < 0:
		b.WriteString("the annotation")
	default:
		fmt.Fprintf(&b, "element %d", f.Index+1)
	}
	if f.Index >= 0 && (f.Value != "" || f.Field != "") {
		fmt.Fprintf(&b, " of element %d", f.Index+1)
	}
	b.WriteString(" " + f.Detail)
	if f.Want != "" {
		b.WriteString("; accepted: " + f.Want)
	}
	return b.String()
}

// inOrder sorts faults by where they are, leaving those of one place as found.
func inOrder(faults []Fault) []Fault {
	slices.SortStableFunc(faults, func(a, b Fault) int { return cmp.Compare(a.Offset, b.Offset) })
	return faults
}
