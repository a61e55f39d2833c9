package rules

import (
	"fmt"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/spiderpool"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// The allocator hands a pod the address that it has in the pool already (since
// Spiderpool 1.0, genRandomIP in pkg/ippoolmanager/ippool_manager.go).
var ruleIPPoolShared = pod.Rule{
	ID:      "ippool-shared",
	Default: verdict.Deny,
	Check:   checkShared,
}

func checkShared(p *pod.View) []verdict.Finding {
	var found verdict.Collector
	if sh := p.Plan().Shared; sh != nil {
		found.Add(true, func() verdict.Finding {
			f := atInterface(p, sh.Second.Interface)
			f.Message = fmt.Sprintf("the default pools are not filled in: pool %s would be the only IPv%d pool of interfaces %s and %s, and both would get the same address",
				quote.Value(sh.Pool), sh.Family, quote.Value(sh.First.Interface.Name), quote.Value(sh.Second.Interface.Name))
			f.Remedy = "name different pools for the interfaces in " + spiderpool.PoolsAnnotation
			return f
		})
	}
	for _, sh := range p.SharedPools() {
		named := sh.First.Choice.Source == spiderpool.SourcePod && sh.Second.Choice.Source == spiderpool.SourcePod
		if sh.Certain || named {
			found.Add(!sh.Certain || !named, func() verdict.Finding { return sharedFinding(p, &sh) })
		}
	}
	return found.List()
}

func sharedFinding(p *pod.View, sh *pod.SharedPool) verdict.Finding {
	f := at(p, sh.Second, sh.Second.List(sh.Family), sh.Pool)
	both := fmt.Sprintf("interfaces %s and %s", quote.Value(sh.First.Interface.Name), quote.Value(sh.Second.Interface.Name))
	if sh.Certain {
		f.Message = fmt.Sprintf("pool %s is the only IPv%d pool of %s: both would get the same address", quote.Value(sh.Pool), sh.Family, both)
	} else {
		f.Message = fmt.Sprintf("pool %s is in the IPv%d lists of %s: when both take from it they get the same address", quote.Value(sh.Pool), sh.Family, both)
	}
	f.Remedy = "name different pools for the interfaces in " + spiderpool.PoolsAnnotation
	return f
}
