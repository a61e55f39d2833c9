package pod

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/multus"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/spiderpool"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// Plan is what is to be filled in for a pod that names no pools.
type Plan struct {
	// Value is what [spiderpool.PoolsAnnotation] is to be, empty when nothing is
	// filled in.
	Value string
	// sources are where the pools come from, by the interface's name.
	sources map[string]spiderpool.Source
	// First is the first interface that a default of ours applies to, Origin where
	// that default stands.
	First  *Interface
	Origin string
	// Shared is a pool that two interfaces would share, so that nothing is filled in;
	// nil for none.
	Shared *SharedPool
	// Obstacle says why nothing is filled in although a default applies, and Obstructed at
	// which interface that shows; empty when something is, or Shared says it.
	Obstacle   string
	Obstructed *Interface
	// Unsaid is the setting that is missing, where that is the obstacle; empty for others.
	Unsaid string
}

// Plan is what is to be filled in for the pod, or for those of the template.
func (v *View) Plan() *Plan {
	v.read(onSupply)
	return &v.plan
}

// planDefaults finds out what to fill in. All interfaces that get their addresses
// from Spiderpool are listed, since it refuses an annotation that leaves one out;
// those without a default of ours get what Spiderpool would have chosen.
//
// On a template it is the plan for its pods: the template itself stays as it is.
func (v *View) planDefaults() Plan {
	var out Plan
	for n := range v.supplies {
		if _, origin := v.OwnDefault(v.supplies[n].Interface); origin != "" && v.hasDefault(&v.supplies[n]) {
			out.First, out.Origin = v.supplies[n].Interface, origin
			break
		}
	}
	if out.First == nil {
		return Plan{}
	}
	if own := v.UnsaidNetwork(); own != nil {
		out.Obstructed, out.Unsaid = out.First, "multus.clusterNetwork: "+own.Reference.String()
		out.Obstacle = "Spiderpool's own settings name network " + quote.Value(own.Reference.String()) +
			" as the cluster's own, and the PolicyConfig does not say what that is (multus.clusterNetwork is absent), so interface " +
			quote.Value(v.interfaces[0].Name) + " may get its addresses from Spiderpool too"
		return out
	}
	for n := range v.interfaces {
		iface := &v.interfaces[n]
		switch _, known := v.FromSpiderpool(iface); {
		case known, v.leftOut(iface):
		case iface.Added:
			out.Obstructed, out.Obstacle = out.First, "it is not known whether interface "+quote.Value(iface.Name)+
				", which Multus gives every pod (multus.defaultNetworks), gets its addresses from Spiderpool too"
			return out
		case iface.Annotation != "":
			out.Obstructed, out.Obstacle = iface, "it is not known whether network "+iface.Label()+" gets its addresses from Spiderpool too"
			return out
		}
	}
	selections := make([]spiderpool.Selection, len(v.supplies))
	out.sources = make(map[string]spiderpool.Source, len(v.supplies))
	for n := range v.supplies {
		s := &v.supplies[n]
		if out.Obstacle = v.obstacle(s); out.Obstacle != "" {
			out.Obstructed = s.Interface
			return out
		}
		selections[n] = spiderpool.Selection{Interface: s.Interface.Name, IPv4: s.toName(spiderpool.IPv4), IPv6: s.toName(spiderpool.IPv6)}
		out.sources[s.Interface.Name] = s.Choice.Source
	}
	if out.Shared = v.firstShared(); out.Shared != nil {
		return out
	}
	value := spiderpool.Render(selections)
	if len(value) > MaxAnnotationBytes {
		out.Obstructed = out.First
		out.Obstacle = fmt.Sprintf("the list of all pools of the pod would have %d bytes, and at most %d are accepted", len(value), MaxAnnotationBytes)
		return out
	}
	out.Value = value
	return out
}

// Unfilled is the first interface of a pod to which a default of ours applies that is not
// filled in, because the pod is there already, and where that default stands. It is nil where
// there is none, and where the update concerns neither networks nor pools.
func (v *View) Unfilled() (i *Interface, origin string) {
	v.read(onSupply)
	if !v.Subject.Existing() || !v.lacksPools() || !v.Subject.Changes(slices.Concat(networkKeys, PoolAnnotations)...) {
		return nil, ""
	}
	for n := range v.supplies {
		if pools, origin := v.OwnDefault(v.supplies[n].Interface); len(pools.IPv4)+len(pools.IPv6) > 0 {
			return v.supplies[n].Interface, origin
		}
	}
	return nil, ""
}

// leftOut says whether somebody has said of a network whose configuration is a file on the
// node that it has no default pools: then it is taken for one that Spiderpool does not serve.
func (v *View) leftOut(i *Interface) bool {
	if i.network == nil || !i.network.OnNode {
		return false
	}
	if own := i.network.DefaultPools; own != nil && own.Fault != "" {
		return false
	}
	pools, origin := v.OwnDefault(i)
	return origin != "" && len(pools.IPv4) == 0 && len(pools.IPv6) == 0
}

// mayFillIn says whether the pod is one whose pools we fill in: it is created, asks for
// networks, and names no pools.
func (v *View) mayFillIn() bool {
	return !v.Subject.Existing() && v.lacksPools()
}

// lacksPools says whether the pod asks for networks and names no pools, so that defaults of
// ours are meant for it.
func (v *View) lacksPools() bool {
	_, first := v.Subject.Annotations[multus.DefaultNetworkAnnotation]
	_, further := v.Subject.Annotations[multus.NetworksAnnotation]
	return (first || further) && !v.pools.NamesPools && len(v.nameConflicts) == 0 && v.facts.Namespace.Err == nil && !v.NetworksPending()
}

// hasDefault says whether a default of ours gives the interface pools, or would if
// it could be read.
func (v *View) hasDefault(s *InterfacePools) bool {
	own := s.Interface.network.DefaultPools
	return s.Choice.Source == spiderpool.SourceConfig || own != nil && own.Fault != ""
}

// obstacle is the reason why the pools of an interface cannot be written down.
func (v *View) obstacle(s *InterfacePools) string {
	own := s.Interface.network.DefaultPools
	switch {
	case own != nil && own.Fault != "":
		return "the default pools of network " + s.Interface.Label() + " cannot be read: " + own.Fault
	case s.Choice.Source == spiderpool.SourceNone:
		return "interface " + quote.Value(s.Interface.Name) + " has no default pools, neither of its network nor in the cluster"
	case s.Choice.Source == spiderpool.SourceDefault && s.Choice.Unknown:
		return "interface " + quote.Value(s.Interface.Name) + " has no default pools of its network, and it is not known which ones the cluster has"
	case s.Choice.Unknown:
		return "it is not known which pools interface " + quote.Value(s.Interface.Name) + " gets"
	case len(s.toName(spiderpool.IPv4)) == 0 && len(s.toName(spiderpool.IPv6)) == 0:
		return "none of the pools that Spiderpool would choose for interface " + quote.Value(s.Interface.Name) + " can serve it"
	}
	for _, family := range Families {
		// Spiderpool refuses such a list wherever it stands.
		names := s.toName(family)
		if n, problem := spiderpool.CheckNames(names); problem != "" {
			return fmt.Sprintf("in the list that Spiderpool would choose from for interface %s, %s %s", quote.Value(s.Interface.Name), quote.Value(names[n]), problem)
		}
	}
	return ""
}

// toName is the list of one family that is to be written down for an interface:
// as it stands where it comes from, patterns included. Of what Spiderpool would
// have chosen, pools are left out that it would leave out as well.
func (s *InterfacePools) toName(family int) []string {
	written := s.Choice.Written(family)
	switch {
	case s.Choice.Source == spiderpool.SourceConfig:
		return written
	case s.Choice.Source == spiderpool.SourceDefault:
		written = s.Choice.Pools(family)
	}
	l := s.List(family)
	misfits := map[string]bool{}
	for _, c := range l.Candidates {
		// One that is missing stays: Spiderpool refuses the pod for it.
		if c.Misfit != spiderpool.MisfitNone && c.Misfit != spiderpool.MisfitMissing {
			misfits[c.Name] = true
		}
	}
	kept := slices.DeleteFunc(slices.Clone(written), func(name string) bool { return misfits[name] })
	if len(kept) == 0 && s.Choice.Source != spiderpool.SourceDefault {
		return written
	}
	return kept
}

// List is that of one family.
func (s *InterfacePools) List(family int) *PoolList {
	if family == spiderpool.IPv4 {
		return &s.Lists[0]
	}
	return &s.Lists[1]
}

// NetworksPending says whether Spiderpool's own webhook is still to write the
// pod's networks, so that what stands there now means nothing.
//
// It never writes a template. And a pod that does not carry the annotation itself,
// but its namespace does, counts as one whose networks are to come: the API server
// calls a webhook again only for a pod that it called it for before, and such a pod
// may come without any annotation.
func (v *View) NetworksPending() bool {
	key, _ := v.ResourceInject()
	if key == "" {
		return false
	}
	_, own := v.Subject.Annotations[key]
	return !own || !v.NetworksInjected()
}

// NetworksInjected says whether the pod's networks are those that Spiderpool's own
// webhook writes: a list of namespace/name and nothing else, of networks whose
// resources it has added to the pod's first container (pkg/podmanager/utils.go).
func (v *View) NetworksInjected() bool {
	v.read(verdict.OnNetworks)
	value := v.Subject.Annotations[multus.NetworksAnnotation]
	if v.Subject.Template() || len(v.networkElements) == 0 || strings.ContainsAny(value, "[ @\n\t") {
		return false
	}
	for n := range v.Extras() {
		i := &v.Extras()[n]
		if !i.Element.NamespaceGiven || i.network == nil || i.network.ResourceName == "" || !slices.Contains(v.Subject.Resources, i.network.ResourceName) {
			return false
		}
	}
	return true
}

// ResourceInject is the annotation of the pod or of its namespace by which
// Spiderpool writes the pod's networks; key is empty for none.
func (v *View) ResourceInject() (key, value string) {
	v.read(verdict.OnNamespace)
	var namespace map[string]string
	if n := v.facts.Namespace.Value; n != nil {
		namespace = n.Inject
	}
	return spiderpool.ResourceInject(v.Subject.Annotations, namespace)
}

// Completed is the subject with what the pod leaves to the configuration: the pools of its
// interfaces, where it names none. The facts answer [Request.CompletionQuestions] at least. The
// result is the request's own subject when there is nothing to fill in; what is completed
// twice is completed once.
func (v *View) Completed() *Subject {
	if mode, _ := v.mode(); mode == verdict.ModeOff || v.plan.Value == "" || v.Subject.Template() {
		return v.Subject
	}
	completed := *v.Subject
	completed.Annotations = maps.Clone(v.Subject.Annotations)
	completed.Annotations[spiderpool.PoolsAnnotation] = v.plan.Value
	completed.FilledIn = v.plan.sources
	return &completed
}

// PatchOperation is one operation of a JSON patch (RFC 6902).
type PatchOperation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value string `json:"value"`
}

// Patch is what [View.Completed] has changed, as operations on the object that the
// subject was decoded from; nil when it has changed nothing. The object has
// annotations already: without networks there is nothing to fill in.
func (s *Subject) Patch() []PatchOperation {
	if s.FilledIn == nil {
		return nil
	}
	// The slash is escaped as RFC 6901 demands.
	path := "/metadata/annotations/" + strings.ReplaceAll(spiderpool.PoolsAnnotation, "/", "~1")
	return []PatchOperation{{Op: "add", Path: path, Value: s.Annotations[spiderpool.PoolsAnnotation]}}
}
