package policy

import (
	"github.com/macvlan-webhook/macvlan-webhook/policy/multus"
	"github.com/macvlan-webhook/macvlan-webhook/policy/quote"
)

// The pod webhook of Spiderpool overwrites the annotation
// (pkg/podmanager/utils.go).
var ruleResourceInjectOverridesNetworks = Rule{
	ID:      "resource-inject-overrides-networks",
	Title:   "Spiderpool will replace the networks annotation",
	Group:   groupSpiderpool,
	Default: Warn,
	Since:   "v0.1.0",
	Doc: "With `cni.spidernet.io/rdma-resource-inject` or `cni.spidernet.io/network-resource-inject`, on the pod or on its namespace, Spiderpool's own webhook writes `k8s.v1.cni.cncf.io/networks` with all networks of that group, and " +
		"what was written there is lost without a word. Default pools are left alone until the networks are known.",
	Remedy: "Leave out the networks annotation, or the one that injects.",
	Wrong: "k8s.v1.cni.cncf.io/networks: kube-system/vlan100\n" +
		"cni.spidernet.io/network-resource-inject: group-a\n",
	Right: "cni.spidernet.io/network-resource-inject: group-a\n",

	check: func(p *Pod) []Finding {
		key, value := p.resourceInject()
		if _, there := p.Subject.Annotations[multus.NetworksAnnotation]; key == "" || !there || len(p.interfaces) == 0 || p.networksInjected() {
			return nil
		}
		where := "the pod's"
		if _, own := p.Subject.Annotations[key]; !own {
			where = "the namespace's"
		}
		return []Finding{{
			Annotation: multus.NetworksAnnotation,
			Message: "with " + where + " annotation " + key + " (" + quote.Value(value) +
				") Spiderpool writes the networks itself: a list written by hand is replaced",
			Remedy: "leave out " + multus.NetworksAnnotation + ", or " + key,
		}}
	},
}
