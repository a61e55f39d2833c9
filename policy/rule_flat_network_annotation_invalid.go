package policy

import (
	"fmt"

	"github.com/macvlan-webhook/macvlan-webhook/policy/flatnetwork"
	"github.com/macvlan-webhook/macvlan-webhook/policy/quote"
)

// V1 in controller/macvlanip.go of its v0.3.0, V2 in CheckPodAnnotationIPs and
// CheckPodAnnotationMACs of pkg/common/common.go.
var ruleFlatNetworkAnnotationInvalid = Rule{
	ID:      "flat-network-annotation-invalid",
	Title:   "An annotation of Rancher's flat network cannot be read",
	Group:   groupFlat,
	Default: Deny,
	Since:   "v0.1.0",
	Doc: "The annotations `ip` and `mac` hold `auto`, nothing, or addresses with `-` between them. There are no ranges: `10.0.0.2-10.0.0.20` is two addresses, which is " +
		"worth a warning. There are no prefix lengths, no commas (the web form of Rancher takes commas and writes `-`), no spaces and no leading zeros. A MAC address is written with " +
		"colons, since `-` separates addresses. V2 leaves a pod alone that names a subnet and no `ip`, and its interface then waits for an address that never comes: write `auto`. " +
		"V1 up to v0.3.0 leaves a MAC address alone unless there are several IP addresses and several MAC addresses, which is a warning. " +
		"A list in a label is read by nobody, which is a warning, too.",
	Remedy: "Write the addresses with `-` between them, or `auto`.",
	Wrong: "k8s.v1.cni.cncf.io/networks: '[{\"name\":\"rancher-flat-network\",\"interface\":\"eth1\"}]'\n" +
		"flatnetwork.pandaria.io/subnet: vlan300\nflatnetwork.pandaria.io/ip: 10.30.0.21,10.30.0.22\n",
	Right: "k8s.v1.cni.cncf.io/networks: '[{\"name\":\"rancher-flat-network\",\"interface\":\"eth1\"}]'\n" +
		"flatnetwork.pandaria.io/subnet: vlan300\nflatnetwork.pandaria.io/ip: 10.30.0.21-10.30.0.22\n",
	check: func(p *Pod) []Finding {
		var found findings
		p.flatFaults(&found, flatnetwork.ProblemSyntax, flatnetwork.ProblemIgnored, flatnetwork.ProblemNoIP)
		for _, r := range p.flat {
			if !r.LooksLikeRange() {
				continue
			}
			found.add(true, func() Finding {
				first, last := r.IPs.Entries[0].Text, r.IPs.Entries[1].Text
				return Finding{
					Annotation: r.IPs.Annotation,
					Message: fmt.Sprintf("%s is the two addresses %s and %s: there are no ranges",
						quote.Value(p.Subject.Annotations[r.IPs.Annotation]), quote.Value(first), quote.Value(last)),
					Remedy: "write every address that a pod may get, with - between them; leave it if two are meant",
				}
			})
		}
		for _, l := range p.labelLists() {
			found.add(true, func() Finding {
				return Finding{
					Label:   l.key,
					Message: fmt.Sprintf("the label holds %s, and addresses are read from the annotation of that name only", quote.Value(p.Subject.Labels[l.key])),
					Remedy:  "move it to metadata.annotations",
				}
			})
		}
		return found.list()
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
func (p *Pod) labelLists() []labelList {
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
