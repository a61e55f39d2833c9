package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/flatnetwork"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/multus"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// The first design of Rancher's macvlan kept the lists in labels, which it took to have
// 253 characters: 14 MAC addresses with 13 separators are 251. Labels have 63, and the
// lists have long been in annotations, but the documentation still promises 14.
var ruleTooManyAddressPairs = pod.Rule{
	ID:      "too-many-address-pairs",
	Default: verdict.Deny,
	Check: func(p *pod.View) []verdict.Finding {
		limit := p.Config.Limits.AddressPairs
		total, read, where := 0, 0, verdict.Finding{}
		var names []string
		counts := map[string]int{}
		sources := pairSources(p)
		chosen := slices.ContainsFunc(sources, func(s pairSource) bool { return s.mac != nil })
		if sum(sources) > limit {
			sources = slices.DeleteFunc(sources, func(s pairSource) bool { return s.mac != nil && ofMACPool(p, s.mac) })
		}
		for _, s := range sources {
			// The first one too many is where the finding stands.
			if total <= limit && total+s.count > limit {
				where = s.at(limit - total)
			}
			total += s.count
			if !s.inert {
				read += s.count
			}
			if counts[s.name] == 0 {
				names = append(names, s.name)
			}
			counts[s.name] += s.count
		}
		if total <= limit {
			return nil
		}
		var parts []string
		for _, name := range names {
			parts = append(parts, fmt.Sprintf("%d in %s", counts[name], name))
		}
		subject := p.Subject.Kind
		if !p.Subject.Template() {
			subject = "pod"
		}
		where.Message = fmt.Sprintf("the %s fixes %d IP/MAC pairs (%s), and at most %d are allowed (limits.addressPairs; see docs/addresses.md)",
			subject, total, strings.Join(parts, ", "), limit)
		addresses := "1 address"
		if limit > 1 {
			addresses = fmt.Sprintf("%d addresses", limit)
		}
		where.Remedy = fmt.Sprintf("fix at most %s, or split the workload; the platform team may raise limits.addressPairs", addresses)
		if chosen && !p.Subject.Template() {
			where.Remedy += "; where a MAC pool filled in the mac of the networks, the label " + macPoolLabel + `: allocate of the namespace says so, and they do not count`
		}
		// Those that nobody reads do no harm.
		where.Softened = read <= limit
		return []verdict.Finding{where}
	},
}

// pairSource is a list of addresses, as many as IP/MAC pairs are counted in it.
type pairSource struct {
	name  string
	count int
	// inert says that nobody reads the list.
	inert bool
	// mac is the interface that asks for a mac and for nothing else; nil for any other source.
	mac *pod.Interface
	// at is a finding at the n-th pair, from 0.
	at func(n int) verdict.Finding
}

func sum(sources []pairSource) int {
	total := 0
	for _, s := range sources {
		total += s.count
	}
	return total
}

// macPoolLabel of a namespace says that KubeMacPool fills in a mac for each network of its pods
// (doc/opt-modes.md of k8snetworkplumbingwg/kubemacpool).
const macPoolLabel = "mutatepods.kubemacpool.io"

// ofMACPool says whether a MAC pool, rather than the author, may have written the mac of a pod's
// interface: the namespace says so, or its element has "cni-args" of null, as KubeMacPool writes
// each element anew (AllocatePodMac in pkg/pool-manager/pod_pool.go) and nobody by hand. It fills
// in pods when they are made, and no templates.
func ofMACPool(p *pod.View, i *pod.Interface) bool {
	if p.Subject.Template() || i.Annotation != multus.NetworksAnnotation {
		return false
	}
	if n := p.Namespace(); n != nil && n.Labels[macPoolLabel] == "allocate" {
		return true
	}
	value := p.Subject.Annotations[i.Annotation]
	return strings.HasPrefix(value[p.Locate(i, "cni-args"):], "null")
}

// pairSources are those of the pod that fix any address: the elements of the Multus
// annotations one by one, and of each generation of the flat network the longer list. What
// "cni-args" ask for is a matter of the plugins that read them, and not counted.
func pairSources(p *pod.View) []pairSource {
	var sources []pairSource
	for n := range p.Interfaces() {
		i := &p.Interfaces()[n]
		switch {
		case i.Element == nil:
		case len(i.Element.IPs) > 0:
			sources = append(sources, pairSource{name: i.Annotation, count: len(i.Element.IPs), at: func(n int) verdict.Finding { return p.AtElement(i, "ips", n) }})
		case i.Element.MAC != "":
			sources = append(sources, pairSource{name: i.Annotation, count: 1, mac: i, at: func(int) verdict.Finding { return p.AtElement(i, "mac", -1) }})
		}
	}
	return append(sources, flatPairSources(p)...)
}

// flatPairSources are the lists of the flat network. One in a label counts where the
// annotation of that name is not there.
func flatPairSources(p *pod.View) []pairSource {
	longest := map[flatnetwork.Generation]pairSource{}
	longer := func(g flatnetwork.Generation, s pairSource) {
		if s.count > longest[g].count {
			longest[g] = s
		}
	}
	for r := range p.FlatRequests {
		for _, list := range []*flatnetwork.List{&r.IPs, &r.MACs} {
			longer(r.Generation, pairSource{name: list.Annotation, count: len(list.Entries), inert: r.Unattached(), at: func(n int) verdict.Finding {
				return verdict.Finding{Place: object.AtAnnotation(list.Annotation, list.Entries[n].Offset)}
			}})
		}
	}
	for _, l := range labelLists(p) {
		if _, given := p.Subject.Annotations[l.key]; !given {
			longer(l.generation, pairSource{name: "label " + l.key, count: l.count, at: func(int) verdict.Finding { return verdict.Finding{Place: object.AtLabel(l.key)} }})
		}
	}
	var sources []pairSource
	for _, g := range flatnetwork.Generations {
		if s := longest[g]; s.count > 0 {
			sources = append(sources, s)
		}
	}
	return sources
}
