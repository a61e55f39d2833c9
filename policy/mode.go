package policy

import (
	"slices"

	"github.com/macvlan-webhook/macvlan-webhook/policy/quote"
)

// ModeLabel on a namespace says how strictly its pods and workloads are judged.
const ModeLabel = "macvlan-webhook.io/mode"

// Mode is how strictly the pods and workloads of a namespace are judged.
type Mode string

const (
	// ModeEnforce refuses what the rules deny. It is what a namespace without a
	// label gets, and one whose label is not heeded.
	ModeEnforce Mode = "enforce"
	// ModeWarn turns every denial into a warning.
	ModeWarn Mode = "warn"
	// ModeOff leaves the namespace alone: nothing is judged, nothing filled in.
	ModeOff Mode = "off"
)

// Modes are all modes, the strictest first.
func Modes() []Mode { return []Mode{ModeEnforce, ModeWarn, ModeOff} }

// mode is the mode of the pod's namespace. The note says why a label that is there
// is not heeded; it is empty when it is.
func (v *View) mode() (mode Mode, note string) {
	labels := v.namespaceLabels()
	value, labelled := labels[ModeLabel]
	if v.Subject.Mode != "" {
		value, labelled = string(v.Subject.Mode), true
	}
	mode = Mode(value)
	switch {
	case !labelled || mode == ModeEnforce:
		return ModeEnforce, ""
	case !slices.Contains(Modes(), mode):
		return ModeEnforce, "the namespace's " + ModeLabel + " is none of enforce, warn and off, and has no effect: " + quote.Value(value)
	case !v.Config.mayRelax(v.Subject.Namespace, labels):
		return ModeEnforce, "the namespace's " + ModeLabel + " has no effect: the configuration does not let it relax the rules"
	default:
		return mode, ""
	}
}
