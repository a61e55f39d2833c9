package webhook

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
	"github.com/macvlan-webhook/macvlan-webhook/review"
)

// exempted passes a request, and writes into the audit log why.
func exempted(who string) admission.Response {
	r := admission.Allowed("")
	r.AuditAnnotations = map[string]string{"exempt": who}
	return r
}

// respond words the verdict on an object.
func (d *Decider) respond(req admission.Request, outcome *review.Outcome) admission.Response {
	object, v := &outcome.Object, &outcome.Verdict
	if v.Exempt != "" {
		return exempted(v.Exempt)
	}
	warnings := v.Warnings()
	var causes []metav1.StatusCause
	var rules []string
	for i := range v.Findings {
		f := &v.Findings[i]
		if f.Action == verdict.Warn {
			continue
		}
		rules = append(rules, f.Rule)
		causes = append(causes, metav1.StatusCause{Type: metav1.CauseType(f.Rule), Field: f.Path(), Message: f.Message})
	}
	if len(rules) > 0 {
		d.Logger.Info("denied",
			"kind", object.Kind, "namespace", quote.Value(object.Namespace), "name", quote.Value(object.Name),
			"user", quote.Value(req.UserInfo.Username), "rules", slices.Compact(rules), "uid", req.UID)
		return admission.Response{AdmissionResponse: admissionv1.AdmissionResponse{
			Warnings: warnings,
			Result: &metav1.Status{
				Status:  metav1.StatusFailure,
				Code:    http.StatusForbidden,
				Reason:  metav1.StatusReasonForbidden,
				Message: v.Explanation(verdict.Deny),
				Details: &metav1.StatusDetails{Group: req.Kind.Group, Kind: req.Kind.Kind, Name: req.Name, Causes: causes},
			},
		}}
	}
	relaxed := relaxedRules(v)
	if v.Undecided != nil && v.Mode == verdict.ModeWarn {
		d.Metrics.undecided()
		warnings = append(warnings, "macvlan-webhook could not check this "+object.Kind+": the cluster did not answer in time")
		relaxed = append(relaxed, "undecided")
	} else if v.Undecided != nil {
		return d.refuse(req, http.StatusServiceUnavailable, metav1.StatusReasonServiceUnavailable,
			fmt.Sprintf("could not check this %s's networks, so it is refused: %v; try again", object.Kind, v.Undecided))
	}
	response := admission.Allowed("").WithWarnings(warnings...)
	if len(relaxed) > 0 {
		response.AuditAnnotations = map[string]string{"mode": string(v.Mode), "relaxed": strings.Join(relaxed, ",")}
	}
	return response
}

// relaxedRules are the rules that would have refused the object but for the mode.
func relaxedRules(v *verdict.Verdict) []string {
	var rules []string
	for i := range v.Findings {
		if f := &v.Findings[i]; f.Relaxed && !f.Inherited && !slices.Contains(rules, f.Rule) {
			rules = append(rules, f.Rule)
		}
	}
	return rules
}

// refuse is the answer where no verdict on the object could be reached.
func (d *Decider) refuse(req admission.Request, code int32, reason metav1.StatusReason, message string) admission.Response {
	d.Metrics.undecided()
	d.Logger.Warn("not checked", "kind", quote.Value(req.Kind.Kind), "namespace", quote.Value(req.Namespace), "name", quote.Value(req.Name),
		"user", quote.Value(req.UserInfo.Username), "reason", message, "uid", req.UID)
	return admission.Response{AdmissionResponse: admissionv1.AdmissionResponse{
		Result: &metav1.Status{Status: metav1.StatusFailure, Code: code, Reason: reason, Message: message},
	}}
}
