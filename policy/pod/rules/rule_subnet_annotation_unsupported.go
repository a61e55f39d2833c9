package rules

import (
	"slices"
	"strings"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/spiderpool"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// Pools of a SpiderSubnet belong to a workload
// (getAutoPoolIPNumberAndSelector in Spiderpool's pkg/ipam/utils.go), and are made only
// where that is on: with SpiderSubnets alone, the agent refuses the annotations
// (getPoolFromSubnetAnno in pool_selections.go there).
var ruleSubnetAnnotationUnsupported = pod.Rule{
	ID:      "subnet-annotation-unsupported",
	Default: verdict.Deny,
	Check: func(p *pod.View) []verdict.Finding {
		key := spiderpool.SubnetsAnnotation
		if !p.PoolAnnotations().HasSubnets {
			key = spiderpool.SubnetAnnotation
		}
		if !reads(p, key) || spiderpoolUse(p) != used {
			return nil
		}
		f := verdict.Finding{Place: object.AtAnnotation(key, 0), Remedy: "create it through a Deployment or another workload of Kubernetes, or name pools in " + spiderpool.PoolsAnnotation}
		if !p.Config.Spiderpool.AutoPools {
			f.Message = "Spiderpool makes no pools of a SpiderSubnet here (its Auto-Pool feature is off: spiderpool.autoPools in PolicyConfig), and refuses pods with this annotation"
			f.Remedy = "name pools in " + spiderpool.PoolsAnnotation + ", or ask the platform team to set enableAutoPoolForApplication in Spiderpool's configuration"
			return []verdict.Finding{f}
		}
		number, numbered := p.Subject.Annotations[spiderpool.IPNumberAnnotation]
		switch c := p.Subject.Controller; {
		case c == (object.Controller{}):
			f.Message = "the pod has no controller, and Spiderpool makes pools of a SpiderSubnet for workloads only"
		case !slices.Contains(ownVersions, c.APIVersion) && !numbered:
			f.Message = "the controller of the pod is " + quote.Value(c.Kind) + " of " + quote.Value(c.APIVersion) + ", whose pods Spiderpool cannot count"
			f.Remedy = "write how many addresses the pool needs:\n  " + spiderpool.IPNumberAnnotation + `: "3"`
		case !slices.Contains(ownVersions, c.APIVersion) && strings.Contains(number, "+"):
			f.Place = object.AtAnnotation(spiderpool.IPNumberAnnotation, 0)
			f.Message = quote.Value(number) + " is counted above the number of pods, and the controller of this one is " + quote.Value(c.Kind) + " of " + quote.Value(c.APIVersion) +
				", whose pods Spiderpool cannot count; accepted: a number without +"
			f.Remedy = "write how many addresses the pool needs:\n  " + spiderpool.IPNumberAnnotation + `: "3"`
			f.Softened = true
		default:
			return nil
		}
		return []verdict.Finding{f}
	},
}

// ownVersions are the API versions of the workloads whose pods Spiderpool counts.
var ownVersions = []string{"v1", "apps/v1", "batch/v1"}
