package policy

import (
	"slices"
	"strings"

	"github.com/macvlan-webhook/macvlan-webhook/policy/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/spiderpool"
)

// Pools of a SpiderSubnet belong to a workload
// (getAutoPoolIPNumberAndSelector in Spiderpool's pkg/ipam/utils.go).
var ruleSubnetAnnotationUnsupported = Rule{
	ID:      "subnet-annotation-unsupported",
	Title:   "A SpiderSubnet is asked for by a pod that cannot have one",
	Group:   groupSpiderpool,
	Default: Deny,
	Since:   "v0.1.0",
	Doc: "Spiderpool makes a pool of a SpiderSubnet for a workload, not for a pod: a pod without a controller is refused. For a controller that is not one of Kubernetes' own it cannot count the pods, and " +
		"wants their number in `ipam.spidernet.io/ippool-ip-number`.",
	Remedy: "Create the pod through a Deployment or another workload, or name pools in `ipam.spidernet.io/ippools`.",
	Wrong: "k8s.v1.cni.cncf.io/networks: kube-system/vlan100\n" +
		"ipam.spidernet.io/subnet: '{\"interface\":\"net1\",\"ipv4\":[\"vlan100-subnet\"]}'\n",
	Right: "k8s.v1.cni.cncf.io/networks: kube-system/vlan100\n" +
		"ipam.spidernet.io/ippools: '[{\"interface\":\"net1\",\"ipv4\":[\"vlan100-v4\"]}]'\n",

	restsOn: onNetworks,
	check: func(p *Pod) []Finding {
		key := spiderpool.SubnetsAnnotation
		if !p.pools.HasSubnets {
			key = spiderpool.SubnetAnnotation
		}
		if !p.reads(key) || p.spiderpoolUse() != used {
			return nil
		}
		f := Finding{Annotation: key, Remedy: "create it through a Deployment or another workload of Kubernetes, or name pools in " + spiderpool.PoolsAnnotation}
		number, numbered := p.Subject.Annotations[spiderpool.IPNumberAnnotation]
		switch c := p.Subject.Controller; {
		case c == (Controller{}):
			f.Message = "the pod has no controller, and Spiderpool makes pools of a SpiderSubnet for workloads only"
		case !slices.Contains(ownVersions, c.APIVersion) && !numbered:
			f.Message = "the controller of the pod is " + quote.Value(c.Kind) + " of " + quote.Value(c.APIVersion) + ", whose pods Spiderpool cannot count"
			f.Remedy = "say how many addresses the pool needs:\n  " + spiderpool.IPNumberAnnotation + `: "3"`
		case !slices.Contains(ownVersions, c.APIVersion) && strings.Contains(number, "+"):
			f.Annotation = spiderpool.IPNumberAnnotation
			f.Message = quote.Value(number) + " is counted above the number of pods, and the controller of this one is " + quote.Value(c.Kind) + " of " + quote.Value(c.APIVersion) +
				", whose pods Spiderpool cannot count; accepted: a number without +"
			f.Remedy = "say how many addresses the pool needs:\n  " + spiderpool.IPNumberAnnotation + `: "3"`
			f.softened = true
		default:
			return nil
		}
		return []Finding{f}
	},
}

// ownVersions are the API versions of the workloads whose pods Spiderpool counts.
var ownVersions = []string{"v1", "apps/v1", "batch/v1"}
