package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/macvlan-webhook/macvlan-webhook/policy/multus"
	"github.com/macvlan-webhook/macvlan-webhook/policy/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/spiderpool"
)

// plan is what is to be filled in for a pod that names no pools.
type plan struct {
	// value is what [spiderpool.PoolsAnnotation] is to be, empty when nothing is
	// filled in.
	value string
	// sources are where the pools come from, by the interface's name.
	sources map[string]spiderpool.Source
	// first is the first interface that a default of ours applies to, origin where
	// that default stands.
	first  *Interface
	origin string
	// shared is a pool that two interfaces would share, so that nothing is filled in;
	// nil for none.
	shared *sharing
	// obstacle says why nothing is filled in although a default applies, and at
	// which interface that shows; empty when something is, or shared says it.
	obstacle   string
	obstructed *Interface
}

// planDefaults finds out what to fill in. All interfaces that get their addresses
// from Spiderpool are listed, since it refuses an annotation that leaves one out;
// those without a default of ours get what Spiderpool would have chosen.
//
// On a template it is the plan for its pods: the template itself stays as it is.
func (p *Pod) planDefaults() plan {
	var out plan
	for n := range p.supplies {
		if _, origin := p.ownDefault(p.supplies[n].iface); origin != "" && p.hasDefault(&p.supplies[n]) {
			out.first, out.origin = p.supplies[n].iface, origin
			break
		}
	}
	if out.first == nil {
		return plan{}
	}
	for n := range p.interfaces {
		iface := &p.interfaces[n]
		if _, known := p.fromSpiderpool(iface); !known && iface.annotation != "" {
			out.obstructed, out.obstacle = iface, "it is not known whether network "+iface.label()+" gets its addresses from Spiderpool too"
			return out
		}
	}
	selections := make([]spiderpool.Selection, len(p.supplies))
	out.sources = make(map[string]spiderpool.Source, len(p.supplies))
	for n := range p.supplies {
		s := &p.supplies[n]
		if out.obstacle = p.obstacle(s); out.obstacle != "" {
			out.obstructed = s.iface
			return out
		}
		selections[n] = spiderpool.Selection{Interface: s.iface.Name, IPv4: s.toName(spiderpool.IPv4), IPv6: s.toName(spiderpool.IPv6)}
		out.sources[s.iface.Name] = s.choice.Source
	}
	if out.shared = p.firstShared(); out.shared != nil {
		return out
	}
	value := spiderpool.Render(selections)
	if len(value) > maxAnnotationBytes {
		out.obstructed = out.first
		out.obstacle = fmt.Sprintf("the list of all pools of the pod would have %d bytes, and %d are accepted", len(value), maxAnnotationBytes)
		return out
	}
	out.value = value
	return out
}

// mayFillIn says whether the pod is one whose pools we fill in: it asks for networks,
// and names no pools.
func (p *Pod) mayFillIn() bool {
	_, first := p.Subject.Annotations[multus.DefaultNetworkAnnotation]
	_, further := p.Subject.Annotations[multus.NetworksAnnotation]
	return (first || further) && !p.pools.NamesPools && len(p.conflicts) == 0 && p.facts.Namespace.Err == nil && !p.networksPending()
}

// hasDefault says whether a default of ours gives the interface pools, or would if
// it could be read.
func (p *Pod) hasDefault(s *supply) bool {
	own := s.iface.network.DefaultPools
	return s.choice.Source == spiderpool.SourceConfig || own != nil && own.Fault != ""
}

// obstacle is the reason why the pools of an interface cannot be written down.
func (p *Pod) obstacle(s *supply) string {
	own := s.iface.network.DefaultPools
	switch {
	case own != nil && own.Fault != "":
		return "the default pools of network " + s.iface.label() + " cannot be read: " + own.Fault
	case s.choice.Source == spiderpool.SourceNone:
		return "interface " + quote.Value(s.iface.Name) + " has no default pools, neither of its network nor in the cluster"
	case s.choice.Source == spiderpool.SourceDefault && s.choice.Unknown:
		return "interface " + quote.Value(s.iface.Name) + " has no default pools of its network, and it is not known which ones the cluster has"
	case s.choice.Unknown:
		return "it is not known which pools interface " + quote.Value(s.iface.Name) + " gets"
	case len(s.toName(spiderpool.IPv4)) == 0 && len(s.toName(spiderpool.IPv6)) == 0:
		return "none of the pools that Spiderpool would choose for interface " + quote.Value(s.iface.Name) + " can serve it"
	}
	for _, family := range families {
		// Spiderpool refuses such a list wherever it stands.
		names := s.toName(family)
		if n, problem := spiderpool.CheckNames(names); problem != "" {
			return fmt.Sprintf("in the list that Spiderpool would choose from for interface %s, %s %s", quote.Value(s.iface.Name), quote.Value(names[n]), problem)
		}
	}
	return ""
}

// toName is the list of one family that is to be written down for an interface:
// as it stands where it comes from, patterns included. Of what Spiderpool would
// have chosen, pools are left out that it would leave out as well.
func (s *supply) toName(family int) []string {
	written := s.choice.Written(family)
	switch {
	case s.choice.Source == spiderpool.SourceConfig:
		return written
	case s.choice.Source == spiderpool.SourceDefault:
		written = s.choice.Pools(family)
	}
	l := s.list(family)
	misfits := map[string]bool{}
	for _, c := range l.candidates {
		// One that is missing stays: Spiderpool refuses the pod for it.
		if c.misfit != spiderpool.MisfitNone && c.misfit != spiderpool.MisfitMissing {
			misfits[c.name] = true
		}
	}
	kept := slices.DeleteFunc(slices.Clone(written), func(name string) bool { return misfits[name] })
	if len(kept) == 0 && s.choice.Source != spiderpool.SourceDefault {
		return written
	}
	return kept
}

func (s *supply) list(family int) *poolList {
	if family == spiderpool.IPv4 {
		return &s.lists[0]
	}
	return &s.lists[1]
}

// networksPending says whether Spiderpool's own webhook is still to write the
// pod's networks, so that what stands there now means nothing.
//
// It never writes a template. And a pod that does not carry the annotation itself,
// but its namespace does, counts as one whose networks are to come: the API server
// calls a webhook again only for a pod that it called it for before, and such a pod
// may come without any annotation.
func (p *Pod) networksPending() bool {
	key, _ := p.resourceInject()
	if key == "" {
		return false
	}
	_, own := p.Subject.Annotations[key]
	return !own || !p.networksInjected()
}

// networksInjected says whether the pod's networks are those that Spiderpool's own
// webhook writes: a list of namespace/name and nothing else, of networks whose
// resources it has added to the pod's first container (pkg/podmanager/utils.go).
func (p *Pod) networksInjected() bool {
	value := p.Subject.Annotations[multus.NetworksAnnotation]
	if p.Subject.Template() || len(p.networkElements) == 0 || strings.ContainsAny(value, "[ @\n\t") {
		return false
	}
	for n := range p.extras() {
		i := &p.extras()[n]
		if !i.element.NamespaceGiven || i.network == nil || i.network.ResourceName == "" || !slices.Contains(p.Subject.Resources, i.network.ResourceName) {
			return false
		}
	}
	return true
}

// resourceInject is the annotation of the pod or of its namespace by which
// Spiderpool writes the pod's networks; key is empty for none.
func (p *Pod) resourceInject() (key, value string) {
	var namespace map[string]string
	if n := p.facts.Namespace.Namespace; n != nil {
		namespace = n.Inject
	}
	return spiderpool.ResourceInject(p.Subject.Annotations, namespace)
}

// Complete fills in what the pod leaves to the configuration: the pools of its
// interfaces, where it names none. Facts answer [Pod.Questions]. The result is the
// pod's own subject when there is nothing to fill in; the same pod completed twice
// is completed once.
func (p *Pod) Complete(f Facts) *Subject {
	if p.exempt != "" || p.ignored() || len(f.Networks) != len(p.references) {
		return p.Subject
	}
	p.resolve(f)
	if mode, _ := p.mode(); mode == ModeOff || p.plan.value == "" || p.Subject.Template() {
		return p.Subject
	}
	completed := *p.Subject
	completed.Annotations = maps.Clone(p.Subject.Annotations)
	completed.Annotations[spiderpool.PoolsAnnotation] = p.plan.value
	completed.filledIn = p.plan.sources
	return &completed
}

// PatchOperation is one operation of a JSON patch (RFC 6902).
type PatchOperation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value string `json:"value"`
}

// Patch is what [Pod.Complete] has changed, as operations on the object that the
// subject was decoded from; nil when it has changed nothing. The object has
// annotations already: without networks there is nothing to fill in.
func (s *Subject) Patch() []PatchOperation {
	if s.filledIn == nil {
		return nil
	}
	// The slash is escaped as RFC 6901 demands.
	path := "/metadata/annotations/" + strings.ReplaceAll(spiderpool.PoolsAnnotation, "/", "~1")
	return []PatchOperation{{Op: "add", Path: path, Value: s.Annotations[spiderpool.PoolsAnnotation]}}
}
