package policy

import (
	"fmt"
	"slices"

	"github.com/macvlan-webhook/macvlan-webhook/policy/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/spiderpool"
)

// The allocator hands a pod the address that it has in the pool already (since
// Spiderpool 1.0, genRandomIP in pkg/ippoolmanager/ippool_manager.go).
var ruleIPPoolShared = Rule{
	ID:      "ippool-shared",
	Title:   "Two interfaces of a pod take their address from one pool",
	Group:   groupSpiderpool,
	Default: Deny,
	Since:   "v0.1.0",
	Doc: "Spiderpool gives a pod that has an address of a pool already the same address again. Two interfaces that have one and the same single pool therefore " +
		"get the same address, and the pod's network does not work. Where the lists only have pools in common it may happen, and is a warning. Where the pod did not " +
		"name the pool itself it is a warning as well, and default pools are not filled in.",
	Remedy: "Name another pool for each interface in `ipam.spidernet.io/ippools`.",
	Wrong: "k8s.v1.cni.cncf.io/networks: kube-system/vlan100,kube-system/vlan100\n" +
		"ipam.spidernet.io/ippools: '[{\"interface\":\"net1\",\"ipv4\":[\"vlan100-v4\"]},{\"interface\":\"net2\",\"ipv4\":[\"vlan100-v4\"]}]'\n",
	Right: "k8s.v1.cni.cncf.io/networks: kube-system/vlan100,kube-system/vlan100\n" +
		"ipam.spidernet.io/ippools: '[{\"interface\":\"net1\",\"ipv4\":[\"vlan100-v4\"]},{\"interface\":\"net2\",\"ipv4\":[\"vlan100-v4b\"]}]'\n",

	restsOn: onNetworks | onPools,
	check:   checkShared,
}

// sharing is a pool that two interfaces of a pod take their address from.
type sharing struct {
	first, second *supply
	family        int
	pool          string
	// certain says that neither interface has any other pool.
	certain bool
}

func checkShared(p *Pod) []Finding {
	var found findings
	if sh := p.plan.shared; sh != nil {
		found.add(true, func() Finding {
			f := p.atInterface(sh.second.iface)
			f.Message = fmt.Sprintf("the default pools are not filled in: pool %s would be the only IPv%d pool of interfaces %s and %s, and both would get the same address",
				quote.Value(sh.pool), sh.family, quote.Value(sh.first.iface.Name), quote.Value(sh.second.iface.Name))
			f.Remedy = "name different pools for the interfaces in " + spiderpool.PoolsAnnotation
			return f
		})
	}
	for _, sh := range p.sharings() {
		named := sh.first.choice.Source == spiderpool.SourcePod && sh.second.choice.Source == spiderpool.SourcePod
		if sh.certain || named {
			found.add(!sh.certain || !named, func() Finding { return p.sharedFinding(&sh) })
		}
	}
	return found.list()
}

func (p *Pod) sharedFinding(sh *sharing) Finding {
	f := p.at(sh.second, sh.second.list(sh.family), sh.pool)
	both := fmt.Sprintf("interfaces %s and %s", quote.Value(sh.first.iface.Name), quote.Value(sh.second.iface.Name))
	if sh.certain {
		f.Message = fmt.Sprintf("pool %s is the only IPv%d pool of %s: both would get the same address", quote.Value(sh.pool), sh.family, both)
	} else {
		f.Message = fmt.Sprintf("pool %s is in the IPv%d lists of %s: when both take from it they get the same address", quote.Value(sh.pool), sh.family, both)
	}
	f.Remedy = "name different pools for the interfaces in " + spiderpool.PoolsAnnotation
	return f
}

// firstShared is a pool that two interfaces are certain to share, nil for none.
func (p *Pod) firstShared() *sharing {
	for _, sh := range p.sharings() {
		if sh.certain {
			return &sh
		}
	}
	return nil
}

// sharings are the pools that interfaces have in common: for each interface and
// family the first such pool, with the first interface that has it too.
func (p *Pod) sharings() []sharing {
	if len(p.supplies) < 2 {
		return nil
	}
	var found []sharing
	for f, family := range families {
		holder := map[string]int{}
		single := make([]bool, len(p.supplies))
		for n := range p.supplies {
			s := &p.supplies[n]
			// A list that everyone falls back to is shared by its nature: all that
			// can be said is whether it leaves a choice.
			pools := s.usablePools(&s.lists[f])
			single[n] = len(pools) == 1
			at := slices.IndexFunc(pools, func(pool string) bool { _, taken := holder[pool]; return taken })
			if at >= 0 {
				first := holder[pools[at]]
				found = append(found, sharing{&p.supplies[first], s, family, pools[at], single[n] && single[first]})
			}
			for _, pool := range pools {
				if _, taken := holder[pool]; !taken || single[n] {
					holder[pool] = n
				}
			}
		}
	}
	return found
}
