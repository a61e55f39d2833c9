package verdict

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
