package rules

import (
	"fmt"

	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// A warning, not a denial: pods beyond the addresses of a network's own range wait until others
// are gone, and the range may be made larger while they wait. What other workloads have of the
// range is not counted.
var ruleAddressesRunningOut = pod.Rule{
	ID:      ruleAddressesRunningOutID,
	Default: verdict.Warn,
	Check: func(p *pod.View) []verdict.Finding {
		scale := &p.Subject.Scale
		if scale.Pods == 0 {
			return nil
		}
		var found verdict.Collector
		for n := range p.Interfaces() {
			i := &p.Interfaces()[n]
			if i.Network() == nil {
				continue
			}
			room := i.Network().Room()
			if room < 0 {
				continue
			}
			interfaces, asked := onNetwork(p, i)
			short := scale.Pods*interfaces - room
			if !asked || short+scale.Surge*interfaces <= 0 {
				continue
			}
			found.Add(short <= 0, func() verdict.Finding {
				f := atInterface(p, i)
				f.Message, f.Remedy = tooLittleRoom(p.Subject, i, room, interfaces)
				f.Shortfall = max(short, 0)
				return f
			})
		}
		return found.List()
	},
}

// onNetwork is how many interfaces each pod has on the network of one of them, and whether that
// one is the first for which the network was not added to every pod: so a network is judged
// once, and not at all where every pod has it, about which nobody can do anything here.
func onNetwork(p *pod.View, of *pod.Interface) (count int, asked bool) {
	first := true
	for n := range p.Interfaces() {
		i := &p.Interfaces()[n]
		if i.Network() != of.Network() {
			continue
		}
		count++
		if !i.Added {
			asked = asked || first && i == of
			first = false
		}
	}
	return count, asked
}

const ruleAddressesRunningOutID = "addresses-running-out"

// tooLittleRoom says that pods need more addresses than a network has.
func tooLittleRoom(s *pod.Subject, i *pod.Interface, room, interfaces int) (message, remedy string) {
	message = fmt.Sprintf("network %s has %d addresses to give", i.Label(), room)
	if room == 1 {
		message = fmt.Sprintf("network %s has one address to give", i.Label())
	}
	remedy = "give the network a larger range"
	most := room / interfaces
	switch {
	case most == 0:
		message += fmt.Sprintf(", and each pod has %d interfaces on it", interfaces)
	case s.Scale.Pods > most:
		message += fmt.Sprintf(", and the %s has %d pods at once: only %d of them get one", s.Kind, s.Scale.Pods, most)
		if interfaces > 1 {
			message += fmt.Sprintf(" for each of their %d interfaces on it", interfaces)
		}
		remedy += fmt.Sprintf(", or run at most %d", most)
	default:
		message += fmt.Sprintf(", enough for the replicas of the %s (%d), but a rolling update runs up to %s (maxSurge), which cannot start before old ones are gone",
			s.Kind, s.Scale.Pods, extra(s.Scale.Surge))
		remedy += ", or set strategy.type: Recreate, or maxSurge: 0"
	}
	return message, remedy
}
