package policy

import (
	"fmt"
	"strings"

	"github.com/macvlan-webhook/macvlan-webhook/policy/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/spiderpool"
)

// The validating webhook sees the pod after all mutations: what ought to be filled
// in by then and is not has been bypassed.
var ruleIPPoolDefaultMissing = Rule{
	ID:      "ippool-default-missing",
	Title:   "The default pools of a network were not filled in",
	Group:   groupSpiderpool,
	Default: Deny,
	Since:   "v0.1.0",
	Doc: "A network with default pools (its annotation `macvlan-webhook.io/default-ippools`, or `ippoolDefaults` in PolicyConfig) gives them to pods that name none: the mutating " +
		"webhook writes them into `ipam.spidernet.io/ippools`. A pod that arrives without them went past that webhook, and would get addresses of other pools. Templates are not concerned: the pods made of them are completed.",
	Remedy: "See that the MutatingWebhookConfiguration `macvlan-webhook` is there and covers the namespace, and create the pod again.",
	Wrong:  "k8s.v1.cni.cncf.io/networks: kube-system/vlan100-with-default\n",
	Right: "k8s.v1.cni.cncf.io/networks: kube-system/vlan100-with-default\n" +
		"ipam.spidernet.io/ippools: '[{\"interface\":\"net1\",\"ipv4\":[\"vlan100-v4\"]}]'\n",

	restsOn: onNetworks | onPools,
	check: func(p *Pod) []Finding {
		if p.plan.value == "" || p.Subject.Template() {
			return nil
		}
		f := p.atInterface(p.plan.first)
		f.Message = fmt.Sprintf("interface %s has default pools (%s), and the pod does not carry them: it went past the mutating webhook that writes %s",
			quote.Value(p.plan.first.Name), p.plan.origin, spiderpool.PoolsAnnotation)
		f.Remedy = "create it again once the MutatingWebhookConfiguration macvlan-webhook is in place"
		if len(p.plan.value) <= quote.Limit {
			f.Remedy += ", or write the pools yourself:\n  " + spiderpool.PoolsAnnotation + ": '" + strings.ReplaceAll(p.plan.value, "'", "''") + "'"
		}
		return []Finding{f}
	},
}
