package check

import (
	"context"

	"github.com/macvlan-webhook/macvlan-webhook/cmd/kubectl-macvlan/internal/report"
	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/inventory/files"
	"github.com/macvlan-webhook/macvlan-webhook/policy"
	"github.com/macvlan-webhook/macvlan-webhook/policy/flatnetwork"
)

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
