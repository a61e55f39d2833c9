package policy

import (
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/macvlan-webhook/macvlan-webhook/policy/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/multus"
	"github.com/macvlan-webhook/macvlan-webhook/policy/spiderpool"
)

// Pools are the IP pools that an interface gets its addresses from.
type Pools struct {
	// IPv4 and IPv6 are the names of the pools, patterns replaced by the pools
	// that they match where these are known.
	IPv4, IPv6 []string
	// Source is where the pools are named.
	Source spiderpool.Source
}

// supply is what Spiderpool gives one interface of a pod.
type supply struct {
	iface  *Interface
	choice spiderpool.Choice
	lists  [2]poolList
}

// poolList is the list of candidates of one family for one interface.
type poolList struct {
	family int
	// named says that people wrote the names of these very pools for the pod: no
	// pattern brought them here, and no level below the pod's annotations.
	named bool
	// candidates are the pools in the order of the list. Of a list that is not
	// named only as many are there as it takes to know that it serves the
	// interface, and none when that takes too long to find out.
	candidates []candidate
	// usable are the indices of the candidates that nothing is known against.
	usable []int
}

// candidate is a pool that an interface may get its address from.
type candidate struct {
	name string
	// pool is nil when there is none of that name.
	pool   *spiderpool.Pool
	misfit spiderpool.Misfit
	// detail continues a sentence that begins with the pool's name.
	detail string
}

// maxCandidates is how many pools of one list are judged. A cluster has some
// thousand pools at most, and a pod up to maxNetworks interfaces.
const maxCandidates = 10_000

// families are those of a supply's lists.
var families = [2]int{spiderpool.IPv4, spiderpool.IPv6}

// parsePools reads the Spiderpool annotations of the pod. A value beyond the limit
// counts as one that cannot be read.
func (p *Pod) parsePools() {
	annotations := p.Subject.Annotations
	var tooLarge []string
	for _, key := range spiderpoolKeys {
		if len(annotations[key]) > maxAnnotationBytes {
			tooLarge = append(tooLarge, key)
		}
	}
	if len(tooLarge) > 0 {
		annotations = maps.Clone(annotations)
		for _, key := range tooLarge {
			annotations[key] = ""
		}
	}
	p.pools, p.poolFaults = spiderpool.Parse(annotations)
	for _, key := range tooLarge {
		p.poolFaults = slices.DeleteFunc(p.poolFaults, func(f spiderpool.Fault) bool { return f.Annotation == key })
		p.poolFaults = append(p.poolFaults, spiderpool.Fault{
			Problem: spiderpool.ProblemInvalid, Annotation: key, Index: -1,
			Detail: fmt.Sprintf("is too large to be judged: %d bytes", len(p.Subject.Annotations[key])),
			Want:   fmt.Sprintf("up to %d bytes", maxAnnotationBytes),
		})
	}
}

// fromSpiderpool says whether Spiderpool gives the interface its addresses, and
// whether that is known at all.
func (p *Pod) fromSpiderpool(i *Interface) (yes, known bool) {
	switch {
	case i.network == nil || i.network.NameOnly || i.network.Unusable != "":
		return false, false
	case i.network.OnNode:
		// A file on the node that describes the cluster's own network, such as
		// Calico's, has an IPAM plugin of its own.
		return false, i.Role == cniconf.RoleDefault
	default:
		return i.network.IPAM.Pools() != nil, true
	}
}

// supplyInterfaces computes which pools each interface gets, once for all rules.
func (p *Pod) supplyInterfaces() {
	p.supplies, p.plan = nil, plan{}
	if p.misread() || p.Subject.Template() && p.networksPending() {
		return
	}
	var interfaces []spiderpool.Interface
	// Our defaults stand in for the annotation of a pod that has none and may get
	// one from us.
	mayFillIn := p.mayFillIn()
	hasDefaults := false
	for n := range p.interfaces {
		iface := &p.interfaces[n]
		if yes, _ := p.fromSpiderpool(iface); !yes {
			continue
		}
		var own IPPoolDefault
		if mayFillIn {
			var origin string
			own, origin = p.ownDefault(iface)
			hasDefaults = hasDefaults || origin != ""
		}
		p.supplies = append(p.supplies, supply{iface: iface})
		named := iface.network.IPAM.Pools()
		interfaces = append(interfaces, spiderpool.Interface{
			Name: iface.Name, Position: n, Network: p.multusName(iface),
			IPv4Pools: named.IPv4, IPv6Pools: named.IPv6,
			ConfigIPv4: own.IPv4, ConfigIPv6: own.IPv6,
		})
	}
	if len(p.supplies) == 0 {
		return
	}
	p.choosePools(interfaces, hasDefaults)
	if !hasDefaults {
		return
	}
	if p.plan = p.planDefaults(); p.plan.value != "" {
		return
	}
	// Nothing is filled in, so that our defaults mean nothing either.
	for n := range interfaces {
		interfaces[n].ConfigIPv4, interfaces[n].ConfigIPv6 = nil, nil
	}
	p.choosePools(interfaces, false)
}

// choosePools fills in the choice for each of the supplies. The whole lists are
// wanted where they may have to be written down.
func (p *Pod) choosePools(interfaces []spiderpool.Interface, whole bool) {
	world := spiderpool.World{Pools: p.facts.Pools.Index, SubnetsEnabled: p.config.Spiderpool.Subnets}
	if p.facts.Namespace.Namespace != nil {
		world.Namespace = p.facts.Namespace.Namespace.Pools
	}
	for n, choice := range spiderpool.Choose(p.pools, interfaces, &world) {
		s := &p.supplies[n]
		s.choice = p.asKnown(p.withoutDisabled(choice))
		for f, family := range families {
			s.lists[f] = p.listOf(s, family, interfaces[n].Network, whole)
		}
		s.iface.Pools = &Pools{IPv4: s.choice.IPv4, IPv6: s.choice.IPv6, Source: p.sourceOf(s)}
	}
}

// withoutDisabled leaves out the lists of an IP version that is off in Spiderpool,
// which does not look at them.
func (p *Pod) withoutDisabled(c spiderpool.Choice) spiderpool.Choice {
	if !p.config.Spiderpool.IPv4 {
		c.IPv4, c.WrittenIPv4 = nil, nil
	}
	if !p.config.Spiderpool.IPv6 {
		c.IPv6, c.WrittenIPv6 = nil, nil
	}
	return c
}

// asKnown marks a choice that rests on what is not known: pools by pattern or by
// default where the pools are not known, and the levels from the namespace down
// where the namespace is not.
func (p *Pod) asKnown(c spiderpool.Choice) spiderpool.Choice {
	if p.facts.Namespace.Err != nil && c.Source != spiderpool.SourcePod && c.Source != spiderpool.SourceConfig {
		c.Unknown = true
	}
	if p.facts.Pools.Index != nil {
		return c
	}
	c.IPv4, c.IPv6 = c.WrittenIPv4, c.WrittenIPv6
	if c.Source == spiderpool.SourceNone {
		c.Source, c.Unknown = spiderpool.SourceDefault, true
	}
	return c
}

// sourceOf is where an interface's pools come from, seen through what was filled
// in before.
func (p *Pod) sourceOf(s *supply) spiderpool.Source {
	if source, ok := p.Subject.filledIn[s.iface.Name]; ok {
		return source
	}
	return s.choice.Source
}

// multusName is the interface's network as Spiderpool takes it.
func (p *Pod) multusName(i *Interface) spiderpool.MultusName {
	name := spiderpool.MultusName{Namespace: i.Reference.Namespace, Name: i.Reference.Name}
	if i.annotation == multus.DefaultNetworkAnnotation && !i.element.NamespaceGiven {
		name.Namespace = p.config.Spiderpool.Namespace
	}
	return name
}

// listOf judges the candidates of one family: the whole list, or as much of it as
// rules need.
func (p *Pod) listOf(s *supply, family int, network spiderpool.MultusName, whole bool) poolList {
	l := poolList{family: family}
	pools := p.facts.Pools.Index
	if s.choice.Unknown || pools == nil {
		return l
	}
	l.named = s.choice.Source == spiderpool.SourcePod && !slices.ContainsFunc(s.choice.Written(family), spiderpool.IsPattern)
	request := p.request(family, network)
	room := false
	for n, name := range s.choice.Pools(family) {
		if n == maxCandidates {
			return poolList{family: family}
		}
		c := candidate{name: name, pool: pools.Pool(name)}
		c.misfit, c.detail = c.pool.Misfit(request)
		if c.misfit == spiderpool.MisfitNone {
			l.usable = append(l.usable, len(l.candidates))
			room = room || !c.pool.Exhausted()
		}
		l.candidates = append(l.candidates, c)
		// Of pools that nobody named, two that can serve, one of them with room,
		// are all that matters: the rest need not be looked at, however many
		// there are.
		if !l.named && !whole && len(l.usable) > 1 && room {
			break
		}
	}
	return l
}

// request is an interface of the pod as pools judge it.
func (p *Pod) request(family int, network spiderpool.MultusName) *spiderpool.Request {
	r := &spiderpool.Request{
		Family:              family,
		Network:             network,
		Namespace:           p.Subject.Namespace,
		PodLabels:           p.Subject.Labels,
		Template:            p.Subject.Template(),
		SpiderpoolNamespace: p.config.Spiderpool.Namespace,
	}
	if n := p.facts.Namespace.Namespace; n != nil {
		r.NamespaceLabels = n.Labels
	}
	return r
}

// ownDefault is what this program gives an interface whose pod names no pools: the
// network's annotation, else the first entry of the configuration that matches.
// The origin names which of them, for messages; it is empty when there is none.
func (p *Pod) ownDefault(i *Interface) (pools IPPoolDefault, origin string) {
	if own := i.network.DefaultPools; own != nil {
		return IPPoolDefault{IPv4: own.IPv4, IPv6: own.IPv6}, "the annotation of network " + i.label()
	}
	var namespace labels.Set
	for n := range p.config.IPPoolDefaults {
		entry := &p.config.IPPoolDefaults[n]
		if namespace == nil {
			namespace = p.namespaceLabels()
		}
		if entry.matches(i.Reference.String(), namespace) {
			return *entry, fmt.Sprintf("ippoolDefaults[%d] of the PolicyConfig", n)
		}
	}
	return IPPoolDefault{}, ""
}

// namespaceLabels are those of the pod's namespace, as far as they are known: the
// API server gives every namespace its name as a label.
func (p *Pod) namespaceLabels() labels.Set {
	if n := p.facts.Namespace.Namespace; n != nil {
		return n.Labels
	}
	return labels.Set{corev1.LabelMetadataName: p.Subject.Namespace}
}

// usablePools are the names of the pools that can serve, as far as is known: as
// written where the pools are not known. Nil when not even that can be told.
func (s *supply) usablePools(l *poolList) []string {
	if s.choice.Unknown {
		return nil
	}
	if len(l.candidates) == 0 {
		written := s.choice.Written(l.family)
		if slices.ContainsFunc(written, spiderpool.IsPattern) {
			return nil
		}
		return written
	}
	names := make([]string, len(l.usable))
	for n, i := range l.usable {
		names[n] = l.candidates[i].name
	}
	return names
}

// maxNamedPools is how many pools are asked about by their names; beyond that
// all are. No pod that is meant to run names as many.
const maxNamedPools = 64

// Questions are what a verdict on the pod depends on. Which pools it depends on is
// known after the pod was judged once.
func (p *Pod) Questions() Questions {
	q := p.PoolQuestions()
	q.Subnets, q.Addresses = p.flatSubnets, p.addresses()
	q.Owner, q.DefaultNamespace = p.Subject.Owner, p.config.Multus.DefaultNetworkNamespace
	return q
}

// PoolQuestions are what [Pod.Complete] depends on.
func (p *Pod) PoolQuestions() Questions {
	q := Questions{Networks: p.references}
	if p.exempt == "" {
		q.Namespace = p.Subject.Namespace
	}
	for n := range p.supplies {
		s := &p.supplies[n]
		if s.choice.Source == spiderpool.SourceDefault || s.choice.Source == spiderpool.SourceNone {
			q.EveryPool = true
		}
		for _, family := range families {
			for _, name := range s.choice.Written(family) {
				switch {
				case spiderpool.IsPattern(name) || len(q.Pools) == maxNamedPools:
					q.EveryPool = true
				case !slices.Contains(q.Pools, name):
					q.Pools = append(q.Pools, name)
				}
			}
		}
	}
	return q
}
