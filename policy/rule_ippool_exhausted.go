package policy

import (
	"fmt"
	"strings"

	"github.com/macvlan-webhook/macvlan-webhook/policy/quote"
)

// Two numbers in the status of a pool tell that it is full; the allocator goes to
// the next pool then, and fails the pod after the last.
var ruleIPPoolExhausted = Rule{
	ID:      "ippool-exhausted",
	Title:   "All addresses of the pools are in use",
	Group:   groupSpiderpool,
	Default: Warn,
	Since:   "v0.1.0",
	Doc: "The status of a SpiderIPPool counts its addresses and those in use. When every pool that can serve an interface is full, the pod waits until an address is " +
		"given back. The numbers are as old as the pool's status, so this is a warning.",
	Remedy: "Name a pool with free addresses, or add addresses to the pool.",
	Wrong: "k8s.v1.cni.cncf.io/networks: kube-system/vlan100\n" +
		"ipam.spidernet.io/ippool: '{\"ipv4\":[\"vlan100-v4-full\"]}'\n",
	Right: "k8s.v1.cni.cncf.io/networks: kube-system/vlan100\n" +
		"ipam.spidernet.io/ippool: '{\"ipv4\":[\"vlan100-v4\"]}'\n",

	restsOn: onNetworks | onPools,
	check: func(p *Pod) []Finding {
		var found findings
		for n := range p.supplies {
			s := &p.supplies[n]
			for f := range s.lists {
				l := &s.lists[f]
				if text, full := l.full(); full {
					found.add(false, func() Finding {
						one := p.at(s, l, l.candidates[l.usable[0]].name)
						one.Message = fmt.Sprintf("no pool that can serve interface %s has a free IPv%d address: %s", quote.Value(s.iface.Name), l.family, text)
						one.Remedy = p.poolRemedy(s, l)
						return one
					})
				}
			}
		}
		return found.list()
	},
}

// full says whether all pools that can serve are full, and with which numbers.
func (l *poolList) full() (numbers string, full bool) {
	const most = 3
	var texts []string
	for n, i := range l.usable {
		pool := l.candidates[i].pool
		if !pool.Exhausted() {
			return "", false
		}
		if n < most {
			texts = append(texts, fmt.Sprintf("pool %s has %d of %d in use", quote.Value(pool.Name), pool.Allocated, pool.Total))
		}
	}
	if n := len(l.usable) - most; n > 0 {
		texts = append(texts, fmt.Sprintf("and %d more", n))
	}
	return strings.Join(texts, ", "), len(l.usable) > 0
}
