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
	var rules []string
	for i := range v.Findings {
		if f := &v.Findings[i]; f.Action != verdict.Warn {
			rules = append(rules, f.Rule)
		}
	}
	if len(rules) > 0 {
		said := v.Bounded()
		var causes []metav1.StatusCause
		for i := range said.Findings {
			if f := &said.Findings[i]; f.Action != verdict.Warn {
				causes = append(causes, metav1.StatusCause{Type: metav1.CauseType(f.Rule), Field: f.Path(), Message: f.Text()})
			}
		}
		d.Logger.Info("denied",
			"kind", object.Kind, "namespace", quote.Plain(object.Namespace), "name", quote.Plain(object.Name),
			"user", quote.Plain(req.UserInfo.Username), "rules", slices.Compact(rules), "message", causes[0].Message,
			"dryRun", dryRun(req), "uid", req.UID)
		return admission.Response{AdmissionResponse: admissionv1.AdmissionResponse{
			Warnings: v.Warnings(),
			Result: &metav1.Status{
				Status:  metav1.StatusFailure,
				Code:    http.StatusForbidden,
				Reason:  metav1.StatusReasonForbidden,
				Message: said.Explanation(verdict.Deny),
				Details: &metav1.StatusDetails{Group: req.Kind.Group, Kind: req.Kind.Kind, Name: req.Name, Causes: causes},
			},
		}}
	}
	relaxed, first := relaxedRules(v), ""
	if v.Undecided != nil && v.Mode == verdict.ModeWarn {
		d.Metrics.undecided()
		first = fmt.Sprintf("macvlan-webhook could not check this %s's networks, so it would be refused in mode enforce: %v", object.Kind, v.Undecided)
		relaxed = append(relaxed, "undecided")
	} else if v.Undecided != nil {
		return d.refuse(req, http.StatusServiceUnavailable, metav1.StatusReasonServiceUnavailable,
			fmt.Sprintf("could not check this %s's networks, so it is refused: %v; try again", object.Kind, v.Undecided))
	}
	response := admission.Allowed("").WithWarnings(v.Warnings(first)...)
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

// dryRun says whether the API server only tries what it asks about.
func dryRun(req admission.Request) bool { return req.DryRun != nil && *req.DryRun }

// refuse is the answer where no verdict on the object could be reached.
func (d *Decider) refuse(req admission.Request, code int32, reason metav1.StatusReason, message string) admission.Response {
	d.Metrics.undecided()
	d.Logger.Warn("not checked", "kind", quote.Plain(req.Kind.Kind), "namespace", quote.Plain(req.Namespace), "name", quote.Plain(req.Name),
		"user", quote.Plain(req.UserInfo.Username), "message", message, "dryRun", dryRun(req), "uid", req.UID)
	return admission.Response{AdmissionResponse: admissionv1.AdmissionResponse{
		Result: &metav1.Status{Status: metav1.StatusFailure, Code: code, Reason: reason, Message: message},
	}}
}
