package cniconf

import (
	"cmp"
	"net/netip"
	"path"
	"slices"
	"sort"
)

// storeFolder is where host-local notes the addresses that it has handed out on a
// node, in a folder of the network's name (backend/disk of the plugin).
const storeFolder = "/var/lib/cni/networks"

// AddressSet holds the addresses that a network hands out by itself (host-local,
// static), to be compared with those of others.
type AddressSet struct {
	// spans are apart from each other and in order; IPv4 comes first.
	spans []span
	store string
}

// AddressSet is empty for networks whose addresses come from elsewhere, and for
// those whose addresses cannot be read.
func (n *Network) AddressSet() AddressSet {
	if n.IPAM.Fault != "" {
		return AddressSet{}
	}
	a := AddressSet{spans: n.IPAM.spans(), store: n.IPAM.Store}
	slices.SortFunc(a.spans, func(x, y span) int { return cmp.Or(x.first.Compare(y.first), x.last.Compare(y.last)) })
	apart := a.spans[:0]
	for _, s := range a.spans {
		if last := len(apart) - 1; last >= 0 && !apart[last].last.Less(s.first) {
			if apart[last].last.Less(s.last) {
				apart[last].last = s.last
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
// of host-local with the same store do not: the plugin sees what it has handed out
// for either.
func (a *AddressSet) Overlap(other *Network) (first, last netip.Addr, found bool) {
	if len(a.spans) == 0 || other.IPAM.Fault != "" || a.store != "" && a.store == other.IPAM.Store {
		return first, last, false
	}
	for _, s := range other.IPAM.spans() {
		i := sort.Search(len(a.spans), func(i int) bool { return !a.spans[i].last.Less(s.first) })
		if i < len(a.spans) && !s.last.Less(a.spans[i].first) {
			return later(s.first, a.spans[i].first), earlier(s.last, a.spans[i].last), true
		}
	}
	return first, last, false
}

// spans are the addresses in no order.
func (ipam *IPAM) spans() []span {
	var spans []span
	for _, set := range ipam.Ranges {
		for _, r := range set {
			if s, fault := r.span(); fault == "" {
				spans = append(spans, s)
			}
		}
	}
	for _, a := range ipam.Addresses {
		spans = append(spans, span{first: a.Prefix.Addr(), last: a.Prefix.Addr()})
	}
	return spans
}

// storeOf is where host-local notes what it has handed out for a network.
func storeOf(folder, network string) string { return path.Join(cmp.Or(folder, storeFolder), network) }

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
