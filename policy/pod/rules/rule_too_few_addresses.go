package rules

import (
	"fmt"
	"slices"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/flatnetwork"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
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
			found.Add(short <= 0 || l.ignored || l.given != nil, func() verdict.Finding {
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
func OnScale(rule string) bool {
	return rule == ruleTooFewAddressesID || rule == ruleAddressesRunningOutID
}

// fixedList is a list that each pod of a workload takes an address from.
type fixedList struct {
	name  string
	count int
	// field is the key of an interface's address, "ips" or "mac"; empty for a list of the
	// flat network.
	field string
	// given is the address of an interface that its network gives every pod; nil for one that
	// is asked for.
	given *pod.RequestedAddress
	// same says that each pod asks for all of it: it serves one, whatever its length.
	same bool
	// ignored says that some versions of the controller ignore the list.
	ignored bool
	// at is a finding at the list.
	at verdict.Finding
}

// has says how many pods the list serves, as the beginning of a sentence.
func (l *fixedList) has() string {
	switch {
	case l.given != nil:
		return l.name
	case l.same:
		return "all pods would get the same " + l.name
	case l.count == 1:
		return l.name + " is one address"
	default:
		return fmt.Sprintf("%s has %d addresses", l.name, l.count)
	}
}

// choose advises to have the addresses chosen.
func (l *fixedList) choose() string {
	if l.given != nil {
		return "use a network that gives each pod " + another(l.given)
	}
	if l.field != "" {
		return fmt.Sprintf("remove %q so that one is chosen for each pod", l.field)
	}
	return "let the controller choose the addresses"
}

// more advises to fix more addresses, as far as the limit of pairs allows it, or else
// the other way out.
func (l *fixedList) more(short, limit int, other string) string {
	if l.count+short > limit {
		return other
	}
	return fmt.Sprintf("fix %d more, or %s", short, other)
}

// shortage says that a workload has more pods than addresses. At most limit may be fixed.
func shortage(s *pod.Subject, l *fixedList, limit int) (message, remedy string) {
	const stopFirst = "set strategy.type: Recreate, or maxSurge: 0"
	scale := &s.Scale
	short := scale.Pods - l.count
	switch {
	case scale.PerNode && l.same:
		return l.has() + ", and a DaemonSet has a pod on each node", l.choose() + ", or select one node"
	case scale.PerNode:
		return l.has() + ", and a DaemonSet has a pod on each node: those without an address wait forever",
			l.choose() + ", or select as many nodes as there are addresses"
	case short > 0 && l.same:
		return fmt.Sprintf("%s, and the %s has %d pods at once", l.has(), s.Kind, scale.Pods), l.choose() + ", or run one pod only"
	case short > 0:
		waits := "one waits forever"
		if short > 1 {
			waits = fmt.Sprintf("%d wait forever", short)
		}
		return fmt.Sprintf("%s, and the %s has %d pods at once: %s", l.has(), s.Kind, scale.Pods, waits),
			l.more(short, limit, fmt.Sprintf("run at most %d, or split the workload", l.count))
	case l.same:
		return fmt.Sprintf("%s, and a rolling update of the %s runs up to %s (maxSurge)", l.has(), s.Kind, extra(scale.Surge)), stopFirst
	default:
		return fmt.Sprintf("%s, enough for the replicas of the %s (%d), but a rolling update runs up to %s (maxSurge), which wait until old ones are gone", l.has(), s.Kind, scale.Pods, extra(scale.Surge)),
			l.more(short+scale.Surge, limit, stopFirst)
	}
}

// extra counts the pods that an update adds.
func extra(pods int) string {
	if pods == 1 {
		return "1 extra pod"
	}
	return fmt.Sprintf("%d extra pods", pods)
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
	// asked are the interfaces with a list.
	var asked []*pod.Interface
	for n := range p.Addresses() {
		w := &p.Addresses()[n]
		i := p.InterfaceOf(w)
		if i == nil || len(asked) > 0 && asked[len(asked)-1] == i || !p.Fixes(w) {
			continue
		}
		lists = append(lists, fixedList{name: kindOf(w) + " on interface " + quote.Value(i.Name), field: w.Field, count: 1, same: true, at: p.AtAddress(w)})
		asked = append(asked, i)
	}
	for n := range p.GivenAddresses() {
		w := &p.GivenAddresses()[n]
		i := p.InterfaceOf(w)
		if slices.Contains(asked, i) || !p.Fixes(w) {
			continue
		}
		asked = append(asked, i)
		name := "network " + i.Label() + " gives all pods the same " + kindOf(w) + " " + quote.Value(w.Text)
		lists = append(lists, fixedList{name: name, given: w, count: 1, same: true, at: p.AtAddress(w)})
	}
	return lists
}
