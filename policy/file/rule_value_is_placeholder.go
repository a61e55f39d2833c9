package file

import (
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// What a file leaves to envsubst, Helm or kustomize is not known before they have run. An API
// server gets such a text only by mistake: there it counts as it stands.
var ruleValueIsPlaceholder = Rule{
	ID:      "value-is-placeholder",
	Default: verdict.Warn,
	Check: func(s *Subject) []verdict.Finding {
		var found verdict.Collector
		for i := range s.Placeholders {
			p := &s.Placeholders[i]
			found.Add(false, func() verdict.Finding {
				return verdict.Finding{
					Place:   p.Place,
					Message: quote.Value(p.Text) + " is a placeholder, which another tool fills in later: this value is not checked",
					Remedy:  "check what that tool writes, such as the output of helm template, kustomize build or envsubst",
				}
			})
		}
		return found.List()
	},
}
