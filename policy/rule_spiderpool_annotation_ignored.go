package policy

import (
	"github.com/macvlan-webhook/macvlan-webhook/policy/spiderpool"
)

// The strongest annotation hides the others (getPoolCandidates in Spiderpool's
// pkg/ipam/pool_selections.go).
var ruleSpiderpoolAnnotationIgnored = Rule{
	ID:      "spiderpool-annotation-ignored",
	Title:   "A Spiderpool annotation has no effect",
	Group:   groupSpiderpool,
	Default: Warn,
	Since:   "v0.1.0",
	Doc: "Of the annotations that say where addresses come from one is read: `ipam.spidernet.io/subnets`, else `subnet` (both only when the SpiderSubnet feature is on, PolicyConfig `spiderpool.subnets`), " +
		"else `ippools`, else `ippool`. `ippool-ip-number` and `ippool-reclaim` belong to the subnets. And on a pod none of whose interfaces gets its addresses from Spiderpool, all of them are without effect.",
	Remedy: "Remove the annotation that is not read.",
	Wrong: "k8s.v1.cni.cncf.io/networks: kube-system/vlan100\n" +
		"ipam.spidernet.io/ippool: '{\"ipv4\":[\"vlan100-v4\"]}'\n" +
		"ipam.spidernet.io/ippools: '[{\"interface\":\"net1\",\"ipv4\":[\"vlan100-v4b\"]}]'\n",
	Right: "k8s.v1.cni.cncf.io/networks: kube-system/vlan100\n" +
		"ipam.spidernet.io/ippools: '[{\"interface\":\"net1\",\"ipv4\":[\"vlan100-v4b\"]}]'\n",

	restsOn: onNetworks,
	check:   checkIgnored,
}

func checkIgnored(p *Pod) []Finding {
	if len(p.interfaces) == 0 {
		return nil
	}
	var found []Finding
	nobody := p.spiderpoolUse() == unused
	for _, key := range spiderpoolKeys {
		if _, there := p.Subject.Annotations[key]; !there {
			continue
		}
		f := Finding{Annotation: key, Remedy: "remove it"}
		switch {
		case key == spiderpool.DefaultRouteNICAnnotation:
			// The coordinator reads it, whoever gives the addresses.
			continue
		case nobody:
			f.Message = "the annotation has no effect: no interface of the pod gets its addresses from Spiderpool"
		case p.reads(key):
			continue
		default:
			f.Message = "the annotation has no effect: " + p.hiddenBy(key)
		}
		found = append(found, f)
	}
	return found
}

// hiddenBy says why Spiderpool does not read an annotation.
func (p *Pod) hiddenBy(key string) string {
	switch key {
	case spiderpool.IPNumberAnnotation, spiderpool.ReclaimAnnotation:
		return "it is about pools made of a SpiderSubnet, and the pod takes none (" + spiderpool.SubnetAnnotation + ")"
	case spiderpool.SubnetAnnotation, spiderpool.SubnetsAnnotation:
		if !p.config.Spiderpool.Subnets {
			return "the SpiderSubnet feature is off (spiderpool.subnets in PolicyConfig)"
		}
	}
	for _, stronger := range []string{spiderpool.SubnetsAnnotation, spiderpool.SubnetAnnotation, spiderpool.PoolsAnnotation} {
		if _, there := p.Subject.Annotations[stronger]; there && p.reads(stronger) {
			return stronger + " counts in its place"
		}
	}
	return "Spiderpool does not read it"
}
