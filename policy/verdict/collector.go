package verdict

import (
	"fmt"
	"slices"
)

// MaxFindings is how many faults of one kind in one annotation are reported. All
// that a person wrote by hand fits; a list of thousands of wrong addresses would
// only bury what else is wrong.
const MaxFindings = 20

// Collector collects the findings of one rule, as many as anybody would read.
type Collector struct {
	kept []Finding
	more int
}

// Add takes one more finding. It is made only when it is kept: to say where it
// stands, the annotation is read again. What is softened makes room for what is not,
// so that a row of warnings does not hide the reason to refuse the pod.
func (f *Collector) Add(softened bool, find func() Finding) {
	if len(f.kept) == MaxFindings {
		f.more++
		last := MaxFindings - 1
		for last >= 0 && (softened || !f.kept[last].Softened) {
			last--
		}
		if last < 0 {
			return
		}
		f.kept = slices.Delete(f.kept, last, last+1)
	}
	one := find()
	one.Softened = softened
	f.kept = append(f.kept, one)
}

// List are the findings that are kept; the last one says how many more there were.
func (f *Collector) List() []Finding {
	if f.more > 0 {
		f.kept[MaxFindings-1].Message += fmt.Sprintf(" (and %d more of the kind)", f.more)
	}
	return f.kept
}
