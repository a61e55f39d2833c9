package nad

import (
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf/flaw"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// flaws is the check of a rule that reports the flaws of one kind: those that fail every pod,
// now or on a newer node, as the rule's action says, others as warnings.
func flaws(kind flaw.Kind) func(*view) []verdict.Finding {
	return func(n *view) []verdict.Finding {
		var found verdict.Collector
		for _, f := range n.compiled.Flaws() {
			if f.Kind != kind {
				continue
			}
			found.Add(f.Effect != flaw.FailsAll && f.Effect != flaw.FailsNewer, func() verdict.Finding {
				return verdict.Finding{
					Place:   object.AtField(configField).At(n.compiled.LocateFlaw(n.source.Config, &f)),
					Message: effects[f.Effect] + f.Text,
					Remedy:  f.Want,
				}
			})
		}
		return found.List()
	}
}

// effects begin the sentence that a flaw's text ends.
var effects = map[flaw.Effect]string{
	flaw.FailsAll:   "no pod can use this network: ",
	flaw.FailsSome:  "pods that bring nothing in its place fail: ",
	flaw.MayFail:    "pods may fail: ",
	flaw.FailsNewer: "on a node with newer plugins no pod starts on this network, and pods that run cannot be deleted (their interface and address stay): ",
	flaw.Ignored:    "pods start, but not as it seems to be meant: ",
}
