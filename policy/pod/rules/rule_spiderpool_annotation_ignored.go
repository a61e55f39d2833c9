package rules

import (
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/spiderpool"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// The strongest annotation hides the others (getPoolCandidates in Spiderpool's
// pkg/ipam/pool_selections.go).
var ruleSpiderpoolAnnotationIgnored = pod.Rule{
	ID:      "spiderpool-annotation-ignored",
	Default: verdict.Warn,
	Check:   checkIgnored,
}

func checkIgnored(p *pod.View) []verdict.Finding {
	if len(p.Interfaces()) == 0 {
		return nil
	}
	var found []verdict.Finding
	nobody := spiderpoolUse(p) == unused
	for _, key := range pod.SpiderpoolAnnotations {
		if _, there := p.Subject.Annotations[key]; !there {
			continue
		}
		f := verdict.Finding{Place: object.AtAnnotation(key, 0), Remedy: "remove it"}
		switch {
		case key == spiderpool.DefaultRouteNICAnnotation:
			// The coordinator reads it, whoever gives the addresses.
			continue
		case nobody:
			f.Message = "the annotation has no effect: no interface of the pod gets its addresses from Spiderpool"
		case reads(p, key):
			continue
		default:
			f.Message = "the annotation has no effect: " + hiddenBy(p, key)
		}
		found = append(found, f)
	}
	return found
}

// hiddenBy says why Spiderpool does not read an annotation.
func hiddenBy(p *pod.View, key string) string {
	switch key {
	case spiderpool.IPNumberAnnotation, spiderpool.ReclaimAnnotation:
		return "it only affects pools made from a SpiderSubnet, and the pod uses none (" + spiderpool.SubnetAnnotation + ")"
	case spiderpool.SubnetAnnotation, spiderpool.SubnetsAnnotation:
		if !p.Config.Spiderpool.Subnets {
			return "the SpiderSubnet feature is off (spiderpool.subnets in PolicyConfig)"
		}
	}
	for _, stronger := range []string{spiderpool.SubnetsAnnotation, spiderpool.SubnetAnnotation, spiderpool.PoolsAnnotation} {
		if _, there := p.Subject.Annotations[stronger]; there && reads(p, stronger) {
			return stronger + " takes precedence"
		}
	}
	return "Spiderpool does not read it"
}
