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

// expand replaces the patterns among names by the pools of the family that they
// match. Without patterns it returns names itself. It ends with the first pool
// that a pattern brings a second time: Spiderpool refuses the list for it, and
// without that a few patterns would make a list of any length.
func expand(names []string, pools *Index, family int) []string {
	if !slices.ContainsFunc(names, IsPattern) {
		return names
	}
	sorted := pools.Names(family)
	out := []string{}
	seen := map[string]bool{}
	for _, name := range names {
		from := len(out)
		if IsPattern(name) {
			out = appendMatches(out, name, sorted)
		} else {
			out = append(out, name)
		}
		for i := from; i < len(out); i++ {
			if seen[out[i]] {
				return out[:i+1]
			}
			seen[out[i]] = true
		}
	}
	return out
}

// appendMatches adds the sorted names that match. It looks only at those that
// begin as the pattern does.
func appendMatches(out []string, pattern string, sorted []string) []string {
	prefix := pattern[:strings.IndexAny(pattern, `*?[\`)]
	from, _ := slices.BinarySearch(sorted, prefix)
	for _, name := range sorted[from:] {
		if !strings.HasPrefix(name, prefix) {
			break
		}
		if ok, err := path.Match(pattern, name); ok && err == nil {
			out = append(out, name)
		}
	}
	return out
}
