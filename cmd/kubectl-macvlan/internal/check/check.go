// Package check judges the objects of files.
package check

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/macvlan-webhook/macvlan-webhook/cmd/kubectl-macvlan/internal/report"
	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/inventory/files"
	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
	"github.com/macvlan-webhook/macvlan-webhook/review"
)

// Options say how objects are judged.
type Options struct {
	// Namespace of objects that name none.
	Namespace string
	// Mode, when it is not empty, stands in for that of every namespace.
	Mode verdict.Mode
	// Stored is what there is without the objects: what becomes of a network that is
	// there already is judged as a change of it.
	Stored inventory.Inventory
}

// Objects judges every object that holds a pod, every network and every subnet of the
// flat network, in the order given, and counts the others.
//
// It is an error when an object cannot be decoded, or when the inventory cannot
// answer about it; the error names the place.
func Objects(ctx context.Context, objects []files.Object, inv inventory.Inventory, config *config.Config, options Options) (*report.Report, error) {
	r := &report.Report{APIVersion: report.APIVersion, Kind: report.Kind, Results: []report.Result{}}
	var errs []error
	for i := range objects {
		o := &objects[i]
		kind, checked := review.KindOf(o.APIVersion, o.Kind)
		if !checked || o.Deleted && !kind.Judges(review.Delete) {
			r.Summary.Skipped++
			continue
		}
		outcome, err := review.Judge(ctx, inv, config, change(o, options))
		if err == nil {
			err = outcome.Verdict.Undecided
		}
		if err != nil {
			errs = append(errs, located(o, err))
			continue
		}
		result := result(o, &outcome)
		r.Summary.Checked++
		if len(result.Patch) > 0 {
			r.Summary.Patched++
		}
		switch verdict.Action(result.Decision) {
		case verdict.Deny:
			r.Summary.Denied++
		case verdict.Warn:
			r.Summary.Warned++
		}
		r.Results = append(r.Results, result)
	}
	return r, errors.Join(errs...)
}

// located puts the place in the file before an error.
func located(o *files.Object, err error) error {
	at := o.Position(0)
	var field *object.FieldError
	if errors.As(err, &field) {
		at = o.Position(0, field.Place().Steps()...)
	}
	return fmt.Errorf("%s:%d:%d: %s %s: %w", o.Path, at.Line, at.Column, o.Kind, quote.Value(o.Name), err)
}

// change is what becomes of an object, as in admission: it is written, over the one that
// is stored under its name, unless a stored AdmissionReview says something else.
func change(o *files.Object, options Options) review.Change {
	c := review.Change{
		APIVersion: o.APIVersion, Kind: o.Kind, Namespace: cmp.Or(o.Namespace, options.Namespace), Name: o.Name,
		Operation: review.Create, New: o.JSON, Stored: options.Stored, Mode: options.Mode,
	}
	switch {
	case o.Deleted:
		c.Operation, c.New, c.Old = review.Delete, nil, o.JSON
	case o.Old != nil:
		c.Operation, c.Old = review.Update, o.Old
	}
	return c
}

// result is what a report says of an outcome.
func result(o *files.Object, outcome *review.Outcome) report.Result {
	verdict := &outcome.Verdict
	result := report.Result{
		Object:     report.Object(outcome.Object),
		Source:     report.Source{Path: o.Path, Document: o.Document, Line: o.Position(0).Line},
		Decision:   string(verdict.Decision()),
		Exempt:     verdict.Exempt,
		Unread:     outcome.Unread,
		Mode:       shownMode(verdict.Mode),
		ModeNote:   verdict.ModeNote,
		Findings:   []report.Finding{},
		Patch:      outcome.Patch,
		Interfaces: []report.Interface{},
	}
	for i := range verdict.Findings {
		f := &verdict.Findings[i]
		at := o.Position(f.Place.Offset, f.Place.Steps()...)
		result.Findings = append(result.Findings, report.Finding{
			Rule: f.Rule, Action: string(f.Action), Path: f.Path(), Line: at.Line, Column: at.Column, Message: f.Message, Remedy: f.Remedy,
		})
	}
	for i := range outcome.Interfaces {
		result.Interfaces = append(result.Interfaces, shownInterface(&outcome.Interfaces[i]))
	}
	return result
}

// shownInterface is what a report says of an interface.
func shownInterface(i *review.Interface) report.Interface {
	shown := report.Interface{Name: i.Name, Role: string(i.Role), Evidence: string(i.Evidence)}
	if i.Network != (object.Reference{}) {
		shown.Network = i.Network.String()
	}
	if p := i.Pools; p != nil {
		shown.Pools = &report.Pools{IPv4: append([]string{}, p.IPv4...), IPv6: append([]string{}, p.IPv6...), Source: string(p.Source)}
	}
	return shown
}

// shownMode leaves out the mode that nobody asked for.
func shownMode(m verdict.Mode) string {
	if m == verdict.ModeEnforce {
		return ""
	}
	return string(m)
}
