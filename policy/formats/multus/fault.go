package multus

import (
	"cmp"
	"slices"
)

// Problem is the kind of a [Fault].
type Problem string

// The kinds of faults.
const (
	// ProblemSyntax: the value, or a part of it, cannot be read at all.
	ProblemSyntax Problem = "syntax"
	// ProblemName: a network or a namespace has no name or one that no object
	// can have; also a null in place of a network.
	ProblemName Problem = "name"
	// ProblemCount: the default network is not exactly one network.
	ProblemCount Problem = "count"
	// ProblemInterface: no interface can have this name.
	ProblemInterface Problem = "interface"
	// ProblemMAC: no macvlan interface can have this MAC address.
	ProblemMAC Problem = "mac"
	// ProblemIP: an entry of "ips" or "default-route" is no IP address.
	ProblemIP Problem = "ip"
	// ProblemGUID: this is no InfiniBand GUID.
	ProblemGUID Problem = "guid"
)

// Fault is one thing that is wrong with an annotation's value.
type Fault struct {
	Problem Problem
	// Element is the index of the network in the list, -1 for the whole value.
	Element int
	// Field is the JSON key of the culprit, also where it stands in the comma
	// form ("namespace", "name", "interface"); "" for an element or the value
	// as a whole.
	Field string
	// Offset is where the culprit starts in the value, in bytes; in the JSON
	// form that is a string's opening quote. It equals the value's length when
	// something is missing at its end, and is 0 when nothing better is known.
	Offset int
	// Value is the culprit's text, a JSON string without its quotes and
	// escapes; "" for none. It is as long as its author made it.
	Value string
	// Detail says what is wrong, without the value. It continues a sentence
	// that starts with Value, or, where that is empty, with what Element and
	// Field name: "is longer than 15 bytes".
	Detail string
	// Want says what is accepted, again without the value.
	Want string
	// More is how many faults of the kind follow in the same field that are not kept.
	More int
}

// maxFaults is how many faults of one kind in one field of an element are kept, more than a
// person writes by hand.
const maxFaults = 20

// inOrder sorts faults by where they are, leaving those of one place as found.
func inOrder(faults []Fault) []Fault {
	slices.SortStableFunc(faults, func(a, b Fault) int { return cmp.Compare(a.Offset, b.Offset) })
	return faults
}
