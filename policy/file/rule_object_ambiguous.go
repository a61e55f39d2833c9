package file

import (
	"fmt"
	"strings"

	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// placesNamed is how many places a message names.
const placesNamed = 5

// A cluster has one object of a name. Folders with a variant for each cluster have several,
// and which of them an object meets depends on what is applied together.
var ruleObjectAmbiguous = Rule{
	ID:      "object-ambiguous",
	Default: verdict.Warn,
	Check: func(s *Subject) []verdict.Finding {
		if len(s.Places) == 0 {
			return nil
		}
		places := strings.Join(s.Places[:min(len(s.Places), placesNamed)], ", ")
		if more := len(s.Places) - placesNamed; more > 0 {
			places += fmt.Sprintf(" and %d more", more)
		}
		counts := "for each object that refers to it the nearest counts: in the same file, in the same folder, then in the folders above; " +
			"where several are equally near, nothing is said about it"
		remedy := "keep one of them, or check each folder by itself (-f)"
		if s.SameFile {
			counts, remedy = "the last one counts, as it does when the file is applied", "keep one of them"
		}
		return []verdict.Finding{{
			Place: object.AtObject("metadata.name"),
			Message: fmt.Sprintf("%s %s stands at %d places, and what stands there differs (%s): %s",
				s.Kind, quote.Value(s.Name), len(s.Places), places, counts),
			Remedy: remedy,
		}}
	},
}
