package rules

import (
	"fmt"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/spiderpool"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// The validating webhook sees the pod after all mutations: what ought to be filled
// in by then and is not has been bypassed. Of a pod that is there already it is a warning:
// nothing is filled in, and Spiderpool chooses by itself.
var ruleIPPoolDefaultMissing = pod.Rule{
	ID:      "ippool-default-missing",
	Default: verdict.Deny,
	Check: func(p *pod.View) []verdict.Finding {
		if i, origin := p.Unfilled(); i != nil {
			f := atInterface(p, i)
			f.Message = fmt.Sprintf("interface %s has default pools (%s), which are filled in only when a pod is created",
				quote.Value(i.Name), origin)
			f.Remedy = "write the pools of all interfaces into " + spiderpool.PoolsAnnotation
			f.Softened = true
			return []verdict.Finding{f}
		}
		if p.Plan().Value == "" || p.Subject.Template() {
			return nil
		}
		f := atInterface(p, p.Plan().First)
		f.Message = fmt.Sprintf("interface %s has default pools (%s) that were not filled in: the pod bypassed the mutating webhook, which writes %s, or got its networks after it",
			quote.Value(p.Plan().First.Name), p.Plan().Origin, spiderpool.PoolsAnnotation)
		f.Remedy = "create it again once the MutatingWebhookConfiguration macvlan-webhook is in place; if it is, another webhook wrote the networks later: " +
			"give that one's configuration a name that sorts before macvlan-webhook (docs/pools.md)"
		if line := showing(spiderpool.PoolsAnnotation, p.Plan().Value); line != "" {
			f.Remedy += ", or write the pools yourself:" + indent + line
		}
		return []verdict.Finding{f}
	},
}
