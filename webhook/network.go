package webhook

import (
	"context"
	"net/http"

	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/policy"
)

// aboutNetwork says whether a request is about a NetworkAttachmentDefinition.
func aboutNetwork(req admission.Request) bool {
	kind := metav1.GroupVersionKind(req.Kind)
	return kind.Group+"/"+kind.Version == inventory.NetworkAPIVersion && kind.Kind == inventory.NetworkKind
}

// validateNetwork judges a NetworkAttachmentDefinition that is written or deleted.
func (d *Decider) validateNetwork(ctx context.Context, req admission.Request, config *policy.Config) admission.Response {
	object, old := req.Object.Raw, req.OldObject.Raw
	switch {
	case req.SubResource != "", req.Operation == admissionv1.Connect:
		return admission.Allowed("")
	case req.Operation == admissionv1.Delete:
		object = nil
	case req.Operation == admissionv1.Create:
		old = nil
	}
	subject, err := policy.DecodeNetwork(req.Namespace, object, old)
	if err != nil {
		return d.refuse(req, http.StatusUnprocessableEntity, metav1.StatusReasonInvalid, "the object cannot be read: "+err.Error())
	}
	verdict := inventory.JudgeNetwork(ctx, d.Inventory, subject, config)
	d.Metrics.count(&verdict)
	return d.respond(req, &policy.Subject{Kind: inventory.NetworkKind, Namespace: subject.Namespace, Name: subject.Name}, &verdict)
}
