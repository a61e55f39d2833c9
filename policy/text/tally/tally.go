// Package tally keeps a text of a thousand mistakes from being answered with as many: of each
// kind some are kept, and the last one of them counts the others.
package tally

// Full is the last of the kept ones that are of a kind, where there are as many of it as are to be
// kept: one more is counted there. It is nil where there is room for one more.
func Full[T any](kept []T, most int, ofKind func(*T) bool) *T {
	var last *T
	n := 0
	for i := range kept {
		if ofKind(&kept[i]) {
			last = &kept[i]
			n++
		}
	}
	if n < most {
		return nil
	}
	return last
}
