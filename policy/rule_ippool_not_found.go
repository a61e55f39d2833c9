package policy

import (
	"fmt"

	"github.com/macvlan-webhook/macvlan-webhook/policy/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/spiderpool"
)

// Spiderpool looks every named pool up before it filters any (pkg/ipam/allocate.go).
var ruleIPPoolNotFound = Rule{
	ID:      "ippool-not-found",
	Title:   "A pool does not exist",
	Group:   groupSpiderpool,
	Default: Deny,
	Since:   "v0.1.0",
	Doc: "A pool that is named and does not exist fails the pod, even when the other pools of the list exist; so does an interface for which no " +
		"level names any pool: not the pod, not its namespace, not the network, and no pool of the cluster is a default one. A pattern that matches no " +
		"pool leaves its family without an address. On the template of a workload a missing pool is a warning, since it may be applied after it. " +
		"Without any SpiderIPPool in the files, and in a cluster without Spiderpool, nothing is known about pools and this rule is silent.",
	Remedy: "Name a SpiderIPPool that exists; `kubectl get spiderippools` lists them.",
	Wrong: "k8s.v1.cni.cncf.io/networks: kube-system/vlan100\n" +
		"ipam.spidernet.io/ippool: '{\"ipv4\":[\"vlan100-v4\",\"vlan100-v5\"]}'\n",
	Right: "k8s.v1.cni.cncf.io/networks: kube-system/vlan100\n" +
		"ipam.spidernet.io/ippool: '{\"ipv4\":[\"vlan100-v4\"]}'\n",

	restsOn: onNetworks | onPools,
	check:   checkPoolsExist,
}

func checkPoolsExist(p *Pod) []Finding {
	var found findings
	p.misfits(&found, spiderpool.MisfitMissing)
	for n := range p.supplies {
		s := &p.supplies[n]
		if p.facts.Pools.Index == nil || s.choice.Unknown {
			continue
		}
		if s.choice.Source == spiderpool.SourceNone {
			found.add(p.Subject.Template(), func() Finding {
				one := p.atInterface(s.iface)
				one.Message = fmt.Sprintf("interface %s (network %s) gets its addresses from Spiderpool, and nothing names a pool for it: not the pod, not its namespace, not the network, and the cluster has no default pool",
					quote.Value(s.iface.Name), s.iface.label())
				one.Remedy = "name a pool of that network in " + spiderpool.PoolsAnnotation + ". This lists the pools:\n  kubectl get spiderippools"
				return one
			})
			continue
		}
		for _, family := range families {
			written := s.choice.Written(family)
			if len(written) == 0 || len(s.choice.Pools(family)) > 0 {
				continue
			}
			if _, problem := spiderpool.CheckNames(written); problem != "" && s.choice.Source == spiderpool.SourcePod {
				continue // a fault of the annotation itself
			}
			found.add(p.Subject.Template() || !s.choice.Empty(), func() Finding {
				l := s.list(family)
				one := p.at(s, l, "")
				one.Message = fmt.Sprintf("pattern %s, %s, matches no IPv%d pool", quote.Value(written[0]), p.namedFor(s, l), family)
				if s.choice.Empty() {
					one.Message += ": the interface gets no address"
				} else {
					one.Message += fmt.Sprintf(": the interface gets no IPv%d address", family)
				}
				one.Remedy = p.poolRemedy(s, l)
				return one
			})
		}
	}
	return found.list()
}
