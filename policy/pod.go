package policy

import (
	"fmt"
	"slices"

	"github.com/macvlan-webhook/macvlan-webhook/policy/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/flatnetwork"
	"github.com/macvlan-webhook/macvlan-webhook/policy/multus"
	"github.com/macvlan-webhook/macvlan-webhook/policy/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/spiderpool"
)

// Interface is one network interface that a pod will have.
type Interface struct {
	// Name inside the pod, such as eth0 or net1.
	Name string
	// Reference is empty for a first interface that no annotation names and
	// whose network is a plain CNI configuration on the nodes.
	Reference Reference
	Role      cniconf.Role
	Evidence  cniconf.Evidence
	// Pools are those of an interface whose addresses come from Spiderpool, nil for
	// others.
	Pools *Pools

	// network is nil when there is none, or when it is missing.
	network *cniconf.Network
	// annotation and element say where it was asked for; annotation is empty
	// for the cluster's own network.
	annotation string
	element    *multus.Element
	index      int
	// ref is the index into the pod's references, -1 for none.
	ref int
	// unreadable marks an element whose network cannot even be named.
	unreadable bool
}

// label is the quoted name of the interface's network, for messages.
func (i *Interface) label() string { return quote.Value(i.Reference.String()) }

// because says what the interface's role rests on, for messages.
func (i *Interface) because() string { return i.network.EvidenceDetail() }

// Pod is a subject whose annotations are parsed: what the rules read.
type Pod struct {
	Subject *Subject
	config  *Config
	// exempt says why the configuration spares the subject.
	exempt string

	defaultElements, networkElements []multus.Element
	defaultFaults, networkFaults     []multus.Fault
	conflicts                        []multus.Conflict
	interfaces                       []Interface
	references                       []Reference

	pools      *spiderpool.Annotations
	poolFaults []spiderpool.Fault

	// flat is what the flat network is asked for, flatSubnets those that it names, and wants
	// are all addresses that the annotations fix, whatever their source.
	flat        []*flatRequest
	flatSubnets []flatnetwork.SubnetReference
	wants       []wanted

	// facts and what follows from them are those of the latest verdict.
	facts    Facts
	supplies []supply
	plan     plan
	contests []contest
}

// Limits of what is judged about one pod. Multus has none, but each network costs
// a look-up, and an annotation may be 256 KiB long; no pod that is meant to run
// comes near either.
const (
	maxNetworks        = 128
	maxAnnotationBytes = 64 << 10
)

// problemTooLarge is our own, beside the problems of the grammar.
const problemTooLarge multus.Problem = "too-large"

// Parse reads the network annotations of a subject.
func Parse(s *Subject, c *Config) *Pod {
	p := &Pod{Subject: s, config: c, exempt: c.exemptNamespace(s.Namespace)}
	p.pools, p.poolFaults = spiderpool.Parse(nil)
	if p.exempt != "" || p.ignored() {
		return p
	}
	p.parseNetworks()
	p.parsePools()
	p.parseAddresses()
	return p
}

// parseNetworks reads the annotations that ask for networks.
func (p *Pod) parseNetworks() {
	s := p.Subject
	defaultValue, hasDefault := s.Annotations[multus.DefaultNetworkAnnotation]
	if hasDefault {
		p.defaultElements, p.defaultFaults = bounded(multus.ParseDefaultNetwork, defaultValue, p.config.Multus.DefaultNetworkNamespace)
	}
	p.networkElements, p.networkFaults = bounded(multus.ParseNetworks, s.Annotations[multus.NetworksAnnotation], s.Namespace)
	p.lineUp(hasDefault)
}

// bounded parses an annotation within the limits; beyond them the annotation
// counts as one that cannot be read.
func bounded(parse func(value, namespace string) ([]multus.Element, []multus.Fault), value, namespace string) ([]multus.Element, []multus.Fault) {
	tooMuch := func(what string, n, most int) []multus.Fault {
		return []multus.Fault{{
			Problem: problemTooLarge, Element: -1,
			Detail: fmt.Sprintf("is too large to be judged: %d %s", n, what), Want: fmt.Sprintf("up to %d %s", most, what),
		}}
	}
	if len(value) > maxAnnotationBytes {
		return nil, tooMuch("bytes", len(value), maxAnnotationBytes)
	}
	elements, faults := parse(value, namespace)
	if len(elements) > maxNetworks {
		return nil, tooMuch("networks", len(elements), maxNetworks)
	}
	return elements, faults
}

// ignored says whether the annotations of the pod are read by nobody.
func (p *Pod) ignored() bool {
	_, mirror := p.Subject.Annotations[mirrorAnnotation]
	return mirror || p.Subject.HostNetwork
}

// lineUp computes the list of interfaces, still without what the networks are.
func (p *Pod) lineUp(hasDefault bool) {
	var first *multus.Element
	if len(p.defaultElements) == 1 {
		first = &p.defaultElements[0]
	}
	names, conflicts := multus.InterfaceNames(first, p.networkElements)
	p.conflicts = conflicts
	p.interfaces = make([]Interface, 0, 1+len(p.networkElements))
	p.references = make([]Reference, 0, 1+len(p.networkElements))

	eth0 := Interface{Name: names[0], ref: -1, Role: cniconf.RoleUnknown, Evidence: cniconf.EvidenceNone}
	switch {
	case first != nil:
		eth0.annotation, eth0.element = multus.DefaultNetworkAnnotation, first
		eth0.Reference = Reference{first.Namespace, first.Name}
		eth0.unreadable = unreadable(p.defaultFaults, 0)
	case hasDefault:
		eth0.annotation, eth0.unreadable = multus.DefaultNetworkAnnotation, true
	case p.config.clusterNetwork != (Reference{}):
		eth0.Reference = p.config.clusterNetwork
	default:
		eth0.unreadable = true
		eth0.Role = cniconf.RoleDefault
	}
	p.addInterface(eth0)
	for i := range p.networkElements {
		e := &p.networkElements[i]
		p.addInterface(Interface{
			Name: names[i+1], ref: -1, Role: cniconf.RoleUnknown, Evidence: cniconf.EvidenceNone,
			Reference:  Reference{e.Namespace, e.Name},
			annotation: multus.NetworksAnnotation, element: e, index: i,
			unreadable: unreadable(p.networkFaults, i),
		})
	}
}

func (p *Pod) addInterface(i Interface) {
	if !i.unreadable {
		i.ref = slices.Index(p.references, i.Reference)
		if i.ref < 0 {
			i.ref = len(p.references)
			p.references = append(p.references, i.Reference)
		}
	}
	p.interfaces = append(p.interfaces, i)
}

// unreadable says whether the network of an element could not be named.
func unreadable(faults []multus.Fault, element int) bool {
	return hasFault(faults, element, multus.ProblemSyntax) || hasFault(faults, element, multus.ProblemName)
}

func hasFault(faults []multus.Fault, element int, problem multus.Problem) bool {
	return slices.ContainsFunc(faults, func(f multus.Fault) bool { return f.Element == element && f.Problem == problem })
}

// faulty says whether a problem was found with the element of an interface.
func (p *Pod) faulty(i *Interface, problem multus.Problem) bool {
	if i.annotation == multus.DefaultNetworkAnnotation {
		return hasFault(p.defaultFaults, i.index, problem)
	}
	return hasFault(p.networkFaults, i.index, problem)
}

// conflicting says whether the name of the n-th interface is taken already.
func (p *Pod) conflicting(n int) bool {
	return slices.ContainsFunc(p.conflicts, func(c multus.Conflict) bool { return c.Index == n })
}

// resolve fills in what the inventory says of each interface's network.
func (p *Pod) resolve(f Facts) {
	p.facts = f
	mode := f.coordinatorMode(p.config)
	for i := range p.interfaces {
		iface := &p.interfaces[i]
		iface.Pools = nil
		if iface.ref < 0 {
			continue
		}
		// What an earlier verdict found out counts no more.
		iface.Role, iface.Evidence = cniconf.RoleUnknown, cniconf.EvidenceNone
		iface.network = f.Networks[iface.ref].Network
		own := iface.Reference == p.config.clusterNetwork
		switch {
		case iface.network != nil:
			iface.Role, iface.Evidence = iface.network.Role(mode)
			if own && !canBeFirst(iface.Role) {
				iface.Role = cniconf.RoleDefault
			}
		case own:
			iface.Role = cniconf.RoleDefault
		}
	}
	p.supplyInterfaces()
	for _, r := range p.flat {
		r.attached, r.known = p.attached(r.Generation)
	}
	p.findContests()
}

// canBeFirst says whether a role is one of those that bring their own routes as
// a pod's first interface. The cluster's own network is none of the others,
// whatever its name suggests.
func canBeFirst(r cniconf.Role) bool {
	return r == cniconf.RoleStandalone || r == cniconf.RoleAuto
}

// first is the pod's first interface; extras are the others, in order.
func (p *Pod) first() *Interface   { return &p.interfaces[0] }
func (p *Pod) extras() []Interface { return p.interfaces[1:] }

// locate is where a field of the interface's element stands in its annotation.
func (p *Pod) locate(i *Interface, field string) int {
	return multus.Locate(p.Subject.Annotations[i.annotation], i.index, field, -1)
}

// locateNetwork is where the interface's network is named: the whole of
// namespace/name in the comma form, the name in the JSON form.
func (p *Pod) locateNetwork(i *Interface) int {
	if i.element.Offset >= 0 {
		return i.element.Offset
	}
	return p.locate(i, "name")
}
