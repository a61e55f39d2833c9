package ipam

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
)

// Take is what one attachment of a pod takes of an IPAM plugin.
type Take struct {
	Plugin Plugin
	Asked  Request
}

// Shortage says for which of a pod's attachments, in their order, there is certainly no address
// left, because those before it have taken them all: on a node where nobody else has any. The
// text is a clause about the plugin; index is -1 where there is enough.
//
// Attachments share what host-local has where they share its store and its ranges. Each takes
// one address of every set of them, and none is its gateway (backend/allocator/allocator.go).
func Shortage(takes []Take) (index int, text string) {
	index = -1
	for first := range takes {
		p, ok := takes[first].Plugin.(*hostLocal)
		if !ok || p.many() || slices.ContainsFunc(takes[:first], func(t Take) bool { return p.shares(t.Plugin) }) {
			continue
		}
		for set := range p.ranges {
			if at, why := p.shortOf(set, takes, first); at >= 0 && (index < 0 || at < index) {
				index, text = at, why
			}
		}
	}
	return index, text
}

// shares says that another plugin takes the same addresses from the same store.
func (p *hostLocal) shares(other Plugin) bool {
	o, ok := other.(*hostLocal)
	return ok && (o == p || o.store == p.store && slices.EqualFunc(o.ranges, p.ranges, slices.Equal[[]hostLocalRange]))
}

// shortOf is the shortage of one set of ranges, of which takes from the first on may take. What
// two ask for alike is counted once: that they both ask for it is another fault.
func (p *hostLocal) shortOf(set int, takes []Take, first int) (index int, text string) {
	room := p.room(set, len(takes))
	if room < 0 {
		return -1, ""
	}
	asked := map[netip.Addr]bool{}
	taken := 0
	for n := first; n < len(takes); n++ {
		if !p.shares(takes[n].Plugin) {
			continue
		}
		if ip := p.askedOf(set, &takes[n].Asked); ip.IsValid() {
			if asked[ip] {
				continue
			}
			asked[ip] = true
		}
		if taken++; taken > room {
			addresses := "one address"
			if room != 1 {
				addresses = fmt.Sprintf("%d addresses", room)
			}
			return n, "host-local has " + addresses + " to give from " + quote.Some(p.ranges[set], mostRanges, hostLocalRange.text)
		}
	}
	return -1, ""
}

// askedOf is the address that is asked for of a set; the zero Addr where the plugin chooses.
func (p *hostLocal) askedOf(set int, r *Request) netip.Addr {
	for _, list := range [][]Asked{r.IPs, r.Args, r.Runtime} {
		for _, a := range list {
			if at, in := p.rangeOf(a.Addr); in != nil && at == set {
				return a.Addr
			}
		}
	}
	return netip.Addr{}
}

// room is how many addresses a set has to give, counted up to enough; -1 where there are as
// many, and where that is not known.
func (p *hostLocal) room(set, enough int) int {
	room := 0
	for i := range p.ranges[set] {
		r := &p.ranges[set][i]
		ip, last := r.bounds()
		if last.Less(ip) {
			return -1 // up to 1.9.1 it goes on behind the subnet
		}
		for ; ip.IsValid() && !last.Less(ip); ip = ip.Next() {
			if ip == r.gateway() {
				continue
			}
			if room++; room >= enough {
				return -1
			}
		}
	}
	return room
}
