package verdict

import (
	"encoding/json"
	"slices"
)

// ModeLabel on a namespace says how strictly its pods and workloads are judged.
const ModeLabel = "macvlan-webhook.io/mode"

// Mode is how strictly the pods and workloads of a namespace are judged.
type Mode string

const (
	// ModeEnforce refuses what the rules deny.
	ModeEnforce Mode = "enforce"
	// ModeWarn turns every denial into a warning.
	ModeWarn Mode = "warn"
	// ModeOff leaves the namespace alone: nothing is judged, nothing filled in.
	ModeOff Mode = "off"
)

// Modes are all modes, the strictest first.
func Modes() []Mode { return []Mode{ModeEnforce, ModeWarn, ModeOff} }

// Known says whether the mode is one of [Modes].
func (m Mode) Known() bool { return slices.Contains(Modes(), m) }

// RelaxedBeyond says whether a mode lets more pass than another one.
func (m Mode) RelaxedBeyond(other Mode) bool {
	return slices.Index(Modes(), m) > slices.Index(Modes(), other)
}

// UnmarshalJSON takes false for ModeOff, as [Action] does for Off.
func (m *Mode) UnmarshalJSON(text []byte) error {
	if string(text) == "false" {
		*m = ModeOff
		return nil
	}
	return json.Unmarshal(text, (*string)(m))
}
