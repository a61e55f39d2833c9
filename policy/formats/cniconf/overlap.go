package cniconf

import (
	"cmp"
	"net/netip"
	"slices"
	"sort"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf/ipam"
)

// AddressSet holds the addresses that a network hands out by itself, to be compared with those of others.
type AddressSet struct {
	// spans are apart from each other and in order; IPv4 comes first.
	spans  []ipam.Span
	plugin ipam.Plugin
}

// AddressSet is empty for networks whose addresses come from elsewhere, and for
// those whose addresses cannot be read.
func (n *Network) AddressSet() AddressSet {
	if n.IPAM.Fault() != "" {
		return AddressSet{}
	}
	a := AddressSet{spans: slices.Clone(n.IPAM.Spans()), plugin: n.IPAM}
	slices.SortFunc(a.spans, func(x, y ipam.Span) int { return cmp.Or(x.First.Compare(y.First), x.Last.Compare(y.Last)) })
	apart := a.spans[:0]
	for _, s := range a.spans {
		if last := len(apart) - 1; last >= 0 && !apart[last].Last.Less(s.First) {
			if apart[last].Last.Less(s.Last) {
				apart[last].Last = s.Last
			}
			continue
		}
		apart = append(apart, s)
	}
	a.spans = apart
	return a
}

// Empty says whether there are no addresses to compare.
func (a *AddressSet) Empty() bool { return len(a.spans) == 0 }

// Overlap is a range of addresses that another network hands out too. Two networks
// that share what they hand out do not: the plugin sees what it has given for either.
func (a *AddressSet) Overlap(other *Network) (first, last netip.Addr, found bool) {
	if len(a.spans) == 0 || other.IPAM.Fault() != "" || a.plugin.Shares(other.IPAM) {
		return first, last, false
	}
	for _, s := range other.IPAM.Spans() {
		i := sort.Search(len(a.spans), func(i int) bool { return !a.spans[i].Last.Less(s.First) })
		if i < len(a.spans) && !s.Last.Less(a.spans[i].First) {
			return later(s.First, a.spans[i].First), earlier(s.Last, a.spans[i].Last), true
		}
	}
	return first, last, false
}

func later(a, b netip.Addr) netip.Addr {
	if a.Less(b) {
		return b
	}
	return a
}

func earlier(a, b netip.Addr) netip.Addr {
	if b.Less(a) {
		return b
	}
	return a
}
