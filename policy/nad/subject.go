package nad

import (
	"cmp"
	"iter"
	"slices"

	kjson "sigs.k8s.io/json"

	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// Annotations of NetworkAttachmentDefinitions that DaoCloud's multus-underlay chart
// writes and nothing on a node reads (templates/net-atta-def.yaml): with which types
// a network may stand in one pod, and the VLAN that its master carries.
const (
	coexistTypesAnnotation = "v1.multus-underlay-cni.io/coexist-types"
	vlanIDAnnotation       = "v1.multus-underlay-cni.io/vlanId"
)

// networkAnnotationKeys are the annotations of a NetworkAttachmentDefinition that
// rules read.
var networkAnnotationKeys = []string{
	cniconf.InstanceTypeAnnotation, cniconf.ResourceNameAnnotation, DefaultPoolsAnnotation,
	coexistTypesAnnotation, vlanIDAnnotation,
}

// AnnotationKeys are the annotations of a NetworkAttachmentDefinition that rules read. The
// slice is the caller's own.
func AnnotationKeys() []string { return slices.Clone(networkAnnotationKeys) }

// Subject is a NetworkAttachmentDefinition that is written or deleted.
type Subject struct {
	Namespace string
	// Name of the object; its generateName with a trailing * when the name is not
	// known yet.
	Name string
	// Deleted says that the object is about to go.
	Deleted bool

	source cniconf.Source
	// misplaced is the path of a configuration that stands elsewhere, where spec.config is
	// empty; empty without any.
	misplaced string
	compiled  *cniconf.Network
	// old is what the object said before; nil when there was none.
	old *cniconf.Network
	// oldSource is what old was made of; nil where that is not known.
	oldSource *cniconf.Source
	// origin is the object that a program makes the network of, and oldOrigin the one that
	// old was made of; nil where people write the network itself.
	origin, oldOrigin *Origin
}

// Reference names the object.
func (s *Subject) Reference() object.Reference {
	return object.Reference{Namespace: s.Namespace, Name: s.Name}
}

// Replace says what the object said before, where the subject does not know.
func (s *Subject) Replace(old *cniconf.Network) {
	if s.old == nil && !s.Deleted {
		s.old = old
	}
}

// networkShape is the part of a NetworkAttachmentDefinition that rules look at.
type networkShape struct {
	Metadata struct {
		object.Meta
		Annotations networkAnnotations `json:"annotations"`
		Labels      networkLabels      `json:"labels"`
	} `json:"metadata"`
	Spec struct {
		Config string `json:"config"`
	} `json:"spec"`
}

// networkAnnotations are those of networkAnnotationKeys.
type networkAnnotations struct {
	values map[string]string
	wrong  string
}

// UnmarshalJSON keeps the values of networkAnnotationKeys.
func (a *networkAnnotations) UnmarshalJSON(text []byte) (err error) {
	a.values, a.wrong, err = object.KeepAnnotations(text, networkAnnotationKeys, nil)
	return err
}

// networkLabels are the labels of a network that are read: of others there may be any
// number.
type networkLabels struct {
	values map[string]string
	// wrong is a key whose value is no text, if any.
	wrong string
}

// UnmarshalJSON keeps the label [cniconf.UnderlayTypeLabel].
func (l *networkLabels) UnmarshalJSON(text []byte) (err error) {
	l.values, l.wrong, err = object.KeepLabels(text, []string{cniconf.UnderlayTypeLabel})
	return err
}

// Decode reads a NetworkAttachmentDefinition in JSON: the object that is
// written, and the one that it replaces (an update), or only the one that is there
// (it is deleted); nil stands for none. The namespace given is the one that counts, as
// in package pod.
// From an old object that cannot be read nothing is inherited: it is repaired now.
//
// It is a [*object.FieldError] when a field that rules read has the wrong type.
func Decode(namespace string, object, old []byte) (*Subject, error) {
	s := &Subject{Deleted: object == nil}
	if s.Deleted {
		object, old = old, nil
	}
	var generated bool
	var err error
	if s.source, generated, err = decodeNetwork(namespace, object); err != nil {
		return nil, err
	}
	if s.source.Config == "" && !s.Deleted {
		s.misplaced = misplacedConfig(string(object))
	}
	s.Namespace, s.Name = s.source.Namespace, s.source.Name
	if generated {
		s.Name += "*"
	}
	s.compiled = cniconf.Compile(s.source)
	if old == nil {
		return s, nil
	}
	if before, _, err := decodeNetwork(namespace, old); err == nil {
		s.old, s.oldSource = cniconf.Compile(before), &before
	}
	return s, nil
}

// decodeNetwork reads a NetworkAttachmentDefinition, and says whether its name is only
// the beginning of one.
func decodeNetwork(namespace string, text []byte) (cniconf.Source, bool, error) {
	var n networkShape
	if err := kjson.UnmarshalCaseSensitivePreserveInts(text, &n); err != nil {
		return cniconf.Source{}, false, object.DecodeError(err)
	}
	if wrong := n.Metadata.Annotations.wrong; wrong != "" {
		return cniconf.Source{}, false, &object.FieldError{Field: "metadata.annotations", Annotation: wrong,
			Problem: "the value of " + wrong + " is not a string: put it in quotes"}
	}
	if n.Metadata.Labels.wrong != "" {
		return cniconf.Source{}, false, &object.FieldError{Field: "metadata.labels", Problem: object.NotAText}
	}
	return cniconf.Source{
		Namespace: cmp.Or(namespace, n.Metadata.Namespace),
		// A config without a name gets that of the object, which will begin so.
		Name:        cmp.Or(n.Metadata.Name, n.Metadata.GenerateName),
		Annotations: n.Metadata.Annotations.values,
		Labels:      n.Metadata.Labels.values,
		Config:      n.Spec.Config,
	}, n.Metadata.Name == "" && n.Metadata.GenerateName != "", nil
}

// Facts are an inventory's answers about a network that is written or
// deleted.
type Facts struct {
	// CoordinatorMode is the mode of the cluster's SpiderCoordinator; empty when there is
	// none, or when it names no mode.
	CoordinatorMode cniconf.CoordinatorMode
	// Networks are those that there are, in any order; the one that is judged may be
	// among them as it was before. Nil where they are not known.
	Networks iter.Seq[*cniconf.Network]
	// Nodes are those that there are, in any order; none where they are not known. They
	// are gone through only when that matters.
	Nodes iter.Seq[*Node]
	// Users finds out who uses the network. It is asked only when that matters.
	Users func() Users
}

// Users are those that a network's change or end would affect.
type Users struct {
	// Pods and Workloads are how many there are; workloads are known from files only.
	Pods, Workloads int
	// Names are some of them, in the order found: namespace/name of a pod, with the
	// kind before it of a workload.
	Names []string
	// Incomplete says that there may be more: the time was too short to see all.
	Incomplete bool
	// Err says why nothing could be found out.
	Err error
}

// namedUsers is how many users are named: enough to find the team to talk to.
const namedUsers = 3

// Add counts one more user. The kind is Pod, or that of a workload.
func (u *Users) Add(kind, namespace, name string) {
	label := namespace + "/" + name
	if kind == "Pod" {
		u.Pods++
	} else {
		u.Workloads++
		label = kind + " " + label
	}
	if len(u.Names) < namedUsers {
		u.Names = append(u.Names, label)
	}
}

// view is a subject with what rules need to judge it.
type view struct {
	*Subject
	config *config.Config
	facts  Facts
	mode   cniconf.CoordinatorMode
}

// Judge runs the rules over the network. No namespace exempts it: networks live in
// those whose pods are not judged. Nor does the mode that a namespace asks for count: pods
// of others may use the network, so it is the usual one. Of one that is deleted only that is
// said which concerns its users.
//
// What stood in the object before an update keeps nobody from changing something else:
// it is a warning, as in [verdict.Verdict.Inherit].
func (s *Subject) Judge(f Facts, c *config.Config) verdict.Verdict {
	v := s.judge(f, c)
	if s.oldSource == nil || !v.Refuses() {
		return v
	}
	old := &Subject{Namespace: s.Namespace, Name: s.Name, source: *s.oldSource, compiled: s.old, origin: s.oldOrigin}
	// Users are asked about for what an update changes, which is never inherited.
	before := old.judge(Facts{CoordinatorMode: f.CoordinatorMode, Networks: f.Networks}, c)
	v.Inherit("this network already violates rules that refuse a new one", func(f *verdict.Finding) bool { return s.hadBefore(f, &v, &before) })
	return v
}

// hadBefore says whether an update found a finding in place. The configuration is one
// text, in which a fault may move: what it says there has to be the same. An annotation
// has to be as it was.
func (s *Subject) hadBefore(f *verdict.Finding, now, before *verdict.Verdict) bool {
	if key := f.Place.Annotation(); key != "" && s.oldSource.Annotations[key] != s.source.Annotations[key] {
		return false
	}
	return slices.ContainsFunc(before.Findings, func(old verdict.Finding) bool {
		return f.Rule == old.Rule && f.Path() == old.Path() && f.Message == old.Message && f.More <= old.More
	}) || before.Crowded(f.Rule, now)
}

func (s *Subject) judge(f Facts, c *config.Config) verdict.Verdict {
	n := &view{Subject: s, config: c, facts: f, mode: c.CoordinatorMode(f.CoordinatorMode)}
	rules := Rules
	if s.Deleted {
		rules = deletionRules
	}
	v := verdict.Verdict{Mode: c.UsualMode(s.Namespace)}
	if v.Mode == verdict.ModeOff {
		v.Exempt = c.Off(s.Namespace)
		return v
	}
	for i := range rules {
		r := &rules[i]
		if action := c.Action(r.ID, r.Default); action != verdict.Off {
			v.Add(r.ID, action, 0, s.origin.place(r.Check(n)), "")
		}
	}
	return v
}

// configField is where the CNI configuration stands.
const configField = "spec.config"

// atConfig is a finding at an offset in the configuration.
func atConfig(offset int, message, remedy string) []verdict.Finding {
	return []verdict.Finding{{Place: object.AtField(configField).At(offset), Message: message, Remedy: remedy}}
}

// at is a finding at a key of the main plugin.
func (n *view) at(key, message, remedy string) []verdict.Finding {
	return atConfig(n.compiled.Locate(n.source.Config, key), message, remedy)
}

// macvlan is what the macvlan plugin reads; nil for other main plugins, and where
// the plugin fails anyway.
func (n *view) macvlan() *cniconf.Macvlan {
	if n.compiled.MacvlanFault != "" {
		return nil
	}
	return n.compiled.Macvlan
}

// oneNode says that the cluster is known to have a single node.
func (n *view) oneNode() bool {
	if n.facts.Nodes == nil {
		return false
	}
	nodes := 0
	for range n.facts.Nodes {
		if nodes++; nodes > 1 {
			return false
		}
	}
	return nodes == 1
}

// neighbours are the other networks whose pods hang on the same link of a node.
func (n *view) neighbours(yield func(*cniconf.Network) bool) {
	m := n.macvlan()
	if m == nil || m.LinkInContainer || n.facts.Networks == nil {
		return
	}
	for other := range n.facts.Networks {
		o := other.Macvlan
		if o == nil || o.Master != m.Master || o.LinkInContainer || other.MacvlanFault != "" || (object.Reference{Namespace: other.Namespace, Name: other.Name}) == n.Reference() {
			continue
		}
		if !yield(other) {
			return
		}
	}
}
