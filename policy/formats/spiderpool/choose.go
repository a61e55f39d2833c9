package spiderpool

import "slices"

// Source is the level of Spiderpool's order at which pools were found.
type Source string

// The levels, strongest first. Each one replaces all below it, in both
// families: pools of two levels are never mixed for one interface.
const (
	// SourcePod: an annotation of the pod.
	SourcePod Source = "pod"
	// SourceConfig: this program's own default for the network, which becomes
	// an annotation of the pod.
	SourceConfig Source = "config"
	// SourceNamespace: an annotation of the pod's namespace.
	SourceNamespace Source = "namespace"
	// SourceNetwork: the network's CNI configuration.
	SourceNetwork Source = "network"
	// SourceDefault: the pools with spec.default.
	SourceDefault Source = "default"
	// SourceNone: no level has a pool, and the pod fails.
	SourceNone Source = "none"
)

// Interface is an interface of a pod whose addresses come from Spiderpool.
type Interface struct {
	// Name inside the pod.
	Name string
	// Position is 0 for the pod's first interface, i for that of its i-th
	// further network. Networks without Spiderpool count.
	Position int
	// Network is the interface's network as Spiderpool takes it, see
	// [Request.Network].
	Network MultusName
	// IPv4Pools and IPv6Pools are default_ipv4_ippool and default_ipv6_ippool of
	// the network's CNI configuration.
	IPv4Pools, IPv6Pools []string
	// ConfigIPv4 and ConfigIPv6 are this program's own defaults for the
	// network. They stand in for the pod's annotation where it has none.
	ConfigIPv4, ConfigIPv6 []string
}

// World is what [Choose] knows beside the pod.
type World struct {
	// Pools are those of the cluster. Without any, patterns match nothing and
	// there are no default pools.
	Pools *Index
	// Namespace is what the pod's namespace says.
	Namespace NamespacePools
	// SubnetsEnabled says that the SpiderSubnet feature is on. Where it is off,
	// Spiderpool ignores the subnet annotations.
	SubnetsEnabled bool
}

// Choice is which pools an interface gets.
type Choice struct {
	Source Source
	// IPv4 and IPv6 are the pools, in the order of the list that names them,
	// patterns replaced by the pools that they match. A pool may stand there
	// twice ([Choice.Repeated]), or not exist.
	IPv4, IPv6 []string
	// WrittenIPv4 and WrittenIPv6 are the lists as they were written, nil for
	// SourceDefault.
	WrittenIPv4, WrittenIPv6 []string
	// Element is the index of the element of [PoolsAnnotation] that is for this
	// interface; -1 for none, and where that annotation does not decide.
	Element int
	// Unknown says that the pools cannot be told: an annotation at this level
	// cannot be read, Spiderpool makes them of a SpiderSubnet, or there are more
	// patterns than are looked at. The lists are then those that can be told.
	Unknown bool
	// TooMany says that it is Unknown because there are more patterns than are
	// looked at.
	TooMany bool
}

// Pools are the pools of a family.
func (c *Choice) Pools(family int) []string {
	if family == IPv6 {
		return c.IPv6
	}
	return c.IPv4
}

// Written is the list of a family as it was written.
func (c *Choice) Written(family int) []string {
	if family == IPv6 {
		return c.WrittenIPv6
	}
	return c.WrittenIPv4
}

// Empty says that the interface gets no address: no pool of either family is
// left after Spiderpool stopped at this level. It is "no Interface ... IP
// allocation found" on the node.
func (c *Choice) Empty() bool { return !c.Unknown && len(c.IPv4) == 0 && len(c.IPv6) == 0 }

// Repeated is a pool that stands twice in the list of a family, "" for none.
// Spiderpool refuses it, also where a pattern brought it there.
func (c *Choice) Repeated(family int) string {
	pools := c.Pools(family)
	if len(pools) < 2 {
		return ""
	}
	seen := make(map[string]bool, len(pools))
	for _, p := range pools {
		if seen[p] {
			return p
		}
		seen[p] = true
	}
	return ""
}

// WrittenAs is the index in [Choice.Written] of the name or the pattern that
// brought a pool into the list, -1 for none.
func (c *Choice) WrittenAs(family int, pool string) int {
	written := c.Written(family)
	if i := slices.Index(written, pool); i >= 0 {
		return i
	}
	return slices.IndexFunc(written, func(w string) bool {
		return IsPattern(w) && matches(w, pool)
	})
}

// Choose says which pools the interfaces of a pod get (getPoolCandidates in
// pkg/ipam/pool_selections.go): one choice for each, in their order.
func Choose(pod *Annotations, interfaces []Interface, world *World) []Choice {
	choices := make([]Choice, len(interfaces))
	var before Choice
	e := expansion{pools: world.Pools, left: maxMatches}
	for i := range interfaces {
		c := choose(pod, &interfaces[i], world)
		if c.Source != SourceDefault && c.Source != SourceNone {
			e.after(&before, &c, IPv4)
			e.after(&before, &c, IPv6)
		}
		choices[i], before = c, c
	}
	return choices
}

// after replaces the patterns of a choice by what they match. It saves the work
// where the list is the very one of the interface before: PoolAnnotation and the
// namespace give all interfaces the same.
func (e *expansion) after(before, c *Choice, family int) {
	into := &c.IPv4
	if family == IPv6 {
		into = &c.IPv6
	}
	written, same := c.Written(family), before.Written(family)
	if len(written) > 0 && len(written) == len(same) && &written[0] == &same[0] {
		*into, c.TooMany = before.Pools(family), c.TooMany || before.TooMany
	} else {
		pools, complete := e.expand(written, family)
		*into, c.TooMany = pools, c.TooMany || !complete
	}
	c.Unknown = c.Unknown || c.TooMany
}

// choose finds the level at which an interface's pools are named.
func choose(pod *Annotations, iface *Interface, world *World) Choice {
	c := Choice{Element: -1}
	switch {
	case pod.Reads(SubnetsAnnotation, world.SubnetsEnabled) || pod.Reads(SubnetAnnotation, world.SubnetsEnabled):
		c.Source, c.Unknown = SourcePod, true
	case pod.HasPools:
		c.Source = SourcePod
		c.Element = pod.element(iface)
		if c.Element >= 0 {
			c.take(&pod.Pools[c.Element])
		} else {
			c.Unknown = pod.unclear || len(pod.Pools) == 0
		}
	case pod.HasPool:
		c.Source = SourcePod
		c.Unknown = pod.Pool == nil
		if pod.Pool != nil {
			c.take(pod.Pool)
		}
	case len(iface.ConfigIPv4) > 0 || len(iface.ConfigIPv6) > 0:
		c.Source, c.WrittenIPv4, c.WrittenIPv6 = SourceConfig, iface.ConfigIPv4, iface.ConfigIPv6
	case world.Namespace.Unreadable:
		c.Source, c.Unknown = SourceNamespace, true
		c.WrittenIPv4, c.WrittenIPv6 = world.Namespace.IPv4, world.Namespace.IPv6
	case len(world.Namespace.IPv4) > 0 || len(world.Namespace.IPv6) > 0:
		c.Source, c.WrittenIPv4, c.WrittenIPv6 = SourceNamespace, world.Namespace.IPv4, world.Namespace.IPv6
	case len(iface.IPv4Pools) > 0 || len(iface.IPv6Pools) > 0:
		c.Source, c.WrittenIPv4, c.WrittenIPv6 = SourceNetwork, iface.IPv4Pools, iface.IPv6Pools
	default:
		c.Source, c.IPv4, c.IPv6 = SourceDefault, world.Pools.Defaults(IPv4), world.Pools.Defaults(IPv6)
		if c.Empty() {
			c.Source = SourceNone
		}
	}
	return c
}

func (c *Choice) take(s *Selection) {
	c.WrittenIPv4, c.WrittenIPv6 = s.IPv4, s.IPv6
	c.Unknown = s.broken != 0
}

// element is the index of the element of [PoolsAnnotation] for an interface.
func (a *Annotations) element(iface *Interface) int {
	if a.Named {
		return slices.IndexFunc(a.Pools, func(s Selection) bool { return s.Interface == iface.Name })
	}
	if iface.Position < len(a.Pools) {
		return iface.Position
	}
	return -1
}
