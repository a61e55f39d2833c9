package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// result is what a drill came to.
type result struct {
	drill *drill
	// calls of the API server to us, as it counts them, and how many there were at least and
	// at most by the answers to the creations.
	calls, least, greatest int
	// creations by outcome.
	creations map[outcome]int
	// perSecond is how many pods were created a second.
	perSecond float64
	// latest is how long after the beginning of its window the last call was sent that
	// failed, and recovery how long after it the first was that did not fail any more.
	latest, recovery time.Duration
	// p50, p99 and most are how long creations took that ended rightly.
	p50, p99, most time.Duration
	// peak memory of a replica, in bytes.
	peak int
	// notes are for the table, problems are promises that are broken.
	notes, problems []string
}

func newResult(d *drill, s *site, tries []try, windows []window) *result {
	r := &result{drill: d, calls: s.counts.calls, creations: map[outcome]int{}, peak: s.peak, notes: s.notes, problems: s.problems}
	slices.SortFunc(tries, func(a, b try) int { return a.sent.Compare(b.sent) })
	var took []time.Duration
	for i := range tries {
		t := &tries[i]
		r.creations[t.outcome]++
		// One that failed failed at the first or a later call; one that the API server could
		// not end for its own reasons made calls or did not.
		r.greatest += t.calls
		switch t.outcome {
		case failed:
			r.least++
		case right, wrong, undecided:
			r.least += t.calls
		}
		if t.outcome == right {
			took = append(took, t.took)
		}
	}
	slices.Sort(took)
	if len(took) > 0 {
		r.p50, r.p99, r.most = took[len(took)/2], took[len(took)*99/100], took[len(took)-1]
	}
	r.perSecond = float64(len(tries)-1) / tries[len(tries)-1].sent.Sub(tries[0].sent).Seconds()
	r.judgeFailures(s.scale, tries, windows)
	r.judgeAnswers(tries)
	r.judgeFigures(s)
	if len(r.problems) > 0 {
		for _, w := range windows {
			r.broken("for the times above: %s from %s on", w.what, seconds(w.from.Sub(tries[0].sent)))
		}
	}
	return r
}

// judgeFailures looks at the calls that failed: whether each lies in a window, and how late
// in it.
func (r *result) judgeFailures(scale scale, tries []try, windows []window) {
	var unexcused []try
	for i := range tries {
		t := &tries[i]
		if t.outcome != failed {
			continue
		}
		n := slices.IndexFunc(windows, func(w window) bool { return w.holds(t) })
		excused := r.drill.mayFail != nothing || r.drill.crowded && !scale.timed
		if n < 0 || !excused {
			unexcused = append(unexcused, *t)
			continue
		}
		// Of several windows the last one that it lies in.
		for n+1 < len(windows) && windows[n+1].holds(t) {
			n++
		}
		r.latest = max(r.latest, t.sent.Sub(windows[n].from))
		if next := slices.IndexFunc(tries[i:], func(t try) bool { return t.outcome == right }); next > 0 {
			r.recovery = max(r.recovery, tries[i+next].sent.Sub(windows[n].from))
		}
	}
	r.list("failed", unexcused, tries[0].sent)
	if limit := r.drill.mayFail.limit(); scale.timed && r.latest > limit {
		r.broken("a call failed that was sent %s after what it failed of, %s are allowed", seconds(r.latest), limit)
	}
}

// judgeAnswers looks at the creations that did not end rightly for other reasons.
func (r *result) judgeAnswers(tries []try) {
	for _, o := range []outcome{wrong, undecided, elsewhere} {
		if r.drill.starved && o != wrong {
			continue
		}
		r.list(string(o), slices.DeleteFunc(slices.Clone(tries), func(t try) bool { return t.outcome != o }), tries[0].sent)
	}
}

// list tells of creations that ended as none may: how many, when after the beginning, and
// examples.
func (r *result) list(what string, tries []try, start time.Time) {
	if len(tries) == 0 {
		return
	}
	r.broken("%d creations ended %s, sent %s to %s after the beginning", len(tries), what, seconds(tries[0].sent.Sub(start)), seconds(tries[len(tries)-1].sent.Sub(start)))
	const examples = 5
	for i := range tries[:min(examples, len(tries))] {
		r.broken("for example, after %s, for %s: %s: %.600s", seconds(tries[i].sent.Sub(start)), seconds(tries[i].took), tries[i].specimen, tries[i].said)
	}
}

// judgeFigures holds the other figures against what is promised.
func (r *result) judgeFigures(s *site) {
	if r.peak > memoryLimit {
		r.broken("a replica took %d MiB, its container has %d", r.peak>>20, memoryLimit>>20)
	}
	if r.calls < s.scale.calls {
		r.broken("%d calls are too few, %d are to be counted", r.calls, s.scale.calls)
	}
	if s.scale.timed && r.perSecond < 50 {
		r.broken("%.1f pods were created a second, 50 are promised", r.perSecond)
	}
	// Of some ten thousand calls the API server has counted three more than there were
	// creations for, while none was answered wrongly: that is not held against anybody.
	if r.calls < r.least-s.uncounted || r.calls > r.greatest+r.greatest/1000 {
		r.broken("the API server counted %d calls, by the answers there were %d to %d", r.calls, r.least, r.greatest)
	}
	if s.counts.failed != r.creations[failed] && !r.drill.starved {
		r.broken("the API server counted %d calls that failed, %d creations failed of one", s.counts.failed, r.creations[failed])
	}
}

func (r *result) broken(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(r.problems, text) {
		r.problems = append(r.problems, text)
	}
}

const (
	header = "| drill | calls | failed | wrong | may fail | last failed after | answers again after | pods/s | p50 | p99 | slowest | memory | remarks |\n" +
		"|---|---:|---:|---:|---|---:|---:|---:|---:|---:|---:|---:|---|\n"
	none = "-"
)

// row is a line of the table.
func (r *result) row() string {
	remarks := slices.Clone(r.notes)
	if n := r.creations[undecided]; n > 0 {
		remarks = append(remarks, fmt.Sprintf("%d undecided: the cluster could not be asked", n))
	}
	if n := r.creations[elsewhere]; n > 0 {
		remarks = append(remarks, fmt.Sprintf("%d refused by the API server itself", n))
	}
	latest, recovery := none, none
	if r.creations[failed] > 0 && r.drill.mayFail != nothing {
		latest, recovery = seconds(r.latest), seconds(r.recovery)
	}
	return fmt.Sprintf("| `%s` | %d | %d | %d | %s | %s | %s | %.0f | %s | %s | %s | %d MiB | %s |\n",
		r.drill.name, r.calls, r.creations[failed], r.creations[wrong], r.drill.mayFail, latest, recovery, r.perSecond,
		milliseconds(r.p50), milliseconds(r.p99), milliseconds(r.most), r.peak>>20, cmp.Or(strings.Join(remarks, "; "), none))
}

// tell prints a result as soon as there is one.
func (r *result) tell(out io.Writer) {
	fmt.Fprint(out, r.row())
	for _, p := range r.problems {
		fmt.Fprintf(out, "  broken: %s\n", p)
	}
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }

func milliseconds(d time.Duration) string { return fmt.Sprintf("%d ms", d.Milliseconds()) }
