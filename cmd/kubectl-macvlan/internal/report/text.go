package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
)

// Text writes the report for people: a paragraph for each finding, which begins
// with path:line:column as compilers do, and a line that counts.
func Text(w io.Writer, r *Report) error {
	var b bytes.Buffer
	for i := range r.Results {
		result := &r.Results[i]
		for _, note := range []string{result.ModeNote, result.Unread} {
			if note != "" {
				fmt.Fprintf(&b, "%s:%d: note: %s\n  %s\n\n", result.Source.Path, result.Source.Line, title(result.Object), note)
			}
		}
		for _, op := range result.Patch {
			fmt.Fprintf(&b, "%s:%d: patch: %s\n  admission adds %s: %s\n\n", result.Source.Path, result.Source.Line, title(result.Object), op.Path, op.Value)
		}
		for _, f := range result.Findings {
			place := ""
			if f.Path != "" {
				place = f.Path + ": "
			}
			fmt.Fprintf(&b, "%s:%d:%d: %s: %s\n  [%s] %s%s\n", result.Source.Path, f.Line, f.Column, f.Action, title(result.Object), f.Rule, place, f.Message)
			if f.Remedy != "" {
				fmt.Fprintf(&b, "  To fix it: %s\n", strings.ReplaceAll(f.Remedy, "\n", "\n  "))
			}
			b.WriteByte('\n')
		}
	}
	fmt.Fprintf(&b, "%s checked: %d denied, %d warned", Plural(r.Summary.Checked, "object"), r.Summary.Denied, r.Summary.Warned)
	if r.Summary.Patched > 0 {
		fmt.Fprintf(&b, ", %d patched", r.Summary.Patched)
	}
	if r.Summary.Skipped > 0 {
		fmt.Fprintf(&b, "; %s of other kinds skipped", Plural(r.Summary.Skipped, "object"))
	}
	if r.Summary.PassedOver > 0 {
		fmt.Fprintf(&b, "; %s without Kubernetes objects passed over", Plural(r.Summary.PassedOver, "file"))
	}
	b.WriteByte('\n')
	_, err := w.Write(b.Bytes())
	return err
}

// title names an object, as far as it could be read.
func title(o Object) string {
	switch {
	case o.Kind == "":
		return "document"
	case o.Name == "":
		return o.Kind
	case o.Namespace == "":
		return o.Kind + " " + quote.Value(o.Name)
	default:
		return o.Kind + " " + quote.Value(o.Namespace+"/"+o.Name)
	}
}

// Plural is a number with its noun.
func Plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
