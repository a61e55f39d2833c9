package policy

import (
	"fmt"

	"github.com/macvlan-webhook/macvlan-webhook/policy/flatnetwork"
	"github.com/macvlan-webhook/macvlan-webhook/policy/quote"
)

// V1 in validateSubnetProject of its controller, when the pod has been made. V2 has
// given the check up, though its subnets carry the label.
var ruleFlatNetworkProject = Rule{
	ID:      "flat-network-project",
	Title:   "A subnet belongs to another project than the pod's namespace",
	Group:   groupFlat,
	Default: Deny,
	Since:   "v0.1.0",
	Doc: "A subnet of Rancher's flat network with the label `project` is for the namespaces of that project alone; an empty one is for all. The project of a namespace stands " +
		"in its annotation `field.cattle.io/projectId`, with a colon in place of the dash; a namespace without it may use any subnet. " +
		"V1 also refuses pods of a project a subnet without the label, which is a warning here, since Rancher always writes it.",
	Remedy: "Name a subnet of the namespace's project, or one that is for all.",
	Wrong: "metadata:\n  namespace: project-b\n  annotations:\n    k8s.v1.cni.cncf.io/networks: '[{\"name\":\"rancher-flat-network\",\"interface\":\"eth1\"}]'\n" +
		"    flatnetwork.pandaria.io/ip: auto\n    flatnetwork.pandaria.io/subnet: vlan400\n",
	Right: "metadata:\n  namespace: project-b\n  annotations:\n    k8s.v1.cni.cncf.io/networks: '[{\"name\":\"rancher-flat-network\",\"interface\":\"eth1\"}]'\n" +
		"    flatnetwork.pandaria.io/ip: auto\n    flatnetwork.pandaria.io/subnet: vlan300\n",
	restsOn: onNetworks | onSubnets,
	check: func(p *Pod) []Finding {
		namespace := p.facts.Namespace.Namespace
		if namespace == nil || namespace.Project == "" {
			return nil
		}
		var found []Finding
		for _, r := range p.flat {
			s := p.subnetOf(r)
			if s == nil || s.HasProject && (s.Project == "" || s.Project == namespace.Project) {
				continue
			}
			f := Finding{
				Annotation: r.Generation.SubnetAnnotation(),
				Remedy:     "name a subnet of project " + quote.Value(namespace.Project) + ", or one whose label project is empty; this lists both:\n  kubectl get " + r.Generation.SubnetResource() + " -n " + r.Generation.SubnetNamespace() + " -l 'project in (" + namespace.Project + ",)'",
				softened:   r.inert(),
			}
			switch {
			case s.HasProject:
				f.Message = fmt.Sprintf("subnet %s belongs to project %s, and namespace %s to project %s", quote.Value(r.Subnet), quote.Value(s.Project), quote.Value(p.Subject.Namespace), quote.Value(namespace.Project))
			case r.Generation == flatnetwork.V1:
				f.softened = true
				f.Message = fmt.Sprintf("subnet %s has no label project, and V1 gives no address of it to namespace %s, which belongs to project %s", quote.Value(r.Subnet), quote.Value(p.Subject.Namespace), quote.Value(namespace.Project))
			default:
				continue
			}
			found = append(found, f)
		}
		return found
	},
}
