// Package check judges the objects of files.
package check

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/macvlan-webhook/macvlan-webhook/cmd/kubectl-macvlan/internal/report"
	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/inventory/files"
	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/policy/file"
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
}

// Objects judges every object that holds a pod, every network and every subnet of the
// flat network, in the order given, and counts the others. Of these, and of the objects that
// stand for a cluster, it says what is wrong with how they stand in their files.
//
// It is an error when the inventory cannot answer about an object; the error names the place.
func Objects(ctx context.Context, world *World, config *config.Config, options Options) (*report.Report, error) {
	c := &checker{
		world: world, config: config, options: options,
		report: &report.Report{APIVersion: report.APIVersion, Kind: report.Kind, Results: []report.Result{}},
	}
	var errs []error
	in := c.stand(world.Checked)
	for n := range world.Checked.Objects() {
		if err := c.object(ctx, in, n); err != nil {
			errs = append(errs, located(&world.Checked.Objects()[n], err))
		}
	}
	if world.Held != nil {
		in := c.stand(world.Held)
		for n := range world.Held.Objects() {
			c.fileAlone(in, n)
		}
	}
	return c.report, errors.Join(errs...)
}

// checker makes a report.
type checker struct {
	world   *World
	config  *config.Config
	options Options
	report  *report.Report
}

// standing is how the objects of a tree stand in their files.
type standing struct {
	*files.Tree
	ambiguities map[int]files.Ambiguity
}

func (c *checker) stand(t *files.Tree) *standing { return &standing{t, t.Ambiguities()} }

// object judges one of the objects that are checked.
func (c *checker) object(ctx context.Context, in *standing, n int) error {
	o := &in.Objects()[n]
	kind, checked := review.KindOf(o.APIVersion, o.Kind)
	if !checked || o.Deleted && !kind.Judges(review.Delete) || !o.Requested && !kind.Stored() {
		if !c.fileAlone(in, n, o.Placeholders...) && o.Kind != "" {
			c.report.Summary.Skipped++
		}
		return nil
	}
	c.report.Checkable++
	if in.IsCopy(n) {
		return nil
	}
	if o.Fault != nil {
		c.unreadable(in, n, o.Fault.Err)
		return nil
	}
	around := c.world.around(o.Path)
	change := change(o, around.stored, c.options)
	change.ReadPod = c.world.readPod
	outcome, err := review.Judge(ctx, around.all, c.config, change)
	var field *object.FieldError
	switch {
	case errors.As(err, &field):
		c.unreadable(in, n, field)
		return nil
	case err == nil:
		err = outcome.Verdict.Undecided
	}
	if err != nil {
		return err
	}
	fault := in.Fault(n)
	if outcome.Unread != "" {
		// An update of what could not be read before passes.
		fault = nil
	}
	var placeholders []file.Placeholder
	if outcome.Verdict.Exempt == "" {
		placeholders = o.Placeholders
	}
	outcome.Verdict.Findings = spared(outcome.Verdict.Findings, placeholders)
	ofFile := c.judgeFile(in, n, fault, placeholders...)
	outcome.Verdict.Findings = append(ofFile.Findings, outcome.Verdict.Findings...)
	c.add(result(o, &outcome))
	return nil
}

// spared are the findings without those about values that are filled in later.
func spared(found []verdict.Finding, placeholders []file.Placeholder) []verdict.Finding {
	return slices.DeleteFunc(found, func(f verdict.Finding) bool {
		return slices.ContainsFunc(placeholders, func(p file.Placeholder) bool { return p.Covers(f.Place) })
	})
}

// unreadable reports an object of a kind that is checked and that cannot be read.
func (c *checker) unreadable(in *standing, n int, fault *object.FieldError) {
	outcome := c.outcome(in, n, fault)
	if len(outcome.Verdict.Findings) == 0 {
		outcome.Unread = "not checked: this " + outcome.Object.Kind + " cannot be read"
	}
	c.add(result(&in.Objects()[n], outcome))
}

// fileAlone reports what is wrong with how an object stands in its file, and says whether
// something is.
func (c *checker) fileAlone(in *standing, n int, placeholders ...file.Placeholder) bool {
	outcome := c.outcome(in, n, in.Fault(n), placeholders...)
	if len(outcome.Verdict.Findings) == 0 {
		return false
	}
	c.add(result(&in.Objects()[n], outcome))
	return true
}

// outcome is what is said of an object as it stands in its file, and of nothing else.
func (c *checker) outcome(in *standing, n int, fault *object.FieldError, placeholders ...file.Placeholder) *review.Outcome {
	o := &in.Objects()[n]
	ref := in.Reference(o)
	if o.Kind == "" {
		ref = object.Reference{}
	}
	return &review.Outcome{
		Object:  review.Object{APIVersion: o.APIVersion, Kind: o.Kind, Namespace: ref.Namespace, Name: ref.Name},
		Verdict: c.judgeFile(in, n, fault, placeholders...),
	}
}

// judgeFile judges how an object stands in its file.
func (c *checker) judgeFile(in *standing, n int, fault *object.FieldError, placeholders ...file.Placeholder) verdict.Verdict {
	o := &in.Objects()[n]
	ref := in.Reference(o)
	ambiguity := in.ambiguities[n]
	subject := &file.Subject{
		Kind: o.Kind, Name: ref.Name, Unread: fault, Stray: o.Fault != nil && o.Fault.Broken && o.Fault.Searched,
		Places: ambiguity.Places, SameFile: ambiguity.SameFile, Placeholders: placeholders,
	}
	if ref.Namespace != "" {
		subject.Name = ref.String()
	}
	return subject.Judge(c.config)
}

// add adds a result and counts it.
func (c *checker) add(result report.Result) {
	s := &c.report.Summary
	s.Checked++
	if len(result.Patch) > 0 {
		s.Patched++
	}
	switch verdict.Action(result.Decision) {
	case verdict.Deny:
		s.Denied++
	case verdict.Warn:
		s.Warned++
	}
	for i := range result.Findings {
		if result.Findings[i].Action == string(verdict.Deny) {
			s.Findings.Deny++
		} else {
			s.Findings.Warn++
		}
	}
	c.report.Results = append(c.report.Results, result)
}

// located puts the place in the file before an error.
func located(o *files.Object, err error) error {
	at := o.Position(0)
	return fmt.Errorf("%s:%d:%d: %s %s: %w", o.Path, at.Line, at.Column, o.Kind, quote.Value(o.Name), err)
}

// change is what becomes of an object, as in admission: it is written, over the one that
// is stored under its name, unless a stored AdmissionReview says something else.
func change(o *files.Object, stored inventory.Inventory, options Options) review.Change {
	c := review.Change{
		APIVersion: o.APIVersion, Kind: o.Kind, Namespace: cmp.Or(o.Namespace, options.Namespace), Name: o.Name,
		Operation: review.Create, New: o.JSON, Stored: stored, Mode: options.Mode,
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
			Rule: f.Rule, Action: string(f.Action), Path: f.Path(), Line: at.Line, Column: at.Column, Message: f.Text(), Remedy: f.Remedy,
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
