package policy

import "encoding/json"

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

// Rule is one thing that can be wrong, with all that is said about it to users.
type Rule struct {
	// ID is public and stable: never reused with another meaning.
	ID string
	// Title is one line without a full stop.
	Title string
	// Group is the heading under which documentation lists the rule.
	Group string
	// Default is the action where the configuration says nothing.
	Default Action
	// Since is the first version that has the rule.
	Since string
	// Doc says what is checked and what would happen on the node, in Markdown.
	Doc string
	// Remedy says what to write instead, in general terms. The remedy of a
	// finding is made of the object's own values.
	Remedy string
	// Wrong and Right are annotations before and after, as YAML; for rules of
	// networks metadata and spec.
	Wrong, Right string

	// restsOn says which of the inventory's answers the rule reads: they may have
	// changed a moment ago.
	restsOn source
	// check judges pods, checkNetwork networks and checkSubnet subnets of the flat
	// network; a rule has one of them.
	check        func(*Pod) []Finding
	checkNetwork func(*network) []Finding
	checkSubnet  func(*subnet) []Finding
}

// source is a set of parts of an inventory's answers.
type source uint8

const (
	onNetworks source = 1 << iota
	// onPools stands for the pod's namespace as well.
	onPools
	onSubnets
	onHolders
)

// OfNetworks says that the rule judges NetworkAttachmentDefinitions, not pods: then
// Wrong and Right are the metadata and spec of one.
func (r *Rule) OfNetworks() bool { return r.checkNetwork != nil }

// OfSubnets says the same of the subnets of Rancher's flat network; Wrong and Right
// are whole objects then.
func (r *Rule) OfSubnets() bool { return r.checkSubnet != nil }

// Finding is one rule broken in one place.
type Finding struct {
	// Rule is the ID of the rule.
	Rule string
	// Action is Deny or Warn.
	Action Action
	// Annotation is the key at fault; empty when the fault is at Field.
	Annotation string
	// Label is the key of the label at fault, for faults in the pod's labels.
	Label string
	// Field is the path at fault below the pod (or its template), such as
	// "spec.hostNetwork", for faults outside the annotations and labels. OfObject says
	// that it begins at the object itself, which is another place on a template.
	Field    string
	OfObject bool
	// Offset is where in the value of the annotation or field, a text, the culprit
	// begins, in bytes.
	Offset int
	// Path is the full path in the object, such as
	// metadata.annotations[k8s.v1.cni.cncf.io/networks].
	Path string
	// Message states the fact, with values quoted, and what is accepted.
	Message string
	// Remedy says what to write instead; it may span lines.
	Remedy string
	// Relaxed marks a warning that would be a denial but for the namespace's mode.
	Relaxed bool
	// Inherited marks a warning that would be a denial but for what stood in the
	// object before ([Verdict.Inherit]).
	Inherited bool

	// shortfall is by how much something does not fit, for findings that an update may
	// make smaller without mending them; 0 for others.
	shortfall int
	// softened marks a finding whose own circumstances ask for a warning only,
	// whatever the rule's action is.
	softened bool
}

// Rules returns the table in the order in which findings are reported. The
// slice is the caller's own.
func Rules() []Rule {
	return append([]Rule(nil), table...)
}

// RuleByID returns the rule with that ID.
func RuleByID(id string) (Rule, bool) {
	for _, r := range table {
		if r.ID == id {
			return r, true
		}
	}
	return Rule{}, false
}
