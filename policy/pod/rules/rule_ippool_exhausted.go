package rules

import (
	"fmt"
	"strings"

	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// Two numbers in the status of a pool tell that it is full; the allocator goes to
// the next pool then, and fails the pod after the last. What is in use of a pool of whereabouts
// is known from memory, so that this is a warning in any case; so is a pod that is there already,
// which may be the one that has the last address.
var ruleIPPoolExhausted = pod.Rule{
	ID:      "ippool-exhausted",
	Default: verdict.Warn,
	Check: func(p *pod.View) []verdict.Finding {
		var found verdict.Collector
		remedies := poolRemedies{p: p}
		for n := range p.Supplies() {
			s := &p.Supplies()[n]
			for f := range s.Lists {
				l := &s.Lists[f]
				if text, full := full(l); full {
					found.Add(p.Subject.Existing(), func() verdict.Finding {
						one := at(p, s, l, l.Candidates[l.Usable[0]].Name)
						one.Message = fmt.Sprintf("no pool that can serve interface %s has a free IPv%d address: %s", quote.Value(s.Interface.Name), l.Family, text)
						one.Remedy = remedies.of(s, l)
						return one
					})
				}
			}
		}
		for n := range p.Interfaces() {
			i := &p.Interfaces()[n]
			text := i.Full()
			if text == "" {
				continue
			}
			if _, asked := onNetwork(p, i); !asked {
				continue
			}
			found.Add(true, func() verdict.Finding {
				one := atInterface(p, i)
				one.Message = "network " + i.Label() + " has no free address: " + text
				one.Remedy = "give the network a larger range, or remove pods that have its addresses; this shows them:\n" +
					"  kubectl get ippools.whereabouts.cni.cncf.io -A -o yaml"
				return one
			})
		}
		return found.List()
	},
}

// full says whether all pools that can serve are full, and with which numbers.
func full(l *pod.PoolList) (numbers string, full bool) {
	const most = 3
	var texts []string
	for n, i := range l.Usable {
		pool := l.Candidates[i].Pool
		if !pool.Exhausted() {
			return "", false
		}
		if n < most {
			texts = append(texts, fmt.Sprintf("pool %s has %d of %d in use", quote.Value(pool.Name), pool.Allocated, pool.Total))
		}
	}
	if n := len(l.Usable) - most; n > 0 {
		texts = append(texts, fmt.Sprintf("and %d more", n))
	}
	return strings.Join(texts, ", "), len(l.Usable) > 0
}
