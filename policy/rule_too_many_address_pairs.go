package policy

import (
	"fmt"
	"strings"

	"github.com/macvlan-webhook/macvlan-webhook/policy/flatnetwork"
)

// The first design of Rancher's macvlan kept the lists in labels, which it took to have
// 253 characters: 14 MAC addresses with 13 separators are 251. Labels have 63, and the
// lists have long been in annotations, but the documentation still promises 14.
var ruleTooManyAddressPairs = Rule{
	ID:      "too-many-address-pairs",
	Title:   "A pod or workload fixes too many IP/MAC pairs",
	Group:   groupAddresses,
	Default: Deny,
	Since:   "v0.1.0",
	Doc: "At most `limits.addressPairs` (14) pairs of an IP and a MAC address may be fixed for one pod or workload, all its annotations together. Counted are, for each generation of " +
		"Rancher's flat network, the longer of its two lists, and for each network of the Multus annotations its `ips`, or 1 for a `mac` alone. " +
		"Where no network of the flat network is attached, its lists only lead to a warning. It is a limit that the product documents, from a first design that kept the lists in labels, and not the limit of Kubernetes, whose label values have 63 characters.",
	Remedy: "Fix fewer addresses, or split the workload. Whoever runs the webhook may raise `limits.addressPairs`.",
	Wrong: "k8s.v1.cni.cncf.io/networks: '[{\"name\":\"rancher-flat-network\",\"interface\":\"eth1\"}]'\n" +
		"flatnetwork.pandaria.io/subnet: vlan300\n" +
		"flatnetwork.pandaria.io/ip: 10.30.0.21-10.30.0.22-10.30.0.23-10.30.0.24-10.30.0.25-10.30.0.26-10.30.0.27-10.30.0.28-10.30.0.29-10.30.0.30-10.30.0.31-10.30.0.32-10.30.0.33-10.30.0.34-10.30.0.35\n",
	Right: "k8s.v1.cni.cncf.io/networks: '[{\"name\":\"rancher-flat-network\",\"interface\":\"eth1\"}]'\n" +
		"flatnetwork.pandaria.io/subnet: vlan300\n" +
		"flatnetwork.pandaria.io/ip: 10.30.0.21-10.30.0.22-10.30.0.23-10.30.0.24-10.30.0.25-10.30.0.26-10.30.0.27-10.30.0.28-10.30.0.29-10.30.0.30-10.30.0.31-10.30.0.32-10.30.0.33-10.30.0.34\n",
	restsOn: onNetworks,
	check: func(p *Pod) []Finding {
		limit := p.config.Limits.AddressPairs
		total, read, where := 0, 0, Finding{}
		var names []string
		counts := map[string]int{}
		for _, s := range p.pairSources() {
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
		where.Message = fmt.Sprintf("the %s fixes %d IP/MAC pairs (%s), and at most %d are accepted: a documented limit of the product, whose first design kept the lists in "+
			"labels of 253 characters, and not the limit of Kubernetes for label values, which is 63", subject, total, strings.Join(parts, ", "), limit)
		where.Remedy = fmt.Sprintf("fix at most %d addresses, or split the workload; whoever runs the webhook may raise limits.addressPairs", limit)
		// Those that nobody reads do no harm.
		where.softened = read <= limit
		return []Finding{where}
	},
}

// pairSource is a list of addresses, as many as IP/MAC pairs are counted in it.
type pairSource struct {
	name  string
	count int
	// inert says that nobody reads the list.
	inert bool
	// at is a finding at the n-th pair, from 0.
	at func(n int) Finding
}

// pairSources are those of the pod that fix any address: the elements of the Multus
// annotations one by one, and of each generation of the flat network the longer list.
func (p *Pod) pairSources() []pairSource {
	var sources []pairSource
	for n := range p.interfaces {
		i := &p.interfaces[n]
		switch {
		case i.element == nil:
		case len(i.element.IPs) > 0:
			sources = append(sources, pairSource{name: i.annotation, count: len(i.element.IPs), at: func(n int) Finding { return p.atElement(i, "ips", n) }})
		case i.element.MAC != "":
			sources = append(sources, pairSource{name: i.annotation, count: 1, at: func(int) Finding { return p.atElement(i, "mac", -1) }})
		}
	}
	return append(sources, p.flatPairSources()...)
}

// flatPairSources are the lists of the flat network. One in a label counts where the
// annotation of that name is not there.
func (p *Pod) flatPairSources() []pairSource {
	longest := map[flatnetwork.Generation]pairSource{}
	longer := func(g flatnetwork.Generation, s pairSource) {
		if s.count > longest[g].count {
			longest[g] = s
		}
	}
	for _, r := range p.flat {
		for _, list := range []*flatnetwork.List{&r.IPs, &r.MACs} {
			longer(r.Generation, pairSource{name: list.Annotation, count: len(list.Entries), inert: r.inert(), at: func(n int) Finding {
				return Finding{Annotation: list.Annotation, Offset: list.Entries[n].Offset}
			}})
		}
	}
	for _, l := range p.labelLists() {
		if _, given := p.Subject.Annotations[l.key]; !given {
			longer(l.generation, pairSource{name: "label " + l.key, count: l.count, at: func(int) Finding { return Finding{Label: l.key} }})
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
