package rules

import (
	"fmt"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/flatnetwork"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// V1 in controller/macvlanip.go of its v0.3.0, V2 in CheckPodAnnotationIPs and
// CheckPodAnnotationMACs of pkg/common/common.go.
var ruleFlatNetworkAnnotationInvalid = pod.Rule{
	ID:      "flat-network-annotation-invalid",
	Default: verdict.Deny,
	Check: func(p *pod.View) []verdict.Finding {
		var found verdict.Collector
		flatFaults(p, &found, flatnetwork.ProblemSyntax, flatnetwork.ProblemIgnored, flatnetwork.ProblemNoIP)
		for r := range p.FlatRequests {
			if !r.LooksLikeRange() {
				continue
			}
			found.Add(true, func() verdict.Finding {
				first, last := r.IPs.Entries[0].Text, r.IPs.Entries[1].Text
				return verdict.Finding{
					Place: object.AtAnnotation(r.IPs.Annotation, 0),
					Message: fmt.Sprintf("%s means the two addresses %s and %s: there are no ranges",
						quote.Value(p.Subject.Annotations[r.IPs.Annotation]), quote.Value(first), quote.Value(last)),
					Remedy: "write every address that a pod may get, separated by -; leave it if two are meant",
				}
			})
		}
		for _, l := range labelLists(p) {
			found.Add(true, func() verdict.Finding {
				return verdict.Finding{
					Place:   object.AtLabel(l.key),
					Message: fmt.Sprintf("the label holds %s, and addresses are read from the annotation of that name only", quote.Value(p.Subject.Labels[l.key])),
					Remedy:  "move it to metadata.annotations",
				}
			})
		}
		return found.List()
	},
}

// labelList is a list of addresses in a label, as the controller of May 2019 wrote
// them.
type labelList struct {
	generation flatnetwork.Generation
	key        string
	count      int
}

// labelLists are those in the labels that are called like the annotations.
func labelLists(p *pod.View) []labelList {
	var found []labelList
	for _, g := range flatnetwork.Generations {
		for _, key := range []string{g.IPAnnotation(), g.MACAnnotation()} {
			value, ok := p.Subject.Labels[key]
			if !ok {
				continue
			}
			r := flatnetwork.Parse(g, map[string]string{key: value})
			if !r.IPs.Auto || !r.MACs.Auto {
				found = append(found, labelList{g, key, max(len(r.IPs.Entries), len(r.MACs.Entries), 1)})
			}
		}
	}
	return found
}
