package rules

import (
	"fmt"

	"github.com/macvlan-webhook/macvlan-webhook/policy/flatnetwork"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// No tool compares the two: the pods beyond the addresses wait with the event "No enough
// ip resouce in subnet" (V1) or "no available IP address from addrs" (V2).
var ruleTooFewAddresses = pod.Rule{
	ID:      ruleTooFewAddressesID,
	Default: verdict.Deny,
	Check: func(p *pod.View) []verdict.Finding {
		s := p.Subject
		if !s.Template() || !s.Scale.PerNode && s.Scale.Pods == 0 {
			return nil
		}
		var found verdict.Collector
		for _, l := range fixedLists(p) {
			short := s.Scale.Pods - l.count
			if !s.Scale.PerNode && short+s.Scale.Surge <= 0 {
				continue
			}
			found.Add(short <= 0 || l.ignored, func() verdict.Finding {
				f := l.at
				f.Message, f.Remedy = shortage(s, &l, p.Config.Limits.AddressPairs)
				f.Shortfall = max(short, 0)
				return f
			})
		}
		return found.List()
	},
}

const ruleTooFewAddressesID = "too-few-addresses"

// OnScale says whether what a rule finds depends on the number of pods.
func OnScale(rule string) bool { return rule == ruleTooFewAddressesID }

// fixedList is a list that each pod of a workload takes an address from.
type fixedList struct {
	name  string
	count int
	// same says that each pod asks for all of it: it serves one, whatever its length.
	same bool
	// ignored says that some versions of the controller pass over the list.
	ignored bool
	// at is a finding at the list.
	at verdict.Finding
}

// has says how many pods the list serves, as the beginning of a sentence.
func (l *fixedList) has() string {
	switch {
	case l.same:
		return l.name + " is the same for each pod"
	case l.count == 1:
		return l.name + " is one address"
	default:
		return fmt.Sprintf("%s has %d addresses", l.name, l.count)
	}
}

// more advises to fix more addresses, as far as the limit of pairs lets it, or else
// something other.
func (l *fixedList) more(short, limit int, other string) string {
	if l.count+short > limit {
		return other
	}
	return fmt.Sprintf("fix %d more, or %s", short, other)
}

// shortage says that a workload has more pods than addresses. At most limit may be fixed.
func shortage(s *pod.Subject, l *fixedList, limit int) (message, remedy string) {
	const stopFirst = "let an update stop pods before it starts others: strategy.type Recreate, or maxSurge 0"
	scale := &s.Scale
	short := scale.Pods - l.count
	switch {
	case scale.PerNode && l.same:
		return l.has() + ", and a DaemonSet has a pod on each node", "let the addresses be chosen, or select one node"
	case scale.PerNode:
		return l.has() + ", and a DaemonSet has a pod on each node, of which those beyond the addresses wait for ever",
			"let the addresses be chosen, or select as many nodes as there are addresses"
	case short > 0 && l.same:
		return fmt.Sprintf("%s, and the %s has %d at once", l.has(), s.Kind, scale.Pods), "let the addresses be chosen, or ask for one pod"
	case short > 0:
		waits := "one waits for ever"
		if short > 1 {
			waits = fmt.Sprintf("%d wait for ever", short)
		}
		return fmt.Sprintf("%s, and the %s has %d pods at once: %s", l.has(), s.Kind, scale.Pods, waits),
			l.more(short, limit, fmt.Sprintf("ask for at most %d, or split the workload", l.count))
	case l.same:
		return fmt.Sprintf("%s, and an update of the %s adds up to %d beside the old one (maxSurge)", l.has(), s.Kind, scale.Surge), stopFirst
	default:
		return fmt.Sprintf("%s, enough for the replicas of the %s (%d), but an update adds up to %d (maxSurge), which wait for old ones to go", l.has(), s.Kind, scale.Pods, scale.Surge),
			l.more(short+scale.Surge, limit, stopFirst)
	}
}

// fixedLists are the lists that limit how many pods there can be. Of the two of a flat
// network it is the shorter one, of an interface the first address.
func fixedLists(p *pod.View) []fixedList {
	var lists []fixedList
	for r := range p.FlatRequests {
		if r.Unattached() {
			continue
		}
		shortest := fixedList{}
		for _, list := range []*flatnetwork.List{&r.IPs, &r.MACs} {
			// How many are meant by a list that cannot be read, nobody knows.
			if n := len(list.Entries); n > 0 && !r.Unreadable(list) && (shortest.count == 0 || n < shortest.count) {
				shortest = fixedList{name: list.Annotation, count: n, ignored: r.Ignores(list), at: verdict.Finding{Place: object.AtAnnotation(list.Annotation, 0)}}
			}
		}
		if shortest.count > 0 {
			lists = append(lists, shortest)
		}
	}
	var before *pod.Interface
	for n := range p.Addresses() {
		w := &p.Addresses()[n]
		i := p.InterfaceOf(w)
		if i == nil || i == before || !p.Fixes(w) {
			continue
		}
		before = i
		lists = append(lists, fixedList{name: w.Field + " of interface " + quote.Value(i.Name), count: 1, same: true, at: p.AtAddress(w)})
	}
	return lists
}
