package pod

import (
	"fmt"
	"slices"
	"strings"

	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/flatnetwork"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/multus"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/spiderpool"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
)

// Request is what a subject asks for in its annotations, parsed once. It rests on nothing
// that an inventory would have to tell, and is not changed once made.
type Request struct {
	Subject *Subject
	Config  *config.Config
	// exempt says why the configuration spares the subject.
	exempt string

	defaultElements, networkElements []multus.Element
	defaultFaults, networkFaults     []multus.Fault
	nameConflicts                    []multus.Conflict
	// asked are the interfaces, still without what their networks are; added of them,
	// behind the first, are on networks that Multus gives every pod.
	asked      []Interface
	added      int
	references []object.Reference

	pools      *spiderpool.Annotations
	poolFaults []spiderpool.Fault

	// flatAsked is what the flat network is asked for, flatSubnets those that it names, and
	// addresses are all that the annotations fix, whatever their source.
	flatAsked   []FlatRequest
	flatSubnets []flatnetwork.SubnetReference
	addresses   []RequestedAddress
}

// Limits of what is judged about one pod. Multus has none, but each network costs
// a look-up, each address is compared with those of others, and an annotation may be 256 KiB
// long; no pod that is meant to run comes near any.
const (
	MaxNetworks        = 128
	MaxAddresses       = 4096
	MaxAnnotationBytes = 64 << 10
)

// ProblemTooLarge is our own, beside the problems of the grammar.
const ProblemTooLarge multus.Problem = "too-large"

// Parse reads the network annotations of a subject.
func Parse(s *Subject, c *config.Config) *Request {
	r := &Request{Subject: s, Config: c, exempt: c.ExemptNamespace(s.Namespace)}
	r.pools, r.poolFaults = spiderpool.Parse(nil)
	if r.exempt != "" || r.ignored() {
		return r
	}
	r.parseNetworks()
	r.parsePools()
	r.parseAddresses()
	return r
}

// Faults are what is wrong with an annotation of Multus, [multus.DefaultNetworkAnnotation]
// or [multus.NetworksAnnotation].
func (r *Request) Faults(annotation string) []multus.Fault {
	if annotation == multus.DefaultNetworkAnnotation {
		return r.defaultFaults
	}
	return r.networkFaults
}

// NameConflicts are the interfaces whose name another one has already.
func (r *Request) NameConflicts() []multus.Conflict { return r.nameConflicts }

// PoolAnnotations is what Spiderpool's annotations of the pod say, never nil, and
// PoolFaults what is wrong with them.
func (r *Request) PoolAnnotations() *spiderpool.Annotations { return r.pools }

// PoolFaults is described at [Request.PoolAnnotations].
func (r *Request) PoolFaults() []spiderpool.Fault { return r.poolFaults }

// Addresses are all that the annotations fix, whatever their source, in the order in
// which they are written: those of the flat network first.
func (r *Request) Addresses() []RequestedAddress { return r.addresses }

// parseNetworks reads the annotations that ask for networks.
func (r *Request) parseNetworks() {
	s := r.Subject
	defaultValue, hasDefault := s.Annotations[multus.DefaultNetworkAnnotation]
	if hasDefault {
		r.defaultElements, r.defaultFaults = bounded(multus.ParseDefaultNetwork, defaultValue, r.Config.Multus.DefaultNetworkNamespace)
	}
	r.networkElements, r.networkFaults = bounded(multus.ParseNetworks, s.Annotations[multus.NetworksAnnotation], s.Namespace)
	r.lineUp(hasDefault)
}

// bounded parses an annotation within the limits; beyond them the annotation
// counts as one that cannot be read.
func bounded(parse func(value, namespace string) ([]multus.Element, []multus.Fault), value, namespace string) ([]multus.Element, []multus.Fault) {
	tooMuch := func(what string, n, most int) []multus.Fault {
		return []multus.Fault{{
			Problem: ProblemTooLarge, Element: -1,
			Detail: fmt.Sprintf("is too large to be checked: %d %s", n, what), Want: fmt.Sprintf("up to %d %s", most, what),
		}}
	}
	if len(value) > MaxAnnotationBytes {
		return nil, tooMuch("bytes", len(value), MaxAnnotationBytes)
	}
	// What stands in a list is counted before it is read. Fewer commas make no such list.
	if strings.Count(value, ",") >= MaxNetworks {
		switch networks, addresses := multus.Count(value); {
		case networks > MaxNetworks:
			return nil, tooMuch("networks", networks, MaxNetworks)
		case addresses > MaxAddresses:
			return nil, tooMuch("addresses", addresses, MaxAddresses)
		}
	}
	return parse(value, namespace)
}

// ignored says whether the annotations of the pod are read by nobody.
func (r *Request) ignored() bool {
	_, mirror := r.Subject.Annotations[MirrorAnnotation]
	return mirror || r.Subject.HostNetwork
}

// lineUp computes the list of interfaces, still without what the networks are.
func (r *Request) lineUp(hasDefault bool) {
	var first *multus.Element
	if len(r.defaultElements) == 1 {
		first = &r.defaultElements[0]
	}
	given := r.Config.DefaultNetworks(r.Subject.Namespace)
	r.added = len(given)
	names, conflicts := multus.InterfaceNames(first, r.added, r.networkElements)
	r.nameConflicts = conflicts
	r.asked = make([]Interface, 0, len(names))
	r.references = make([]object.Reference, 0, len(names))

	eth0 := Interface{Name: names[0], ref: -1, role: cniconf.RoleUnknown, evidence: cniconf.EvidenceNone}
	switch {
	case first != nil:
		eth0.Annotation, eth0.Element = multus.DefaultNetworkAnnotation, first
		eth0.Reference = object.Reference{Namespace: first.Namespace, Name: first.Name}
		eth0.Unreadable = unreadable(r.defaultFaults, 0)
	case hasDefault:
		eth0.Annotation, eth0.Unreadable = multus.DefaultNetworkAnnotation, true
	case r.Config.ClusterNetwork() != (object.Reference{}):
		eth0.Reference = r.Config.ClusterNetwork()
	default:
		eth0.Unreadable = true
		eth0.role = cniconf.RoleDefault
	}
	r.addInterface(eth0)
	for i, network := range given {
		r.addInterface(Interface{
			Name: names[1+i], ref: -1, role: cniconf.RoleUnknown, evidence: cniconf.EvidenceNone,
			Reference: network, Added: true, Unreadable: network == object.Reference{},
		})
	}
	for i := range r.networkElements {
		e := &r.networkElements[i]
		r.addInterface(Interface{
			Name: names[1+r.added+i], ref: -1, role: cniconf.RoleUnknown, evidence: cniconf.EvidenceNone,
			Reference:  object.Reference{Namespace: e.Namespace, Name: e.Name},
			Annotation: multus.NetworksAnnotation, Element: e, Index: i,
			Unreadable: unreadable(r.networkFaults, i),
		})
	}
}

func (r *Request) addInterface(i Interface) {
	if !i.Unreadable {
		i.ref = slices.Index(r.references, i.Reference)
		if i.ref < 0 {
			i.ref = len(r.references)
			r.references = append(r.references, i.Reference)
		}
	}
	r.asked = append(r.asked, i)
}

// unreadable says whether the network of an element could not be named.
func unreadable(faults []multus.Fault, element int) bool {
	return hasFault(faults, element, multus.ProblemSyntax) || hasFault(faults, element, multus.ProblemName)
}

func hasFault(faults []multus.Fault, element int, problem multus.Problem) bool {
	return slices.ContainsFunc(faults, func(f multus.Fault) bool { return f.Element == element && f.Problem == problem })
}

// Faulty says whether a problem was found with the element of an interface.
func (r *Request) Faulty(i *Interface, problem multus.Problem) bool {
	return hasFault(r.Faults(i.Annotation), i.Index, problem)
}

// Conflicting says whether the name of the n-th interface is taken already.
func (r *Request) Conflicting(n int) bool {
	return slices.ContainsFunc(r.nameConflicts, func(c multus.Conflict) bool { return c.Index == n })
}

// ownNetworkUnsaid says that the pod's first interface is on the cluster's own network, and
// that nobody has written what that is.
func (r *Request) ownNetworkUnsaid() bool {
	return r.Config.Multus.ClusterNetwork == nil && len(r.asked) > 0 && r.asked[0].Annotation == ""
}

// Misread says whether an annotation cannot be read as a list of networks, so
// that the pod's interfaces are not known.
func (r *Request) Misread() bool {
	for _, faults := range [][]multus.Fault{r.defaultFaults, r.networkFaults} {
		for _, f := range faults {
			switch f.Problem {
			case multus.ProblemSyntax, multus.ProblemName, multus.ProblemCount, ProblemTooLarge:
				return true
			}
		}
	}
	return false
}

// Uses says whether a subject asks for a network, be it exempt or not. Beside its
// annotations the configuration decides: the cluster's own network is used by every pod
// that names no other as its first, and the networks that Multus adds by all pods but
// those of its system namespaces.
func Uses(c *config.Config, s *Subject, network object.Reference) bool {
	if s.HostNetwork {
		return false
	}
	r := &Request{Subject: s, Config: c}
	r.parseNetworks()
	return slices.Contains(r.references, network)
}
