package rules

import (
	"fmt"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/spiderpool"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// The validating webhook sees the pod after all mutations: what ought to be filled
// in by then and is not has been bypassed.
var ruleIPPoolDefaultMissing = pod.Rule{
	ID:      "ippool-default-missing",
	Default: verdict.Deny,
	Check: func(p *pod.View) []verdict.Finding {
		if p.Plan().Value == "" || p.Subject.Template() {
			return nil
		}
		f := atInterface(p, p.Plan().First)
		f.Message = fmt.Sprintf("interface %s has default pools (%s) that were not filled in: the pod bypassed the mutating webhook, which writes %s",
			quote.Value(p.Plan().First.Name), p.Plan().Origin, spiderpool.PoolsAnnotation)
		f.Remedy = "create it again once the MutatingWebhookConfiguration macvlan-webhook is in place"
		if line := showing(spiderpool.PoolsAnnotation, p.Plan().Value); line != "" {
			f.Remedy += ", or write the pools yourself:" + indent + line
		}
		return []verdict.Finding{f}
	},
}
