package spiderpool

import (
	"path"
	"slices"
	"strings"
)

// IsPattern tells patterns of pools from names as Spiderpool does (HasWildcardInStr in
// pkg/ippoolmanager/utils.go): a lone bracket is part of a name.
func IsPattern(s string) bool {
	return strings.ContainsAny(s, "*?") || strings.Contains(s, "[") && strings.Contains(s, "]")
}

// badPattern says that Spiderpool cannot match by a pattern. It matches with
// [path/filepath.Match] on Linux, which is [path.Match]; that reads a pattern to
// its end, whatever the name.
func badPattern(pattern string) bool {
	_, err := path.Match(pattern, "")
	return err != nil
}

// maxMatches is how often the patterns of one pod are held against the name of a
// pool: two hundred patterns in a cluster of 5,000 pools, which takes some tenths of a
// second. An annotation has room for ten thousand.
const maxMatches = 1_000_000

// expansion is what is left of maxMatches for the patterns of a pod.
type expansion struct {
	pools *Index
	left  int
}

// expand replaces the patterns among names by the pools of the family that they
// match. Without patterns it returns names itself. It ends with the first pool
// that a pattern brings a second time: Spiderpool refuses the list for it, and
// without that a few patterns would make a list of any length. It is not complete
// when nothing was left for a pattern.
func (e *expansion) expand(names []string, family int) (pools []string, complete bool) {
	if !slices.ContainsFunc(names, IsPattern) {
		return names, true
	}
	if len(names) == 1 {
		return e.matching(names[0], family)
	}
	out := []string{}
	seen := map[string]bool{}
	for _, name := range names {
		from := len(out)
		if !IsPattern(name) {
			out = append(out, name)
		} else {
			matched, complete := e.matching(name, family)
			if !complete {
				return out, false
			}
			out = append(out, matched...)
		}
		for i := from; i < len(out); i++ {
			if seen[out[i]] {
				return out[:i+1], true
			}
			seen[out[i]] = true
		}
	}
	return out, true
}

// matching are the pools that a pattern matches, sorted. They must not be changed.
func (e *expansion) matching(pattern string, family int) (pools []string, complete bool) {
	asked := patternOf{family, pattern}
	sorted, known, generation, ok := e.pools.remembered(asked)
	if ok {
		return known, true
	}
	out := []string{}
	// Only names that begin as the pattern does can match.
	prefix := pattern[:strings.IndexAny(pattern, `*?[\`)]
	from, _ := slices.BinarySearch(sorted, prefix)
	for _, name := range sorted[from:] {
		if !strings.HasPrefix(name, prefix) {
			break
		}
		// A long pattern takes longer.
		if e.left -= 1 + len(pattern)/longPattern; e.left < 0 {
			return out, false
		}
		if matches(pattern, name) {
			out = append(out, name)
		}
	}
	e.pools.remember(asked, generation, out)
	return out, true
}

// longPattern is how many bytes of a pattern count as one match.
const longPattern = 64

// matches says whether a pattern can be read and matches a name.
func matches(pattern, name string) bool {
	ok, err := path.Match(pattern, name)
	return ok && err == nil
}
