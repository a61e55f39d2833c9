package pod

import (
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/multus"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/spiderpool"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// Pools are the IP pools that an interface gets its addresses from.
type Pools struct {
	// IPv4 and IPv6 are the names of the pools, patterns replaced by the pools
	// that they match where these are known.
	IPv4, IPv6 []string
	// Source is where the pools are named.
	Source spiderpool.Source
}

// InterfacePools is what Spiderpool gives one interface of a pod.
type InterfacePools struct {
	Interface *Interface
	Choice    spiderpool.Choice
	Lists     [2]PoolList
}

// PoolList is the list of candidates of one family for one interface.
type PoolList struct {
	Family int
	// Named says that people wrote the names of these very pools for the pod: no
	// pattern brought them here, and no level below the pod's annotations.
	Named bool
	// Candidates are the pools in the order of the list. Of a list that is not
	// named only as many are there as it takes to know that it serves the
	// interface, and none when that takes too long to find out.
	Candidates []Candidate
	// Usable are the indices of the candidates that nothing is known against.
	Usable []int
}

// Candidate is a pool that an interface may get its address from.
type Candidate struct {
	Name string
	// Pool is nil when there is none of that name.
	Pool   *spiderpool.Pool
	Misfit spiderpool.Misfit
	// Detail continues a sentence that begins with the pool's name.
	Detail string
}

// MaxCandidates is how many pools of one list are judged. A cluster has some
// thousand pools at most, and a pod up to MaxNetworks interfaces.
const MaxCandidates = 10_000

// Families are those of an interface's lists.
var Families = [2]int{spiderpool.IPv4, spiderpool.IPv6}

// parsePools reads the Spiderpool annotations of the pod. A value beyond the limit
// counts as one that cannot be read.
func (r *Request) parsePools() {
	annotations := r.Subject.Annotations
	var tooLarge []string
	for _, key := range SpiderpoolAnnotations {
		if len(annotations[key]) > MaxAnnotationBytes {
			tooLarge = append(tooLarge, key)
		}
	}
	if len(tooLarge) > 0 {
		annotations = maps.Clone(annotations)
		for _, key := range tooLarge {
			annotations[key] = ""
		}
	}
	r.pools, r.poolFaults = spiderpool.Parse(annotations)
	for _, key := range tooLarge {
		r.poolFaults = slices.DeleteFunc(r.poolFaults, func(f spiderpool.Fault) bool { return f.Annotation == key })
		r.poolFaults = append(r.poolFaults, spiderpool.Fault{
			Problem: spiderpool.ProblemInvalid, Annotation: key, Index: -1,
			Detail: fmt.Sprintf("is too large to be checked: %d bytes", len(r.Subject.Annotations[key])),
			Want:   fmt.Sprintf("up to %d bytes", MaxAnnotationBytes),
		})
	}
}

// FromSpiderpool says whether Spiderpool gives the interface its addresses, and
// whether that is known at all.
func (v *View) FromSpiderpool(i *Interface) (yes, known bool) {
	v.read(verdict.OnNetworks)
	switch {
	case i.network == nil || i.network.NameOnly || i.network.Unusable != "":
		return false, false
	case i.network.Istio:
		return false, true
	case i.network.OnNode:
		// A file on the node that describes the cluster's own network, such as
		// Calico's, has an IPAM plugin of its own.
		return false, i.role == cniconf.RoleDefault
	default:
		return i.network.IPAM.Pools() != nil, true
	}
}

// supplyInterfaces computes which pools each interface gets, once for all rules.
func (v *View) supplyInterfaces() {
	if v.Misread() || v.Subject.Template() && v.NetworksPending() {
		return
	}
	var interfaces []spiderpool.Interface
	// Our defaults stand in for the annotation of a pod that has none and may get
	// one from us.
	mayFillIn := v.mayFillIn()
	hasDefaults := false
	for n := range v.interfaces {
		iface := &v.interfaces[n]
		if yes, _ := v.FromSpiderpool(iface); !yes {
			continue
		}
		var own config.IPPoolDefault
		if mayFillIn {
			var origin string
			own, origin = v.OwnDefault(iface)
			hasDefaults = hasDefaults || origin != ""
		}
		v.supplies = append(v.supplies, InterfacePools{Interface: iface})
		named := iface.network.IPAM.Pools()
		interfaces = append(interfaces, spiderpool.Interface{
			Name: iface.Name, Position: n, Network: v.MultusName(iface),
			IPv4Pools: named.IPv4, IPv6Pools: named.IPv6,
			ConfigIPv4: own.IPv4, ConfigIPv6: own.IPv6,
		})
	}
	if len(v.supplies) == 0 {
		return
	}
	v.choosePools(interfaces, hasDefaults)
	if !hasDefaults {
		return
	}
	if v.plan = v.planDefaults(); v.plan.Value != "" {
		return
	}
	// Nothing is filled in, so that our defaults mean nothing either.
	for n := range interfaces {
		interfaces[n].ConfigIPv4, interfaces[n].ConfigIPv6 = nil, nil
	}
	v.choosePools(interfaces, false)
}

// choosePools fills in the choice for each of the supplies. The whole lists are
// wanted where they may have to be written down.
func (v *View) choosePools(interfaces []spiderpool.Interface, whole bool) {
	world := spiderpool.World{Pools: v.facts.Pools.Index, SubnetsEnabled: v.Config.Spiderpool.Subnets}
	if v.facts.Namespace.Value != nil {
		world.Namespace = v.facts.Namespace.Value.Pools
	}
	// One annotation may name thousands of pools for all interfaces of a network at once.
	judged := map[judgedList]PoolList{}
	for n, choice := range spiderpool.Choose(v.pools, interfaces, &world) {
		s := &v.supplies[n]
		s.Choice = v.asKnown(v.withoutDisabled(choice))
		for f, family := range Families {
			key := judgedList{family: family, network: interfaces[n].Network, unknown: s.Choice.Unknown}
			if pools := s.Choice.Pools(family); len(pools) > 0 {
				key.first, key.n = &pools[0], len(pools)
			}
			l, known := judged[key]
			if !known || key.n == 0 {
				l = v.listOf(s, family, interfaces[n].Network, whole)
				judged[key] = l
			}
			s.Lists[f] = l
		}
		s.Interface.pools = &Pools{IPv4: s.Choice.IPv4, IPv6: s.Choice.IPv6, Source: v.sourceOf(s)}
	}
}

// judgedList is what the judgement on a list of pools rests on: those that begin at the same
// place and are as long are one.
type judgedList struct {
	family  int
	network spiderpool.MultusName
	unknown bool
	first   *string
	n       int
}

// withoutDisabled leaves out the lists of an IP version that is off in Spiderpool,
// which does not look at them.
func (v *View) withoutDisabled(c spiderpool.Choice) spiderpool.Choice {
	if !v.Config.Spiderpool.IPv4 {
		c.IPv4, c.WrittenIPv4 = nil, nil
	}
	if !v.Config.Spiderpool.IPv6 {
		c.IPv6, c.WrittenIPv6 = nil, nil
	}
	return c
}

// asKnown marks a choice that rests on what is not known: pools by pattern or by
// default where the pools are not known, and the levels from the namespace down
// where the namespace is not.
func (v *View) asKnown(c spiderpool.Choice) spiderpool.Choice {
	if v.facts.Namespace.Err != nil && c.Source != spiderpool.SourcePod && c.Source != spiderpool.SourceConfig {
		c.Unknown = true
	}
	if v.facts.Pools.Index != nil {
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
func (v *View) sourceOf(s *InterfacePools) spiderpool.Source {
	if source, ok := v.Subject.FilledIn[s.Interface.Name]; ok {
		return source
	}
	return s.Choice.Source
}

// MultusName is the interface's network as Spiderpool takes it. Spiderpool knows nothing
// of networks that Multus adds, so that it counts those of the annotation alone
// (selectByPod in its pkg/ipam/allocate.go): an interface that the count does not reach is
// on no network at all for it.
func (v *View) MultusName(i *Interface) spiderpool.MultusName {
	if v.added > 0 && i != &v.interfaces[0] {
		n := multus.ByPosition(v.networkElements, i.Name)
		if n < 0 {
			return spiderpool.NoNetwork
		}
		return spiderpool.MultusName{Namespace: v.networkElements[n].Namespace, Name: v.networkElements[n].Name}
	}
	name := spiderpool.MultusName{Namespace: i.Reference.Namespace, Name: i.Reference.Name}
	if i.Annotation == multus.DefaultNetworkAnnotation && !i.Element.NamespaceGiven {
		name.Namespace = v.Config.Spiderpool.Namespace
	}
	return name
}

// listOf judges the candidates of one family: the whole list, or as much of it as
// rules need.
func (v *View) listOf(s *InterfacePools, family int, network spiderpool.MultusName, whole bool) PoolList {
	l := PoolList{Family: family}
	pools := v.facts.Pools.Index
	if s.Choice.Unknown || pools == nil {
		return l
	}
	l.Named = s.Choice.Source == spiderpool.SourcePod && !slices.ContainsFunc(s.Choice.Written(family), spiderpool.IsPattern)
	request := v.PoolRequest(family, network)
	room := false
	for n, name := range s.Choice.Pools(family) {
		if n == MaxCandidates {
			return PoolList{Family: family}
		}
		c := Candidate{Name: name, Pool: pools.Pool(name)}
		c.Misfit, c.Detail = c.Pool.Misfit(request)
		if c.Misfit == spiderpool.MisfitNone {
			l.Usable = append(l.Usable, len(l.Candidates))
			room = room || !c.Pool.Exhausted()
		}
		l.Candidates = append(l.Candidates, c)
		// Of pools that nobody named, two that can serve, one of them with room,
		// are all that matters: the rest need not be looked at, however many
		// there are.
		if !l.Named && !whole && len(l.Usable) > 1 && room {
			break
		}
	}
	return l
}

// PoolRequest is an interface of the pod as pools judge it.
func (v *View) PoolRequest(family int, network spiderpool.MultusName) *spiderpool.Request {
	v.read(verdict.OnNamespace)
	r := &spiderpool.Request{
		Family:              family,
		Network:             network,
		Namespace:           v.Subject.Namespace,
		PodLabels:           v.Subject.Labels,
		Template:            v.Subject.Template(),
		SpiderpoolNamespace: v.Config.Spiderpool.Namespace,
	}
	if n := v.facts.Namespace.Value; n != nil {
		r.NamespaceLabels = n.Labels
	}
	return r
}

// OwnDefault is what this program gives an interface whose pod names no pools: the
// network's annotation, else the first entry of the configuration that matches.
// The origin names which of them, for messages; it is empty when there is none.
func (v *View) OwnDefault(i *Interface) (pools config.IPPoolDefault, origin string) {
	v.read(verdict.OnNetworks | verdict.OnNamespace)
	if own := i.network.DefaultPools; own != nil {
		return config.IPPoolDefault{IPv4: own.IPv4, IPv6: own.IPv6}, "the annotation of network " + i.Label()
	}
	var namespace labels.Set
	for n := range v.Config.IPPoolDefaults {
		entry := &v.Config.IPPoolDefaults[n]
		if namespace == nil {
			namespace = v.namespaceLabels()
		}
		if entry.Matches(i.Reference.String(), namespace) {
			return *entry, fmt.Sprintf("ippoolDefaults[%d] of the PolicyConfig", n)
		}
	}
	return config.IPPoolDefault{}, ""
}

// namespaceLabels are those of the pod's namespace, as far as they are known: the
// API server gives every namespace its name as a label.
func (v *View) namespaceLabels() labels.Set {
	v.read(verdict.OnNamespace)
	if n := v.facts.Namespace.Value; n != nil {
		return n.Labels
	}
	return labels.Set{corev1.LabelMetadataName: v.Subject.Namespace}
}

// usablePools are the names of the pools that can serve, as far as is known: as
// written where the pools are not known. Nil when not even that can be told.
func (s *InterfacePools) usablePools(l *PoolList) []string {
	if s.Choice.Unknown {
		return nil
	}
	if len(l.Candidates) == 0 {
		written := s.Choice.Written(l.Family)
		if slices.ContainsFunc(written, spiderpool.IsPattern) {
			return nil
		}
		return written
	}
	names := make([]string, len(l.Usable))
	for n, i := range l.Usable {
		names[n] = l.Candidates[i].Name
	}
	return names
}

// Supplies are what Spiderpool gives the interfaces that get their addresses from it, in
// the order of the interfaces.
func (v *View) Supplies() []InterfacePools {
	v.read(onSupply)
	return v.supplies
}

// Pool is what is known of the pool of a name, nil for none.
func (v *View) Pool(name string) *spiderpool.Pool {
	v.read(verdict.OnPools)
	return v.facts.Pools.Index.Pool(name)
}

// PoolNames are the names of all pools of a family that are known, in their order.
func (v *View) PoolNames(family int) []string {
	v.read(verdict.OnPools)
	return v.facts.Pools.Index.Names(family)
}

// MaxNamedPools is how many pools are asked about by their names; beyond that
// all are. No pod that is meant to run names as many.
const MaxNamedPools = 64

// Questions are what a verdict on the pod depends on, as far as its annotations tell. Which
// pools that are is known from a view ([View.Unconfirmed]).
func (r *Request) Questions() Questions {
	q := r.CompletionQuestions()
	q.Subnets, q.Addresses = r.flatSubnets, r.distinctAddresses()
	q.Owner, q.DefaultNamespace = r.Subject.Owner, r.Config.Multus.DefaultNetworkNamespace
	return q
}

// CompletionQuestions are what [View.Completed] depends on.
func (r *Request) CompletionQuestions() Questions {
	q := Questions{Networks: r.references}
	if r.exempt == "" {
		q.Namespace = r.Subject.Namespace
	}
	if r.ownNetworkUnsaid() {
		q.SpiderpoolNamespace = r.Config.Spiderpool.Namespace
	}
	return q
}

// UsedPools are the names of the pools that the interfaces may get, each once, and whether
// it matters which pools there are besides.
func (v *View) UsedPools() (names []string, every bool) {
	v.read(onSupply)
	for n := range v.supplies {
		s := &v.supplies[n]
		if s.Choice.Source == spiderpool.SourceDefault || s.Choice.Source == spiderpool.SourceNone {
			every = true
		}
		for _, family := range Families {
			for _, name := range s.Choice.Written(family) {
				switch {
				case spiderpool.IsPattern(name) || len(names) == MaxNamedPools:
					every = true
				case !slices.Contains(names, name):
					names = append(names, name)
				}
			}
		}
	}
	return names, every
}
