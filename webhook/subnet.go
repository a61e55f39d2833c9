package webhook

import (
	"context"
	"net/http"

	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/policy"
	"github.com/macvlan-webhook/macvlan-webhook/policy/flatnetwork"
)

// aboutSubnet says whether a request is about a subnet of Rancher's flat network, and of
// which generation.
func aboutSubnet(req admission.Request) (flatnetwork.Generation, bool) {
	return flatnetwork.SubnetGeneration(schema.GroupVersion{Group: req.Kind.Group, Version: req.Kind.Version}.String(), req.Kind.Kind)
}

// validateSubnet judges a subnet that is written.
func (d *Decider) validateSubnet(ctx context.Context, req admission.Request, g flatnetwork.Generation, config *policy.Config) admission.Response {
	old := req.OldObject.Raw
	switch {
	case req.SubResource != "", req.Operation != admissionv1.Create && req.Operation != admissionv1.Update:
		return admission.Allowed("")
	case req.Operation == admissionv1.Create:
		old = nil
	}
	subject, err := policy.DecodeSubnet(g, req.Namespace, req.Object.Raw, old)
	if err != nil {
		return d.refuse(req, http.StatusUnprocessableEntity, metav1.StatusReasonInvalid, "the object cannot be read: "+err.Error())
	}
	verdict := inventory.JudgeSubnet(ctx, d.Inventory, subject, config)
	d.Metrics.count(&verdict)
	return d.respond(req, &policy.Subject{Kind: g.SubnetKind(), Namespace: subject.Namespace, Name: subject.Name}, &verdict)
}
