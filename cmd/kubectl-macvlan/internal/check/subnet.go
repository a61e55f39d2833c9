package check

import (
	"context"

	"github.com/macvlan-webhook/macvlan-webhook/cmd/kubectl-macvlan/internal/report"
	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/inventory/files"
	"github.com/macvlan-webhook/macvlan-webhook/policy"
	"github.com/macvlan-webhook/macvlan-webhook/policy/flatnetwork"
)

// subnetGeneration says whether an object is a subnet of Rancher's flat network, and of
// which generation.
func subnetGeneration(o *files.Object) (flatnetwork.Generation, bool) {
	for _, g := range flatnetwork.Generations {
		if o.APIVersion == g.Group()+"/"+flatnetwork.Version && o.Kind == g.SubnetKind() {
			return g, true
		}
	}
	return 0, false
}

// judgeSubnet judges a subnet as it would be in admission.
func judgeSubnet(ctx context.Context, o *files.Object, g flatnetwork.Generation, inv inventory.Inventory, config *policy.Config, namespace string) (report.Result, error) {
	if o.Namespace != "" {
		namespace = o.Namespace
	}
	subject, err := policy.DecodeSubnet(g, namespace, o.JSON, o.Old)
	if err != nil {
		return report.Result{}, err
	}
	verdict := inventory.JudgeSubnet(ctx, inv, subject, config)
	return result(o, namespace, "", &verdict), nil
}
