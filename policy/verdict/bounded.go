package verdict

import (
	"cmp"
	"slices"
)

// Limits of what an admission response says: with more, the reason to refuse an object is
// hard to find, and each answer is kept in memory until its reader has taken it.
const (
	// MostFindings is how many findings of one verdict are said.
	MostFindings = 40
	// mostBytes is how long their texts are together, paths and remedies included.
	mostBytes = 24 << 10
)

// group are the findings of a rule that have one action.
type group struct {
	rule   string
	action Action
}

// Bounded is the verdict as it is said at admission: denials before warnings, the first
// finding of each rule before the second of any, and of each rule [MaxFindings] at most. The
// last one of a rule counts those that are left out. It decides the same.
//
// What an update inherits ([Verdict.Inherit]) and what is counted rest on the whole verdict.
func (v *Verdict) Bounded() Verdict {
	// rank is a finding's place within its group, from 0.
	rank, order := make([]int, len(v.Findings)), make([]int, len(v.Findings))
	size := map[group]int{}
	for i := range v.Findings {
		g := v.Findings[i].group()
		order[i], rank[i] = i, size[g]
		size[g]++
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(v.Findings[b].Action.severity(), v.Findings[a].Action.severity()), cmp.Compare(rank[a], rank[b]), cmp.Compare(a, b))
	})
	var kept []int
	room := mostBytes
	for _, i := range order {
		if room -= v.Findings[i].size(); len(kept) == MostFindings || room < 0 && len(kept) > 0 {
			break
		}
		if rank[i] < MaxFindings {
			kept = append(kept, i)
		}
	}
	slices.Sort(kept)

	said := *v
	said.Findings = make([]Finding, len(kept))
	last := map[group]int{}
	for n, i := range kept {
		said.Findings[n] = v.Findings[i]
		last[v.Findings[i].group()] = n
	}
	for i := range v.Findings {
		if _, is := slices.BinarySearch(kept, i); is {
			continue
		}
		f := &v.Findings[i]
		if at, some := last[f.group()]; some {
			said.Findings[at].More += 1 + f.More
		} else {
			said.LeftOut = append(said.LeftOut, *f)
		}
	}
	return said
}

func (f *Finding) group() group { return group{f.Rule, f.Action} }

// size is how many bytes a finding takes up in an explanation.
func (f *Finding) size() int { return len(f.Rule) + len(f.Path()) + len(f.Message) + len(f.Remedy) }
