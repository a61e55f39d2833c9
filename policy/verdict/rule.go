package verdict

import (
	"encoding/json"
	"strconv"

	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
)

// Action is what a finding leads to.
type Action string

const (
	// Allow is the decision on a subject without findings.
	Allow Action = "allow"
	// Warn lets the object pass and tells its author.
	Warn Action = "warn"
	// Deny refuses the object.
	Deny Action = "deny"
	// Off, in a configuration, silences a rule.
	Off Action = "off"
)

// UnmarshalJSON takes false for Off as well: an unquoted off is a boolean in the
// YAML that Kubernetes reads.
func (a *Action) UnmarshalJSON(text []byte) error {
	if string(text) == "false" {
		*a = Off
		return nil
	}
	return json.Unmarshal(text, (*string)(a))
}

// severity orders actions, so that the strongest of several can be found.
func (a Action) severity() int {
	switch a {
	case Deny:
		return 2
	case Warn:
		return 1
	default:
		return 0
	}
}

// Rule is one thing that can be wrong with subjects of some kind. What users read about
// it stands in package ruledocs.
type Rule[S any] struct {
	// ID is public and stable: never reused with another meaning.
	ID string
	// Default is the action where the configuration says nothing.
	Default Action
	// Check returns what is wrong with a subject. Whether that denies or warns in the end is
	// for the configuration to say, unless a finding is softened: what may come right by
	// itself only warns.
	Check func(S) []Finding
}

// Parts is a set of parts of an inventory's answers. They may have changed a moment ago,
// so that a finding has to be confirmed by the parts that it rests on.
type Parts uint8

const (
	// OnNetworks stands for the mode of the cluster's coordinator as well.
	OnNetworks Parts = 1 << iota
	OnNamespace
	OnPools
	OnSubnets
	OnHolders
)

// Finding is one rule broken in one place.
type Finding struct {
	// Rule is the ID of the rule.
	Rule string
	// Action is Deny or Warn.
	Action Action
	// Place is where in the object the culprit stands; as a rule returns it, where in the
	// pod.
	Place object.Place
	// Message states the fact, with values quoted, and what is accepted. [Finding.Text] is
	// what people read.
	Message string
	// Remedy says what to write instead; it may span lines.
	Remedy string
	// More is how many findings of the kind there are beside this one that are not kept.
	More int
	// Relaxed marks a warning that would be a denial but for the namespace's mode.
	Relaxed bool
	// Inherited marks a warning that would be a denial but for what stood in the
	// object before ([Verdict.Inherit]). It may be Relaxed as well.
	Inherited bool

	// restsOn are the parts that the rule has read.
	restsOn Parts
	// Shortfall is by how much something does not fit, for findings that an update may
	// make smaller without mending them; 0 for others.
	Shortfall int
	// OfName marks a finding about what an interface is called: without a name of its own it is
	// counted, and gets another name when a network before it goes.
	OfName bool
	// Softened marks a finding whose own circumstances ask for a warning only,
	// whatever the rule's action is.
	Softened bool
}

// RestsOn are the parts of an inventory's answers that the rule has read, for a rule of
// pods: with others the finding might not be there, or not deny.
func (f *Finding) RestsOn() Parts { return f.restsOn }

// Text is the message, with how many more there are of the kind.
func (f *Finding) Text() string {
	if f.More == 0 {
		return f.Message
	}
	return f.Message + " (and " + strconv.Itoa(f.More) + " more of the kind)"
}

// Path is the place in the object as people write it, without the offset.
func (f *Finding) Path() string { return f.Place.String() }
