package file

import "github.com/macvlan-webhook/macvlan-webhook/policy/verdict"

// Rule is a rule of files.
type Rule = verdict.Rule[*Subject]

// Rules holds every rule of files, in the order in which findings are reported.
var Rules = []Rule{
	ruleObjectUnreadable,
	ruleObjectAmbiguous,
	ruleValueIsPlaceholder,
}
