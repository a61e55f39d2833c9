package webhook

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"

	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod/rules"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
	"github.com/macvlan-webhook/macvlan-webhook/review"
)

// Workloads reads workloads and pods from the cluster.
type Workloads interface {
	// Workload is the object in JSON.
	Workload(ctx context.Context, resource schema.GroupVersionResource, namespace, name string) ([]byte, error)
}

// scalable are the kinds of the workloads that have a scale.
var scalable = scaledKinds()

func scaledKinds() map[schema.GroupVersionResource]review.Kind {
	scaled := map[schema.GroupVersionResource]review.Kind{}
	for _, kind := range review.Kinds() {
		if kind.Scaled {
			scaled[schema.FromAPIVersionAndKind(kind.APIVersion, kind.Kind).GroupVersion().WithResource(kind.Resource)] = kind
		}
	}
	return scaled
}

// scale answers the scaling of a workload. It is refused for what the number of pods
// decides, which is whether there are as many fixed addresses. For the rest, the pods
// that are to be added will be refused, and that is said: whoever scales did not write
// the template now. The request holds a number of replicas only, so the workload is
// read; where that, or the inventory, does not answer, nothing stands in the way.
func (d *Decider) scale(ctx context.Context, req admission.Request, config *config.Config) admission.Response {
	resource := schema.GroupVersionResource(req.Resource)
	kind, ok := scalable[resource]
	if !ok || d.Workloads == nil || req.Operation != admissionv1.Update {
		return admission.Allowed("")
	}
	var scale struct {
		Spec struct {
			Replicas int `json:"replicas"`
		} `json:"spec"`
	}
	if err := json.Unmarshal(req.Object.Raw, &scale); err != nil {
		return d.refuse(req, http.StatusUnprocessableEntity, metav1.StatusReasonInvalid, "the scale cannot be read: "+err.Error())
	}
	object, err := d.Workloads.Workload(ctx, resource, req.Namespace, req.Name)
	if err != nil {
		d.Logger.Warn("a scaled workload could not be read", "kind", kind.Kind, "namespace", quote.Plain(req.Namespace), "name", quote.Plain(req.Name), "error", err)
		return admission.Allowed("")
	}
	outcome, err := review.Judge(ctx, d.Inventory, config, review.Change{
		APIVersion: kind.APIVersion, Kind: kind.Kind, Namespace: req.Namespace, Name: req.Name,
		Operation: review.Update, New: object, Old: object, Replicas: &scale.Spec.Replicas,
		Final: true, PassSpawned: true,
	})
	if err != nil || outcome.Unread != "" || outcome.Spawned {
		return admission.Allowed("")
	}
	v := &outcome.Verdict
	v.Undecided = nil
	// What would be a warning at any other time as well is none of the scaling.
	v.Findings = slices.DeleteFunc(v.Findings, func(f verdict.Finding) bool {
		return f.Action == verdict.Warn && (!f.Inherited || f.Relaxed) && !rules.OnScale(f.Rule)
	})
	d.Metrics.count(v)
	return d.respond(req, &outcome)
}
