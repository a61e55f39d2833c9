package rules

import (
	"fmt"
	"strings"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/spiderpool"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
)

// poolRemedies names pools that can serve an interface. All findings about one list have the
// same remedy, which is made once: there may be thousands of pools to look at.
type poolRemedies struct {
	p *pod.View
	// taken are the pools of all interfaces; nil until they are asked for.
	taken map[string]bool
	// last is the list that was asked about last, and text its remedy.
	last *pod.PoolList
	text string
}

// of is the remedy for one list.
func (r *poolRemedies) of(s *pod.InterfacePools, l *pod.PoolList) string {
	if r.last != l {
		if r.taken == nil {
			r.taken = chosenPools(r.p)
		}
		r.last, r.text = l, poolRemedy(r.p, s, l, r.taken)
	}
	return r.text
}

// poolRemedy names pools that can serve the interface, if there are any, and are not taken.
func poolRemedy(p *pod.View, s *pod.InterfacePools, l *pod.PoolList, taken map[string]bool) string {
	who := "name"
	if s.Choice.Source != spiderpool.SourcePod || origin(p, s) != "" {
		who = "name, in " + spiderpool.PoolsAnnotation + ", or ask the platform team to name,"
	}
	such := "; there is none now"
	if fitting := fittingPools(p, s.Interface, l.Family, taken); len(fitting) > 0 {
		for n := range fitting {
			fitting[n] = quote.Value(fitting[n])
		}
		such = ", such as " + strings.Join(fitting, ", ")
	}
	return fmt.Sprintf("%s an IPv%d pool that can serve the interface%s. This lists the pools:\n  kubectl get spiderippools", who, l.Family, such)
}

// fittingPools are the names of the first pools that can serve an interface, have
// room and are not taken: those that are bound to its network, or else those that
// are bound to none.
func fittingPools(p *pod.View, i *pod.Interface, family int, taken map[string]bool) []string {
	const most = 3
	var bound, free []string
	request := p.PoolRequest(family, p.MultusName(i))
	names := p.PoolNames(family)
	for _, name := range names[:min(len(names), pod.MaxCandidates)] {
		pool := p.Pool(name)
		if misfit, _ := pool.Misfit(request); misfit != spiderpool.MisfitNone || pool.Exhausted() || taken[name] {
			continue
		}
		switch {
		case len(pool.MultusNames) == 0 && len(free) < most:
			free = append(free, name)
		case len(pool.MultusNames) > 0:
			if bound = append(bound, name); len(bound) == most {
				return bound
			}
		}
	}
	if len(bound) > 0 {
		return bound
	}
	return free
}

// chosenPools are those that the interfaces get already. Two interfaces must not
// share a pool, so none of them is a proposal for another.
func chosenPools(p *pod.View) map[string]bool {
	pools := map[string]bool{}
	for n := range p.Supplies() {
		for _, family := range pod.Families {
			for _, pool := range p.Supplies()[n].Choice.Pools(family) {
				pools[pool] = true
			}
		}
	}
	return pools
}
