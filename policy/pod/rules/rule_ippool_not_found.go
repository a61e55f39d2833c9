package rules

import (
	"fmt"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/spiderpool"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// Spiderpool looks every named pool up before it filters any (pkg/ipam/allocate.go).
var ruleIPPoolNotFound = pod.Rule{
	ID:      "ippool-not-found",
	Default: verdict.Deny,
	Check:   checkPoolsExist,
}

func checkPoolsExist(p *pod.View) []verdict.Finding {
	var found verdict.Collector
	misfits(p, &found, spiderpool.MisfitMissing)
	remedies := poolRemedies{p: p}
	for n := range p.Supplies() {
		s := &p.Supplies()[n]
		if !p.PoolsKnown() || s.Choice.Unknown {
			continue
		}
		if s.Choice.Source == spiderpool.SourceNone {
			found.Add(p.Subject.Template(), func() verdict.Finding {
				one := atInterface(p, s.Interface)
				one.Message = fmt.Sprintf("interface %s (network %s) gets its addresses from Spiderpool, and no pool is named for it: not by the pod, its namespace or the network, and the cluster has no default pool",
					quote.Value(s.Interface.Name), s.Interface.Label())
				one.Remedy = "name a pool of that network in " + spiderpool.PoolsAnnotation + ". This lists the pools:\n  kubectl get spiderippools"
				return one
			})
			continue
		}
		for _, family := range pod.Families {
			written := s.Choice.Written(family)
			if len(written) == 0 || len(s.Choice.Pools(family)) > 0 {
				continue
			}
			if _, problem := spiderpool.CheckNames(written); problem != "" && s.Choice.Source == spiderpool.SourcePod {
				continue // a fault of the annotation itself
			}
			found.Add(p.Subject.Template() || !s.Choice.Empty(), func() verdict.Finding {
				l := s.List(family)
				one := at(p, s, l, "")
				one.Message = fmt.Sprintf("pattern %s, %s, matches no IPv%d pool", quote.Value(written[0]), namedFor(p, s, l), family)
				if s.Choice.Empty() {
					one.Message += ": the interface gets no address"
				} else {
					one.Message += fmt.Sprintf(": the interface gets no IPv%d address", family)
				}
				one.Remedy = remedies.of(s, l)
				return one
			})
		}
	}
	return found.List()
}
