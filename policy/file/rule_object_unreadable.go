package file

import (
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// The API server refuses what it cannot decode, and what is asked of such an object has no
// answer. A folder may hold texts that only look like objects, such as templates: these warn.
var ruleObjectUnreadable = Rule{
	ID:      "object-unreadable",
	Default: verdict.Deny,
	Check: func(s *Subject) []verdict.Finding {
		if s.Unread == nil {
			return nil
		}
		subject, remedy := "this "+s.Kind+" cannot be read: ", "write what is accepted there; the API server refuses the object as it is"
		if s.Kind == "" {
			subject, remedy = "this document cannot be read: ", "correct the text, so that it is an object in YAML or JSON; kubectl refuses it as it is"
		}
		if s.Stray {
			remedy = "correct the text, so that it is an object in YAML or JSON, or move it out of the folder if it is to be none"
		}
		return []verdict.Finding{{Place: s.Unread.Place(), Message: subject + s.Unread.Error(), Remedy: remedy, Softened: s.Stray}}
	},
}
