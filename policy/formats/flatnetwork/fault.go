package flatnetwork

import (
	"fmt"
	"strings"

	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/tally"
)

// Problem is the kind of a [Fault].
type Problem string

// The kinds of faults.
const (
	// ProblemSyntax: the controller cannot read the value, or reads something else
	// than was meant.
	ProblemSyntax Problem = "syntax"
	// ProblemNotAssignable: no interface can have the address.
	ProblemNotAssignable Problem = "not-assignable"
	// ProblemDuplicate: an address stands in the list twice.
	ProblemDuplicate Problem = "duplicate"
	// ProblemCount: there are lists of both kinds, of different lengths.
	ProblemCount Problem = "count"
	// ProblemIgnored: a controller that is still in use ignores the value.
	ProblemIgnored Problem = "ignored"
	// ProblemNoIP: a subnet is named, and the annotation of IP addresses is missing or
	// empty, so that the controller ignores the pod. It harms those alone that are
	// attached to the flat network.
	ProblemNoIP Problem = "no-ip"
	// ProblemNoSubnet: addresses are asked for without a subnet.
	ProblemNoSubnet Problem = "no-subnet"
	// ProblemLabel: the controller writes the value into a label, which it does not fit.
	ProblemLabel Problem = "label"
)

// maxFaults is how many faults of one kind in one annotation are kept, more than a
// person writes by hand.
const maxFaults = 20

// Fault is one thing that is wrong with an annotation's value.
type Fault struct {
	Problem Problem
	// Annotation is the annotation's key.
	Annotation string
	// Position is that of the address in its list, from 1; 0 for the value as a whole
	// and for the only address of a list.
	Position int
	// Offset is where the culprit begins in the value, in bytes.
	Offset int
	// Value is the culprit's text, empty for none. It is as long as its author made it.
	Value string
	// Detail says what is wrong. It continues a sentence that begins with Value, or
	// where that is empty with what Position names: "is not an IP address".
	Detail string
	// Want says what is accepted, and Remedy what to write instead.
	Want, Remedy string
	// Softened marks what does harm in some versions only, or seldom: it asks for a
	// warning.
	Softened bool
	// More is how many faults of the kind follow that are not kept.
	More int
}

// Message is the fault as a sentence: which address is wrong in what way, and what is
// accepted. It begins with "the annotation" where the value as a whole is at fault.
func (f *Fault) Message() string {
	var words []string
	if f.Position > 0 {
		words = append(words, fmt.Sprintf("address %d", f.Position))
	}
	if f.Value != "" {
		words = append(words, quote.Value(f.Value))
	}
	if len(words) == 0 {
		words = append(words, "the annotation")
	}
	message := strings.Join(append(words, f.Detail), " ")
	if f.Want != "" {
		message += "; accepted: " + f.Want
	}
	return message
}

// add keeps a fault, or counts it with the last one kept of its kind.
func (r *Request) add(f Fault) {
	last := tally.Full(r.Faults, maxFaults, func(k *Fault) bool {
		return k.Problem == f.Problem && k.Annotation == f.Annotation && k.Softened == f.Softened
	})
	if last != nil {
		last.More++
		return
	}
	r.Faults = append(r.Faults, f)
}
