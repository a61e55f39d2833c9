package check

import (
	"context"

	"github.com/macvlan-webhook/macvlan-webhook/cmd/kubectl-macvlan/internal/report"
	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/inventory/files"
	"github.com/macvlan-webhook/macvlan-webhook/policy"
)

// isNetwork says whether an object is a NetworkAttachmentDefinition.
func isNetwork(o *files.Object) bool {
	return o.APIVersion == inventory.NetworkAPIVersion && o.Kind == inventory.NetworkKind
}

// judgeNetwork judges a network as it would be in admission if it were written over the
// one that is stored under its name.
func judgeNetwork(ctx context.Context, o *files.Object, inv, stored inventory.Inventory, config *policy.Config, namespace string) (report.Result, error) {
	if o.Namespace != "" {
		namespace = o.Namespace
	}
	object, old := o.JSON, o.Old
	if o.Deleted {
		object, old = nil, o.JSON
	}
	subject, err := policy.DecodeNetwork(namespace, object, old)
	if err != nil {
		return report.Result{}, err
	}
	// The file may stand for a request whose namespace is another than the object's
	// own.
	subject.Namespace = namespace
	before := stored.Facts(ctx, policy.Questions{Networks: []policy.Reference{subject.Reference()}})
	if fact := before.Networks[0]; fact.Err == nil && !before.NamesOnly {
		subject.Replace(fact.Value)
	}
	verdict := inventory.JudgeNetwork(ctx, inv, subject, config)
	return result(o, namespace, "", &verdict), nil
}
