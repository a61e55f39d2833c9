package pod

import (
	"slices"

	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// mode is the mode of the pod's namespace. The note says why a label that is there
// is not heeded; it is empty when it is.
func (v *View) mode() (mode verdict.Mode, note string) {
	labels := v.namespaceLabels()
	value, labelled := labels[verdict.ModeLabel]
	if v.Subject.Mode != "" {
		value, labelled = string(v.Subject.Mode), true
	}
	mode = verdict.Mode(value)
	switch {
	case !labelled || mode == verdict.ModeEnforce:
		return verdict.ModeEnforce, ""
	case !slices.Contains(verdict.Modes(), mode):
		return verdict.ModeEnforce, "namespace label " + verdict.ModeLabel + "=" + quote.Value(value) + " is ignored: use enforce, warn or off"
	case !v.Config.MayRelax(v.Subject.Namespace, labels):
		return verdict.ModeEnforce, "namespace label " + verdict.ModeLabel + " is ignored: the configuration does not let this namespace relax the rules"
	default:
		return mode, ""
	}
}
