package webhook

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
	"github.com/macvlan-webhook/macvlan-webhook/review"
)

// Decider answers admission requests.
type Decider struct {
	// Config is the configuration in effect, asked for once per request.
	Config    func() *config.Config
	Inventory inventory.Inventory
	// Workloads reads the workloads that are scaled, and the pods that are bound; nil when
	// there is no cluster to read them from.
	Workloads Workloads
	Metrics   *Metrics
	Logger    *slog.Logger
}

// Validate judges the object of a request.
func (d *Decider) Validate(ctx context.Context, req admission.Request) admission.Response {
	config := d.Config()
	if who := config.ExemptUser(req.UserInfo.Username); who != "" {
		d.Metrics.count(&verdict.Verdict{Exempt: who})
		return exempted(who)
	}
	if req.SubResource == "scale" {
		return d.scale(ctx, req, config)
	}
	kind, ok := review.KindOf(apiVersion(req), req.Kind.Kind)
	if !ok {
		return d.misdirected(req)
	}
	if !sent(kind, req) {
		return unasked(kind, req, "check")
	}
	outcome, err := review.Judge(ctx, d.Inventory, config, d.change(kind, req))
	switch {
	case err != nil:
		return d.unreadable(ctx, req, kind, config, err)
	case outcome.Unread != "":
		return admission.Allowed("").WithWarnings(outcome.Unread)
	case outcome.Spawned:
		return admission.Allowed("")
	}
	d.Metrics.count(&outcome.Verdict)
	return d.respond(req, &outcome)
}

// Mutate fills in the default pools of a pod that names none. What else there is
// to say of the pod is left to Validate, which sees it after all mutations; where
// the inventory does not answer nothing is filled in, and Validate does not let
// the pod pass without. Only a label that is too long is refused here: the API server
// would refuse it in its own words before it calls Validate.
func (d *Decider) Mutate(ctx context.Context, req admission.Request) admission.Response {
	config := d.Config()
	if who := config.ExemptUser(req.UserInfo.Username); who != "" {
		return exempted(who)
	}
	kind, ok := review.KindOf(apiVersion(req), req.Kind.Kind)
	if !ok || !kind.HoldsPods() {
		return d.misdirected(req)
	}
	if req.SubResource != "" || !kind.Completes(review.Operation(req.Operation)) {
		return unasked(kind, req, "fill in pools on")
	}
	outcome, err := review.Complete(ctx, d.Inventory, config, d.change(kind, req))
	switch {
	case err != nil:
		return d.unreadable(ctx, req, kind, config, err)
	case outcome.Unread != "":
		return admission.Allowed("").WithWarnings(outcome.Unread)
	case outcome.Verdict.Decision() == verdict.Deny:
		d.Metrics.count(&outcome.Verdict)
		return d.respond(req, &outcome)
	}
	response := admission.Allowed("")
	if outcome.Patch == nil {
		return response
	}
	patch, err := json.Marshal(outcome.Patch)
	if err != nil {
		return d.refuse(req, http.StatusInternalServerError, metav1.StatusReasonInternalError, "the patch cannot be encoded: "+err.Error())
	}
	d.Metrics.patched()
	response.Patch, response.PatchType = patch, new(admissionv1.PatchTypeJSONPatch)
	return response
}

func apiVersion(req admission.Request) string {
	return schema.GroupVersion{Group: req.Kind.Group, Version: req.Kind.Version}.String()
}

// sent says whether a request is one that our validating webhooks send.
func sent(kind review.Kind, req admission.Request) bool {
	operation := review.Operation(req.Operation)
	if req.SubResource == "" {
		return kind.Judges(operation)
	}
	return kind.JudgesAt(resourceName(req), operation)
}

// change is what a request about an object of that kind asks about. The mutating webhooks
// have filled in what there is to fill in. What a workload made of its template was judged
// when somebody wrote that; pods are always judged.
func (d *Decider) change(kind review.Kind, req admission.Request) review.Change {
	change := review.Change{
		APIVersion: kind.APIVersion, Kind: kind.Kind, Namespace: req.Namespace, Name: req.Name,
		Operation: review.Operation(req.Operation), New: req.Object.Raw, Old: req.OldObject.Raw,
		Final: true, PassSpawned: true,
	}
	if d.Workloads != nil {
		change.ReadPod = d.readPod
	}
	return change
}

// readPod reads a pod from the cluster; nil without an error where there is none.
func (d *Decider) readPod(ctx context.Context, namespace, name string) ([]byte, error) {
	text, err := d.Workloads.Workload(ctx, corev1.SchemeGroupVersion.WithResource("pods"), namespace, name)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	return text, err
}

// misdirected answers a request about an object of a kind that is not judged.
func (d *Decider) misdirected(req admission.Request) admission.Response {
	return d.refuse(req, http.StatusUnprocessableEntity, metav1.StatusReasonInvalid,
		fmt.Sprintf("macvlan-webhook checks pods and the workloads that create them, not %s of %s: correct the rules of the webhook configuration that sends it here",
			quote.Value(req.Kind.Kind), quote.Value(apiVersion(req))))
}

// unasked answers a request about what need not be judged of an object, or completed. what is
// not done to it continues the sentence.
func unasked(kind review.Kind, req admission.Request, what string) admission.Response {
	if !kind.HoldsPods() {
		return admission.Allowed("")
	}
	return admission.Allowed("").WithWarnings(fmt.Sprintf("macvlan-webhook does not %s %s %s: correct the webhook configuration",
		what, quote.Value(string(req.Operation)), quote.Value(resourceName(req))))
}

// unreadable answers a request whose object cannot be read: nobody can say whether the
// rules let it pass, so the mode decides.
func (d *Decider) unreadable(ctx context.Context, req admission.Request, kind review.Kind, config *config.Config, err error) admission.Response {
	switch mode := review.Mode(ctx, d.Inventory, config, d.change(kind, req)); mode {
	case verdict.ModeOff:
		return exempted(config.Off(req.Namespace))
	case verdict.ModeWarn:
		d.Metrics.undecided()
		// A line break would lose the whole warning.
		response := admission.Allowed("").WithWarnings("macvlan-webhook could not check this " + kind.Kind + ": " + strings.Join(strings.Fields(err.Error()), " "))
		response.AuditAnnotations = map[string]string{"mode": string(mode), "relaxed": "unreadable"}
		return response
	}
	return d.refuse(req, http.StatusUnprocessableEntity, metav1.StatusReasonInvalid, "the object cannot be read: "+err.Error())
}

func resourceName(req admission.Request) string {
	if req.SubResource != "" {
		return req.Resource.Resource + "/" + req.SubResource
	}
	return req.Resource.Resource
}
