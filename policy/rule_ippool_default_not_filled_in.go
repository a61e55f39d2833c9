package policy

import (
	"fmt"

	"github.com/macvlan-webhook/macvlan-webhook/policy/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/spiderpool"
)

// An annotation that listed some interfaces only would be refused by Spiderpool.
var ruleIPPoolDefaultNotFilledIn = podRule{
	ID:      "ippool-default-not-filled-in",
	Default: Warn,
	Check: func(p *View) []Finding {
		if p.Plan().Obstacle == "" {
			return nil
		}
		f := p.atInterface(p.Plan().Obstructed)
		f.Message = fmt.Sprintf("%s; therefore the default pools of interface %s (%s) are not filled in", p.Plan().Obstacle, quote.Value(p.Plan().First.Name), p.Plan().Origin)
		f.Remedy = "name the pools of all interfaces in " + spiderpool.PoolsAnnotation + ", or ask the platform team to give every network default pools"
		return []Finding{f}
	},
}
