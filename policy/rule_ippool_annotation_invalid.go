package policy

import (
	"fmt"
	"slices"

	"github.com/macvlan-webhook/macvlan-webhook/policy/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/spiderpool"
)

// What Spiderpool refuses of a pool annotation as it stands, whatever the pools
// are (pkg/ipam/utils.go and pool_selections.go).
var ruleIPPoolAnnotationInvalid = Rule{
	ID:      "ippool-annotation-invalid",
	Title:   "A pool annotation cannot be used",
	Group:   groupSpiderpool,
	Default: Deny,
	Since:   "v0.1.0",
	Doc: "Spiderpool refuses the pod when `ipam.spidernet.io/ippool` is no JSON object or `ipam.spidernet.io/ippools` no list of objects, " +
		"when a list of pools is a text instead of a list, when some elements of `ippools` name their interface and others do not, when an " +
		"interface stands there twice, and when a pool stands twice in one list, also where a pattern brought it there. An annotation that " +
		"is present counts even when it names no pool: Spiderpool then looks no further, and the interface gets no address. The same holds " +
		"for the annotations `ipam.spidernet.io/default-ipv4-ippool` and `-ipv6-ippool` of the pod's namespace.",
	Remedy: "Write `ipam.spidernet.io/ippools: '[{\"interface\":\"net1\",\"ipv4\":[\"pool\"]}]'`, with each interface once.",
	Wrong: "k8s.v1.cni.cncf.io/networks: kube-system/vlan100\n" +
		"ipam.spidernet.io/ippool: '{\"ipv4\":\"vlan100-v4\"}'\n",
	Right: "k8s.v1.cni.cncf.io/networks: kube-system/vlan100\n" +
		"ipam.spidernet.io/ippool: '{\"ipv4\":[\"vlan100-v4\"]}'\n",

	restsOn: onNetworks | onPools,
	check:   checkIPPoolAnnotation,
}

func checkIPPoolAnnotation(p *Pod) []Finding {
	var found findings
	p.spiderFaults(&found, false,
		`write {"ipv4":["pool"],"ipv6":["pool"]} in `+spiderpool.PoolAnnotation+`, or [{"interface":"net1","ipv4":["pool"]}] in `+spiderpool.PoolsAnnotation,
		spiderpool.ProblemInvalid, spiderpool.PoolAnnotation, spiderpool.PoolsAnnotation)
	for n := range p.supplies {
		s := &p.supplies[n]
		switch {
		case s.choice.TooMany:
			found.add(false, func() Finding {
				one := p.at(s, nil, "")
				one.Message = fmt.Sprintf("the lists of pools for interface %s have more patterns than can be judged", quote.Value(s.iface.Name))
				one.Remedy = "name the pools, or use a few patterns that match them"
				return one
			})
		case s.choice.Source == spiderpool.SourceNamespace && s.choice.Unknown:
			for _, f := range p.namespacePoolFaults() {
				found.add(false, func() Finding {
					one := p.atInterface(s.iface)
					one.Message = fmt.Sprintf("the pools of interface %s are those of namespace %s, and its annotation %s cannot be used: %s",
						quote.Value(s.iface.Name), quote.Value(p.Subject.Namespace), f.Annotation, f.Message())
					one.Remedy = "ask the platform team to correct the annotation of the namespace, or name the pools in " + spiderpool.PoolsAnnotation
					return one
				})
			}
		case s.choice.Source == spiderpool.SourcePod && s.namesNothing() && (s.choice.Element >= 0 || p.reads(spiderpool.PoolAnnotation)):
			found.add(false, func() Finding {
				one := p.at(s, nil, "")
				one.Message = fmt.Sprintf("the annotation names no pool for interface %s, which therefore gets no address: the annotation counts even so, and no default pool takes its place",
					quote.Value(s.iface.Name))
				one.Remedy = "name a pool of the interface's network, or remove the annotation to get the default pools"
				return one
			})
		}
		for f := range s.lists {
			l := &s.lists[f]
			pool := s.choice.Repeated(l.family)
			twice := pool != "" && s.wroteTwice(l.family, pool)
			if pool == "" || twice && s.choice.Source == spiderpool.SourcePod {
				continue // in the pod's own list, a fault of the annotation itself
			}
			found.add(false, func() Finding { return p.repeatedFinding(s, l, pool, twice) })
		}
	}
	return found.list()
}

// repeatedFinding reports a pool that stands in a list twice, once because of a
// pattern, or both times by its name.
func (p *Pod) repeatedFinding(s *supply, l *poolList, pool string, twice bool) Finding {
	f := p.at(s, l, pool)
	if twice {
		f.Message = fmt.Sprintf("pool %s, %s, stands in the list twice: Spiderpool refuses that", quote.Value(pool), p.namedFor(s, l))
		f.Remedy = "ask the platform team to leave it out once, or name the pools in " + spiderpool.PoolsAnnotation
	} else {
		f.Message = fmt.Sprintf("pool %s, %s, stands in the list twice, once because of a pattern: Spiderpool refuses that", quote.Value(pool), p.namedFor(s, l))
		f.Remedy = "leave out either the name or the pattern"
	}
	return f
}

// namespacePoolFaults are those for which Spiderpool refuses the namespace's
// annotations.
func (p *Pod) namespacePoolFaults() []spiderpool.Fault {
	if p.facts.Namespace.Namespace == nil {
		return nil
	}
	return p.facts.Namespace.Namespace.PoolFaults
}

// namesNothing says that the pod's own annotation names no pool for the interface.
func (s *supply) namesNothing() bool {
	return !s.choice.Unknown && len(s.choice.WrittenIPv4) == 0 && len(s.choice.WrittenIPv6) == 0
}

// wroteTwice says whether a pool stands twice in the list by its name.
func (s *supply) wroteTwice(family int, pool string) bool {
	written := s.choice.Written(family)
	first := slices.Index(written, pool)
	return first >= 0 && slices.Contains(written[first+1:], pool)
}
