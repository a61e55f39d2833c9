package webhook

import (
	"context"

	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/policy"
	"github.com/macvlan-webhook/macvlan-webhook/policy/quote"
)

// Workloads reads workloads from the cluster.
type Workloads interface {
	// Workload is the object in JSON.
	Workload(ctx context.Context, resource schema.GroupVersionResource, namespace, name string) ([]byte, error)
}

// scalable are the kinds of the workloads that have a scale.
var scalable = map[schema.GroupVersionResource]string{
	{Group: "apps", Version: "v1", Resource: "deployments"}:        "Deployment",
	{Group: "apps", Version: "v1", Resource: "statefulsets"}:       "StatefulSet",
	{Group: "apps", Version: "v1", Resource: "replicasets"}:        "ReplicaSet",
	{Group: "", Version: "v1", Resource: "replicationcontrollers"}: "ReplicationController",
}

// scale answers the scaling of a workload, which is never refused: its author did
// not write the template now. But the pods that are to be added will be, and that
// is said. The request holds a number of replicas only, so the workload is read.
func (d *Decider) scale(ctx context.Context, req admission.Request, config *policy.Config) admission.Response {
	resource := schema.GroupVersionResource(req.Resource)
	kind, ok := scalable[resource]
	if !ok || d.Workloads == nil || req.Operation != admissionv1.Update {
		return admission.Allowed("")
	}
	object, err := d.Workloads.Workload(ctx, resource, req.Namespace, req.Name)
	if err != nil {
		d.Logger.Warn("a scaled workload could not be read", "kind", kind, "namespace", quote.Value(req.Namespace), "name", quote.Value(req.Name), "error", err)
		return admission.Allowed("")
	}
	subject, err := policy.DecodeSubject(resource.GroupVersion().String(), kind, req.Namespace, object)
	if err != nil || judgedByOwner(subject) {
		return admission.Allowed("")
	}
	verdict := inventory.Judge(ctx, d.Inventory, subject, config)
	refused := policy.Verdict{}
	for _, f := range verdict.Findings {
		if f.Action == policy.Deny {
			f.Action, f.Inherited = policy.Warn, true
			refused.Findings = append(refused.Findings, f)
		}
	}
	return admission.Allowed("").WithWarnings(refused.Warnings(kind)...)
}
