package rules

import (
	"fmt"

	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// V2 refuses the workload (pkg/admission/webhook/workload.go), V1 writes an event when
// the pod has been made.
var ruleFlatNetworkSubnetNotFound = pod.Rule{
	ID:      "flat-network-subnet-not-found",
	Default: verdict.Deny,
	Check: func(p *pod.View) []verdict.Finding {
		var found []verdict.Finding
		for r := range p.FlatRequests {
			if !r.SubnetNamed() {
				continue
			}
			answer, g := p.SubnetAnswer(r), r.Generation
			f := verdict.Finding{Place: object.AtAnnotation(g.SubnetAnnotation(), 0), Softened: p.Subject.Template() || r.Unattached()}
			switch {
			case answer.Value != nil && answer.Value.Failure != "":
				f.Softened = true
				f.Message = fmt.Sprintf("subnet %s exists, but its controller does not use it: %s", quote.Value(r.Subnet), quote.Value(answer.Value.Failure))
				f.Remedy = "see what is wrong with it:\n  kubectl describe " + g.SubnetResource() + " -n " + g.SubnetNamespace() + " " + r.Subnet
			case answer.Value == nil && !answer.Unknown && answer.Err == nil:
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
