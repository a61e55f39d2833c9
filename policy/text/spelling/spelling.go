// Package spelling finds the word that was meant by one that is misspelled.
package spelling

import "strings"

// MaxLength is how long a word may be, in bytes, to be compared: longer ones are taken for
// something else, so that a comparison costs little whatever it is given.
const MaxLength = 64

// shortWord is up to which length only the case, separators and a plural are forgiven: a
// change of one letter makes another word of a short one, as mac of max.
const shortWord = 4

// Nearest is the one of some words that a misspelled one was meant to be, and false where it
// is none of them, or one as they are written. Letters of the other case, and dashes,
// underscores and dots that are missing or too many, do not count; beyond that up to two
// letters may be wrong, missing, too many or swapped.
func Nearest(word string, words []string) (string, bool) {
	if word == "" || len(word) > MaxLength {
		return "", false
	}
	best, found := limit+1, ""
	for _, w := range words {
		if w == word {
			return "", false
		}
		if d := distance(folded(word), folded(w)); d < best {
			best, found = d, w
		}
	}
	return found, found != ""
}

// limit is how many letters may be wrong.
const limit = 2

var separators = strings.NewReplacer("-", "", "_", "", ".", "")

func folded(word string) string { return separators.Replace(strings.ToLower(word)) }

// distance is how many letters differ, as far as that is within what is forgiven; beyond
// it is more than limit. Two letters that are swapped count as one (optimal string alignment).
func distance(a, b string) int {
	const far = limit + 1
	if a == b {
		return 0
	}
	if min(len(a), len(b)) <= shortWord {
		if a == b+"s" || b == a+"s" {
			return 1
		}
		return far
	}
	// Letters of the other case may be longer.
	if len(b) > MaxLength || len(a)-len(b) > limit || len(b)-len(a) > limit {
		return far
	}
	var rows [3][MaxLength + 1]int
	before, last, row := &rows[0], &rows[1], &rows[2]
	for j := range len(b) + 1 {
		last[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(last[j]+cost, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
