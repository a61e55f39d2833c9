package webhook

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/policy"
	"github.com/macvlan-webhook/macvlan-webhook/policy/quote"
)

// Decider answers admission requests.
type Decider struct {
	// Config is the configuration in force, asked for once per request.
	Config    func() *policy.Config
	Inventory inventory.Inventory
	// Workloads reads the workloads that are scaled; nil when there is no cluster to
	// read them from.
	Workloads Workloads
	Metrics   *Metrics
	Logger    *slog.Logger
}

// Validate judges the object of a request.
func (d *Decider) Validate(ctx context.Context, req admission.Request) admission.Response {
	config := d.Config()
	if who := config.ExemptUser(req.UserInfo.Username); who != "" {
		d.Metrics.count(&policy.Verdict{Exempt: who})
		return exempted(who)
	}
	switch {
	case req.SubResource == "scale":
		return d.scale(ctx, req, config)
	case aboutNetwork(req):
		return d.validateNetwork(ctx, req, config)
	}
	if g, ok := aboutSubnet(req); ok {
		return d.validateSubnet(ctx, req, g, config)
	}
	subject, answer := d.accept(req)
	if answer != nil {
		return *answer
	}
	// Its template was judged when somebody wrote it. Pods are always judged.
	if subject.Spawned() {
		return admission.Allowed("")
	}
	verdict := d.judge(ctx, req, subject, config)
	d.Metrics.count(&verdict)
	return d.respond(req, subject, &verdict)
}

// judge gives the verdict on what is created or updated. From an old object that
// cannot be read nothing is inherited: it is repaired now.
func (d *Decider) judge(ctx context.Context, req admission.Request, subject *policy.Subject, config *policy.Config) policy.Verdict {
	if req.Operation == admissionv1.Update {
		if old, err := d.decode(req, req.OldObject.Raw); err == nil {
			return inventory.JudgeUpdate(ctx, d.Inventory, subject, old, config)
		}
	}
	return inventory.Judge(ctx, d.Inventory, subject, config)
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
	subject, answer := d.accept(req)
	if answer != nil {
		return *answer
	}
	if subject.HasLongLabel() {
		if verdict := policy.JudgeLabels(subject, config); verdict.Decision() == policy.Deny {
			d.Metrics.count(&verdict)
			return d.respond(req, subject, &verdict)
		}
	}
	response := admission.Allowed("")
	operations := inventory.Complete(ctx, d.Inventory, subject, config).Patch()
	if operations == nil {
		return response
	}
	patch, err := json.Marshal(operations)
	if err != nil {
		return d.refuse(req, http.StatusInternalServerError, metav1.StatusReasonInternalError, "the patch cannot be encoded: "+err.Error())
	}
	d.Metrics.patched()
	response.Patch, response.PatchType = patch, new(admissionv1.PatchTypeJSONPatch)
	return response
}

// accept reads the subject of a request, or answers a request whose object is not
// looked at.
func (d *Decider) accept(req admission.Request) (*policy.Subject, *admission.Response) {
	apiVersion := schema.GroupVersion{Group: req.Kind.Group, Version: req.Kind.Version}.String()
	if !policy.HoldsPod(apiVersion, req.Kind.Kind) {
		return nil, new(d.refuse(req, http.StatusUnprocessableEntity, metav1.StatusReasonInvalid,
			fmt.Sprintf("macvlan-webhook judges pods and the workloads that make them, not %s of %s: correct the rules of the webhook configuration that sends it here",
				quote.Value(req.Kind.Kind), quote.Value(apiVersion))))
	}
	update := req.Operation == admissionv1.Update && req.Kind.Kind != "Pod"
	if req.Operation != admissionv1.Create && !update || req.SubResource != "" {
		return nil, new(admission.Allowed("").WithWarnings(fmt.Sprintf("macvlan-webhook does not judge %s %s: correct the webhook configuration",
			quote.Value(string(req.Operation)), quote.Value(resourceName(req)))))
	}
	subject, err := d.decode(req, req.Object.Raw)
	if err != nil && update {
		// What could not be read before need not be repaired to be worked with.
		if _, before := d.decode(req, req.OldObject.Raw); before != nil && before.Error() == err.Error() {
			return nil, new(admission.Allowed("").WithWarnings("macvlan-webhook could not judge this " + req.Kind.Kind + ": part of its template is too large or not readable"))
		}
	}
	if err != nil {
		return nil, new(d.refuse(req, http.StatusUnprocessableEntity, metav1.StatusReasonInvalid, "the object cannot be read: "+err.Error()))
	}
	return subject, nil
}

// decode reads an object of a request.
func (d *Decider) decode(req admission.Request, object []byte) (*policy.Subject, error) {
	apiVersion := schema.GroupVersion{Group: req.Kind.Group, Version: req.Kind.Version}.String()
	subject, err := policy.DecodeSubject(apiVersion, req.Kind.Kind, req.Namespace, object)
	if err != nil {
		return nil, err
	}
	subject.Namespace = req.Namespace
	return subject, nil
}

func resourceName(req admission.Request) string {
	if req.SubResource != "" {
		return req.Resource.Resource + "/" + req.SubResource
	}
	return req.Resource.Resource
}

// exempted passes a request, and writes into the audit log why.
func exempted(who string) admission.Response {
	r := admission.Allowed("")
	r.AuditAnnotations = map[string]string{"exempt": who}
	return r
}

// respond words a verdict.
func (d *Decider) respond(req admission.Request, subject *policy.Subject, v *policy.Verdict) admission.Response {
	if v.Exempt != "" {
		return exempted(v.Exempt)
	}
	warnings := v.Warnings()
	var causes []metav1.StatusCause
	var rules []string
	for i := range v.Findings {
		f := &v.Findings[i]
		if f.Action == policy.Warn {
			continue
		}
		rules = append(rules, f.Rule)
		causes = append(causes, metav1.StatusCause{Type: metav1.CauseType(f.Rule), Field: f.Path, Message: f.Message})
	}
	if len(rules) > 0 {
		d.Logger.Info("denied",
			"kind", subject.Kind, "namespace", quote.Value(subject.Namespace), "name", quote.Value(subject.Name),
			"user", quote.Value(req.UserInfo.Username), "rules", slices.Compact(rules), "uid", req.UID)
		return admission.Response{AdmissionResponse: admissionv1.AdmissionResponse{
			Warnings: warnings,
			Result: &metav1.Status{
				Status:  metav1.StatusFailure,
				Code:    http.StatusForbidden,
				Reason:  metav1.StatusReasonForbidden,
				Message: v.Explanation(policy.Deny),
				Details: &metav1.StatusDetails{Group: req.Kind.Group, Kind: req.Kind.Kind, Name: req.Name, Causes: causes},
			},
		}}
	}
	relaxed := relaxedRules(v)
	if v.Undecided != nil && v.Mode == policy.ModeWarn {
		d.Metrics.undecided()
		warnings = append(warnings, "macvlan-webhook could not judge this "+subject.Kind+": the cluster did not answer in time")
		relaxed = append(relaxed, "undecided")
	} else if v.Undecided != nil {
		return d.refuse(req, http.StatusServiceUnavailable, metav1.StatusReasonServiceUnavailable,
			fmt.Sprintf("the networks of this %s could not be judged, so it is not let through: %v; try again in a moment", subject.Kind, v.Undecided))
	}
	response := admission.Allowed("").WithWarnings(warnings...)
	if len(relaxed) > 0 {
		response.AuditAnnotations = map[string]string{"mode": string(v.Mode), "relaxed": strings.Join(relaxed, ",")}
	}
	return response
}

// relaxedRules are the rules that would have refused the object but for the mode of
// its namespace.
func relaxedRules(v *policy.Verdict) []string {
	var rules []string
	for i := range v.Findings {
		if f := &v.Findings[i]; f.Relaxed && !slices.Contains(rules, f.Rule) {
			rules = append(rules, f.Rule)
		}
	}
	return rules
}

// refuse is the answer where no verdict on the object could be reached.
func (d *Decider) refuse(req admission.Request, code int32, reason metav1.StatusReason, message string) admission.Response {
	d.Metrics.undecided()
	d.Logger.Warn("not judged", "kind", quote.Value(req.Kind.Kind), "namespace", quote.Value(req.Namespace), "name", quote.Value(req.Name),
		"user", quote.Value(req.UserInfo.Username), "reason", message, "uid", req.UID)
	return admission.Response{AdmissionResponse: admissionv1.AdmissionResponse{
		Result: &metav1.Status{Status: metav1.StatusFailure, Code: code, Reason: reason, Message: message},
	}}
}
