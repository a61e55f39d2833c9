package verdict

import "slices"

// MaxFindings is how many findings of one kind are kept. All that a person wrote by hand
// fits; a list of thousands of wrong addresses would only bury what else is wrong.
const MaxFindings = 20

// Collector collects the findings of one rule, as many as anybody would read.
type Collector struct {
	kept []Finding
	// denials and warnings are how many are left out.
	denials, warnings int
}

// Add takes one more finding. It is made only when it is kept: to say where it
// stands, the annotation is read again. What is softened makes room for what is not,
// so that a row of warnings does not hide the reason to refuse the pod.
func (f *Collector) Add(softened bool, find func() Finding) { f.AddOf(softened, 0, find) }

// AddOf is Add for a finding that stands for more of its kind.
func (f *Collector) AddOf(softened bool, more int, find func() Finding) {
	if len(f.kept) == MaxFindings {
		last := MaxFindings - 1
		for last >= 0 && (softened || !f.kept[last].Softened) {
			last--
		}
		if last < 0 {
			f.leaveOut(softened, 1+more)
			return
		}
		f.leaveOut(true, 1+f.kept[last].More)
		f.kept = slices.Delete(f.kept, last, last+1)
	}
	one := find()
	one.Softened, one.More = softened, more
	f.kept = append(f.kept, one)
}

func (f *Collector) leaveOut(softened bool, n int) {
	if softened {
		f.warnings += n
	} else {
		f.denials += n
	}
}

// List are the findings that are kept. How many more there were is counted by the last one
// of their kind: of those that are softened, or of those that are not.
func (f *Collector) List() []Finding {
	f.count(false, f.denials)
	f.count(true, f.warnings)
	f.denials, f.warnings = 0, 0
	return f.kept
}

func (f *Collector) count(softened bool, more int) {
	if more == 0 {
		return
	}
	at := len(f.kept) - 1
	for n := range f.kept {
		if f.kept[n].Softened == softened {
			at = n
		}
	}
	f.kept[at].More += more
}
