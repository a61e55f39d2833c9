// Package check judges the objects of files.
package check

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/macvlan-webhook/macvlan-webhook/cmd/kubectl-macvlan/internal/report"
	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/inventory/files"
	"github.com/macvlan-webhook/macvlan-webhook/policy"
	"github.com/macvlan-webhook/macvlan-webhook/policy/flatnetwork"
	"github.com/macvlan-webhook/macvlan-webhook/policy/quote"
)

// Options say how objects are judged.
type Options struct {
	// Namespace of objects that name none.
	Namespace string
	// Mode, when it is not empty, stands in for that of every namespace.
	Mode policy.Mode
	// Stored is what there is without the objects: what becomes of a network that is
	// there already is judged as a change of it.
	Stored inventory.Inventory
}

// Objects judges every object that holds a pod, every network and every subnet of the
// flat network, in the order given, and counts the others.
//
// It is an error when an object cannot be decoded, or when the inventory cannot
// answer about it; the error names the place.
func Objects(ctx context.Context, objects []files.Object, inv inventory.Inventory, config *policy.Config, options Options) (*report.Report, error) {
	r := &report.Report{APIVersion: report.APIVersion, Kind: report.Kind, Results: []report.Result{}}
	var errs []error
	for i := range objects {
		o := &objects[i]
		var result report.Result
		var err error
		generation, isSubnet := flatnetwork.SubnetGeneration(o.APIVersion, o.Kind)
		switch {
		case isSubnet && !o.Deleted:
			result, err = judgeSubnet(ctx, o, generation, inv, config, options.Namespace)
		case isNetwork(o):
			result, err = judgeNetwork(ctx, o, inv, options.Stored, config, options.Namespace)
		case policy.HoldsPod(o.APIVersion, o.Kind) && !o.Deleted:
			result, err = judge(ctx, o, inv, config, options)
		default:
			r.Summary.Skipped++
			continue
		}
		if err != nil {
			errs = append(errs, located(o, err))
			continue
		}
		r.Summary.Checked++
		if len(result.Patch) > 0 {
			r.Summary.Patched++
		}
		switch policy.Action(result.Decision) {
		case policy.Deny:
			r.Summary.Denied++
		case policy.Warn:
			r.Summary.Warned++
		}
		r.Results = append(r.Results, result)
	}
	return r, errors.Join(errs...)
}

// located puts the place in the file before an error.
func located(o *files.Object, err error) error {
	at := o.Position(0)
	var field *policy.FieldError
	if errors.As(err, &field) && field.Field != "" {
		path := steps(field.Field)
		if field.Annotation != "" {
			path = append(path, field.Annotation)
		}
		at = o.Position(0, path...)
	}
	return fmt.Errorf("%s:%d:%d: %s %s: %w", o.Path, at.Line, at.Column, o.Kind, quote.Value(o.Name), err)
}

func judge(ctx context.Context, o *files.Object, inv inventory.Inventory, config *policy.Config, options Options) (report.Result, error) {
	namespace := options.Namespace
	if o.Namespace != "" {
		namespace = o.Namespace
	}
	subject, err := policy.DecodeSubject(o.APIVersion, o.Kind, namespace, o.JSON)
	if err != nil {
		return report.Result{}, err
	}
	// The file may stand for a request whose namespace is another than the
	// object's own.
	subject.Namespace, subject.Mode = namespace, options.Mode
	// As in admission: first what is missing is filled in, then the outcome is
	// judged.
	subject = inventory.Complete(ctx, inv, subject, config)
	var verdict policy.Verdict
	if o.Old == nil {
		verdict = inventory.Judge(ctx, inv, subject, config)
	} else {
		old, err := policy.DecodeSubject(o.APIVersion, o.Kind, namespace, o.Old)
		if err != nil {
			return report.Result{}, err
		}
		old.Namespace, old.Mode = namespace, options.Mode
		verdict = inventory.JudgeUpdate(ctx, inv, subject, old, config)
	}
	if verdict.Undecided != nil {
		return report.Result{}, verdict.Undecided
	}
	result := result(o, namespace, subject.PodPath, &verdict)
	result.Patch = subject.Patch()
	var interfaces []policy.Interface
	if request := policy.Parse(subject, config); verdict.Exempt == "" {
		interfaces = request.With(inv.Facts(ctx, request.Questions())).KnownInterfaces()
	}
	for i := range interfaces {
		iface := &interfaces[i]
		shown := report.Interface{Name: iface.Name, Role: string(iface.Role()), Evidence: string(iface.Evidence())}
		if iface.Reference != (policy.Reference{}) {
			shown.Network = iface.Reference.String()
		}
		if iface.Pools() != nil {
			shown.Pools = &report.Pools{
				IPv4: append([]string{}, iface.Pools().IPv4...), IPv6: append([]string{}, iface.Pools().IPv6...), Source: string(iface.Pools().Source),
			}
		}
		result.Interfaces = append(result.Interfaces, shown)
	}
	return result, nil
}

// result is what a report says of a verdict on what stands at podPath in the object.
func result(o *files.Object, namespace, podPath string, verdict *policy.Verdict) report.Result {
	result := report.Result{
		Object:     report.Object{APIVersion: o.APIVersion, Kind: o.Kind, Namespace: namespace, Name: o.Name},
		Source:     report.Source{Path: o.Path, Document: o.Document, Line: o.Position(0).Line},
		Decision:   string(verdict.Decision()),
		Exempt:     verdict.Exempt,
		Mode:       shownMode(verdict.Mode),
		ModeNote:   verdict.ModeNote,
		Findings:   []report.Finding{},
		Interfaces: []report.Interface{},
	}
	for i := range verdict.Findings {
		f := &verdict.Findings[i]
		at := o.Position(f.Offset, path(podPath, f)...)
		result.Findings = append(result.Findings, report.Finding{
			Rule: f.Rule, Action: string(f.Action), Path: f.Path, Line: at.Line, Column: at.Column, Message: f.Message, Remedy: f.Remedy,
		})
	}
	return result
}

// shownMode leaves out the mode that nobody asked for.
func shownMode(m policy.Mode) string {
	if m == policy.ModeEnforce {
		return ""
	}
	return string(m)
}

// path is where a finding stands in the object, step by step.
func path(podPath string, f *policy.Finding) []any {
	var pod []any
	if podPath != "" && !f.OfObject {
		pod = steps(podPath)
	}
	switch {
	case f.Annotation != "":
		return append(pod, "metadata", "annotations", f.Annotation)
	case f.Label != "":
		return append(pod, "metadata", "labels", f.Label)
	default:
		return append(pod, steps(f.Field)...)
	}
}

// steps takes a dotted path apart, such as spec.ranges[1].from.
func steps(dotted string) []any {
	var steps []any
	for step := range strings.SplitSeq(dotted, ".") {
		name, index, indexed := strings.Cut(strings.TrimSuffix(step, "]"), "[")
		steps = append(steps, name)
		if n, err := strconv.Atoi(index); indexed && err == nil {
			steps = append(steps, n)
		}
	}
	return steps
}
