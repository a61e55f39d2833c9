package policy

import (
	"fmt"

	"github.com/macvlan-webhook/macvlan-webhook/policy/quote"
)

// V2 refuses the workload (pkg/admission/webhook/workload.go), V1 writes an event when
// the pod has been made.
var ruleFlatNetworkSubnetNotFound = Rule{
	ID:      "flat-network-subnet-not-found",
	Title:   "A subnet of Rancher's flat network does not exist",
	Group:   groupFlat,
	Default: Deny,
	Since:   "v0.1.0",
	Doc: "V1 looks for a MacvlanSubnet in the namespace kube-system, V2 for a FlatNetworkSubnet in cattle-flat-network, whatever namespace the pod is in. " +
		"On the template of a workload a missing subnet is a warning, since it may be applied after it. A subnet whose controller says that it failed " +
		"(`status.phase`) is a warning. Without any subnet of the generation in the files, and in a cluster without it, nothing is known about " +
		"subnets and this rule is silent.",
	Remedy: "Name a subnet that exists: `kubectl get macvlansubnets -n kube-system` and `kubectl get flatnetworksubnets -n cattle-flat-network` list them.",
	Wrong: "k8s.v1.cni.cncf.io/networks: '[{\"name\":\"rancher-flat-network\",\"interface\":\"eth1\"}]'\n" +
		"flatnetwork.pandaria.io/ip: auto\nflatnetwork.pandaria.io/subnet: vlan301\n",
	Right: "k8s.v1.cni.cncf.io/networks: '[{\"name\":\"rancher-flat-network\",\"interface\":\"eth1\"}]'\n" +
		"flatnetwork.pandaria.io/ip: auto\nflatnetwork.pandaria.io/subnet: vlan300\n",
	restsOn: onNetworks | onSubnets,
	check: func(p *Pod) []Finding {
		var found []Finding
		for _, r := range p.flat {
			if r.subnet < 0 {
				continue
			}
			fact, g := &p.facts.Subnets[r.subnet], r.Generation
			f := Finding{Annotation: g.SubnetAnnotation(), softened: p.Subject.Template() || r.inert()}
			switch {
			case fact.Subnet != nil && fact.Subnet.Failure != "":
				f.softened = true
				f.Message = fmt.Sprintf("subnet %s is there, and its controller does not use it: %s", quote.Value(r.Subnet), quote.Value(fact.Subnet.Failure))
				f.Remedy = "see what is wrong with it:\n  kubectl describe " + g.SubnetResource() + " -n " + g.SubnetNamespace() + " " + r.Subnet
			case fact.Subnet == nil && !fact.Unknown && fact.Err == nil:
				f.Message = fmt.Sprintf("subnet %s does not exist: no %s in namespace %s has that name", quote.Value(r.Subnet), g.SubnetKind(), g.SubnetNamespace())
				f.Remedy = "create it first, or name one that exists; this lists them:\n  kubectl get " + g.SubnetResource() + " -n " + g.SubnetNamespace()
			default:
				continue
			}
			found = append(found, f)
		}
		return found
	},
}
