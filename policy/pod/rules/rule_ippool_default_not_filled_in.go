package rules

import (
	"fmt"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf"
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
		plan := p.Plan()
		if plan.Obstacle == "" {
			return nil
		}
		f := atInterface(p, plan.Obstructed)
		f.Message = fmt.Sprintf("%s; therefore the default pools of interface %s (%s) are not filled in", plan.Obstacle, quote.Value(plan.First.Name), plan.Origin)
		f.Remedy = "name the pools of all interfaces in " + spiderpool.PoolsAnnotation + ", or ask the platform team to give every network default pools"
		switch n := plan.Obstructed.Network(); {
		case plan.Unsaid != "":
			f.Remedy = "ask the platform team to write into the PolicyConfig what Multus uses as clusterNetwork, such as\n  " + plan.Unsaid +
				"\n(\"\" if it is a CNI configuration on the nodes); until then name the pools of all interfaces in " + spiderpool.PoolsAnnotation
		case n != nil && n.OnNode:
			f.Remedy = "name the pools of all of Spiderpool's interfaces in " + spiderpool.PoolsAnnotation + "; or, if Spiderpool does not serve network " +
				plan.Obstructed.Label() + ", ask the platform team to say so: by an entry of ippoolDefaults with that network and no pools, or by the annotation " +
				cniconf.InstanceTypeAnnotation + ": default on the network"
		}
		return []verdict.Finding{f}
	},
}
