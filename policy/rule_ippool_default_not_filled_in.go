package policy

import (
	"fmt"

	"github.com/macvlan-webhook/macvlan-webhook/policy/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/spiderpool"
)

// An annotation that listed some interfaces only would be refused by Spiderpool.
var ruleIPPoolDefaultNotFilledIn = Rule{
	ID:      "ippool-default-not-filled-in",
	Title:   "The default pools of a network cannot be filled in",
	Group:   groupSpiderpool,
	Default: Warn,
	Since:   "v0.1.0",
	Doc: "A default pool applies to an interface of the pod, but `ipam.spidernet.io/ippools` has to list all interfaces of Spiderpool's, and for one of them it cannot be told " +
		"which pools it gets. Nothing is filled in then, and Spiderpool chooses for all of them.",
	Remedy: "Give the other network default pools too, or name all pools in the pod.",
	Wrong:  "k8s.v1.cni.cncf.io/networks: kube-system/vlan100-with-default,kube-system/vlan100-with-broken-default\n",
	Right:  "k8s.v1.cni.cncf.io/networks: kube-system/vlan100-with-default\n",

	restsOn: onNetworks | onPools,
	check: func(p *Pod) []Finding {
		if p.plan.obstacle == "" {
			return nil
		}
		f := p.atInterface(p.plan.obstructed)
		f.Message = fmt.Sprintf("%s; therefore the default pools of interface %s (%s) are not filled in", p.plan.obstacle, quote.Value(p.plan.first.Name), p.plan.origin)
		f.Remedy = "name the pools of all interfaces in " + spiderpool.PoolsAnnotation + ", or ask the platform team to give every network default pools"
		return []Finding{f}
	},
}
