package rules

import (
	"fmt"
	"slices"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/spiderpool"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// What Spiderpool refuses of a pool annotation as it stands, whatever the pools
// are (pkg/ipam/utils.go and pool_selections.go).
var ruleIPPoolAnnotationInvalid = pod.Rule{
	ID:      "ippool-annotation-invalid",
	Default: verdict.Deny,
	Check:   checkIPPoolAnnotation,
}

func checkIPPoolAnnotation(p *pod.View) []verdict.Finding {
	var found verdict.Collector
	spiderFaults(p, &found, false,
		`write {"ipv4":["pool"],"ipv6":["pool"]} in `+spiderpool.PoolAnnotation+`, or [{"interface":"net1","ipv4":["pool"]}] in `+spiderpool.PoolsAnnotation,
		spiderpool.ProblemInvalid, spiderpool.PoolAnnotation, spiderpool.PoolsAnnotation)
	repeated := map[*string]string{}
	for n := range p.Supplies() {
		s := &p.Supplies()[n]
		switch {
		case s.Choice.TooMany:
			found.Add(false, func() verdict.Finding {
				one := at(p, s, nil, "")
				one.Message = fmt.Sprintf("the lists of pools for interface %s have more patterns than can be checked", quote.Value(s.Interface.Name))
				one.Remedy = "name the pools, or use a few patterns that match them"
				return one
			})
		case s.Choice.Source == spiderpool.SourceNamespace && s.Choice.Unknown:
			for _, f := range namespacePoolFaults(p) {
				found.Add(false, func() verdict.Finding {
					one := atInterface(p, s.Interface)
					one.Message = fmt.Sprintf("the pools of interface %s are those of namespace %s, and its annotation %s cannot be used: %s",
						quote.Value(s.Interface.Name), quote.Value(p.Subject.Namespace), f.Annotation, f.Message())
					one.Remedy = "ask the platform team to correct the annotation of the namespace, or name the pools in " + spiderpool.PoolsAnnotation
					return one
				})
			}
		case s.Choice.Source == spiderpool.SourcePod && namesNothing(s) && (s.Choice.Element >= 0 || reads(p, spiderpool.PoolAnnotation)):
			found.Add(false, func() verdict.Finding {
				one := at(p, s, nil, "")
				one.Message = fmt.Sprintf("the annotation names no pool for interface %s, which therefore gets no address: the annotation counts even so, and no default pool takes its place",
					quote.Value(s.Interface.Name))
				one.Remedy = "name a pool of the interface's network, or remove the annotation to get the default pools"
				return one
			})
		}
		for f := range s.Lists {
			l := &s.Lists[f]
			pools := s.Choice.Pools(l.Family)
			if len(pools) == 0 {
				continue
			}
			// Many interfaces may have one list.
			pool, known := repeated[&pools[0]]
			if !known {
				pool = s.Choice.Repeated(l.Family)
				repeated[&pools[0]] = pool
			}
			twice := pool != "" && wroteTwice(s, l.Family, pool)
			if pool == "" || twice && s.Choice.Source == spiderpool.SourcePod {
				continue // in the pod's own list, a fault of the annotation itself
			}
			found.Add(false, func() verdict.Finding { return repeatedFinding(p, s, l, pool, twice) })
		}
	}
	return found.List()
}

// repeatedFinding reports a pool that stands in a list twice, once because of a
// pattern, or both times by its name.
func repeatedFinding(p *pod.View, s *pod.InterfacePools, l *pod.PoolList, pool string, twice bool) verdict.Finding {
	f := at(p, s, l, pool)
	if twice {
		f.Message = fmt.Sprintf("pool %s, %s, is in the list twice: Spiderpool refuses that", quote.Value(pool), namedFor(p, s, l))
		f.Remedy = "ask the platform team to remove one of them, or name the pools in " + spiderpool.PoolsAnnotation
	} else {
		f.Message = fmt.Sprintf("pool %s, %s, is in the list twice, once because of a pattern: Spiderpool refuses that", quote.Value(pool), namedFor(p, s, l))
		f.Remedy = "leave out either the name or the pattern"
	}
	return f
}

// namespacePoolFaults are those for which Spiderpool refuses the namespace's
// annotations.
func namespacePoolFaults(p *pod.View) []spiderpool.Fault {
	if n := p.Namespace(); n != nil {
		return n.PoolFaults
	}
	return nil
}

// namesNothing says that the pod's own annotation names no pool for the interface.
func namesNothing(s *pod.InterfacePools) bool {
	return !s.Choice.Unknown && len(s.Choice.WrittenIPv4) == 0 && len(s.Choice.WrittenIPv6) == 0
}

// wroteTwice says whether a pool stands twice in the list by its name.
func wroteTwice(s *pod.InterfacePools, family int, pool string) bool {
	written := s.Choice.Written(family)
	first := slices.Index(written, pool)
	return first >= 0 && slices.Contains(written[first+1:], pool)
}
