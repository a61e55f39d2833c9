package rules

import (
	"fmt"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/spiderpool"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// An annotation that listed some interfaces only would be refused by Spiderpool.
var ruleIPPoolDefaultNotFilledIn = pod.Rule{
	ID:      "ippool-default-not-filled-in",
	Default: verdict.Warn,
	Check: func(p *pod.View) []verdict.Finding {
		if p.Plan().Obstacle == "" {
			return nil
		}
		f := atInterface(p, p.Plan().Obstructed)
		f.Message = fmt.Sprintf("%s; therefore the default pools of interface %s (%s) are not filled in", p.Plan().Obstacle, quote.Value(p.Plan().First.Name), p.Plan().Origin)
		f.Remedy = "name the pools of all interfaces in " + spiderpool.PoolsAnnotation + ", or ask the platform team to give every network default pools"
		if unsaid := p.Plan().Unsaid; unsaid != "" {
			f.Remedy = "ask the platform team to write into the PolicyConfig what Multus uses as clusterNetwork, such as\n  " + unsaid +
				"\n(\"\" if it is a CNI configuration on the nodes); until then name the pools of all interfaces in " + spiderpool.PoolsAnnotation
		}
		return []verdict.Finding{f}
	},
}
