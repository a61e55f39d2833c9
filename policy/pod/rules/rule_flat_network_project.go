package rules

import (
	"fmt"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/flatnetwork"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// V1 in validateSubnetProject of its controller, when the pod has been made. V2 has
// given the check up, though its subnets carry the label.
var ruleFlatNetworkProject = pod.Rule{
	ID:      "flat-network-project",
	Default: verdict.Deny,
	Check: func(p *pod.View) []verdict.Finding {
		namespace := p.Namespace()
		if namespace == nil || namespace.Project == "" {
			return nil
		}
		var found []verdict.Finding
		for r := range p.FlatRequests {
			s := p.Subnet(r)
			if s == nil || s.HasProject && (s.Project == "" || s.Project == namespace.Project) {
				continue
			}
			f := verdict.Finding{
				Place:    object.AtAnnotation(r.Generation.SubnetAnnotation(), 0),
				Remedy:   "name a subnet of project " + quote.Value(namespace.Project) + ", or one whose label project is empty; this lists both:\n  kubectl get " + r.Generation.SubnetResource() + " -n " + r.Generation.SubnetNamespace() + " -l 'project in (" + namespace.Project + ",)'",
				Softened: r.Unattached(),
			}
			switch {
			case s.HasProject:
				f.Message = fmt.Sprintf("subnet %s belongs to project %s, and namespace %s to project %s", quote.Value(r.Subnet), quote.Value(s.Project), quote.Value(p.Subject.Namespace), quote.Value(namespace.Project))
			case r.Generation == flatnetwork.V1:
				f.Softened = true
				f.Message = fmt.Sprintf("subnet %s has no label project, and V1 gives no address of it to namespace %s, which belongs to project %s", quote.Value(r.Subnet), quote.Value(p.Subject.Namespace), quote.Value(namespace.Project))
			default:
				continue
			}
			found = append(found, f)
		}
		return found
	},
}
