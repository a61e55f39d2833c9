package policy

import (
	"slices"

	"github.com/macvlan-webhook/macvlan-webhook/policy/flatnetwork"
	"github.com/macvlan-webhook/macvlan-webhook/policy/quote"
)

// Both generations refuse an address that stands twice in a list. The kernel gives two
// interfaces of one link no common MAC address (macvlan_addr_busy).
var ruleAddressDuplicate = Rule{
	ID:      "address-duplicate",
	Title:   "An address is asked for twice",
	Group:   groupAddresses,
	Default: Deny,
	Since:   "v0.1.0",
	Doc: "An IP or MAC address may stand once in the lists of Rancher's flat network and in the `ips` of a network, and once among all interfaces of a pod that hang on the same link of the node. " +
		"What counts is the address, however it is written: upper or lower case, with or without `:`, `2001:db8::1` or `2001:db8:0::1`.",
	Remedy: "Leave one of the two out, or write another address.",
	Wrong: "k8s.v1.cni.cncf.io/networks: '[{\"name\":\"rancher-flat-network\",\"interface\":\"eth1\"}]'\n" +
		"flatnetwork.pandaria.io/subnet: vlan300\nflatnetwork.pandaria.io/ip: auto\nflatnetwork.pandaria.io/mac: 02:00:5e:00:00:0a-02:00:5E:00:00:0A\n",
	Right: "k8s.v1.cni.cncf.io/networks: '[{\"name\":\"rancher-flat-network\",\"interface\":\"eth1\"}]'\n" +
		"flatnetwork.pandaria.io/subnet: vlan300\nflatnetwork.pandaria.io/ip: auto\nflatnetwork.pandaria.io/mac: 02:00:5e:00:00:0a-02:00:5E:00:00:0B\n",
	restsOn: onNetworks | onSubnets,
	check: func(p *Pod) []Finding {
		var found findings
		p.flatFaults(&found, flatnetwork.ProblemDuplicate)
		earlier := map[address][]*wanted{}
		for n := range p.wants {
			w := &p.wants[n]
			if !p.reaches(w) {
				continue
			}
			key := w.claim.address()
			at := slices.IndexFunc(earlier[key], func(before *wanted) bool { return p.together(w, before) })
			if at < 0 {
				earlier[key] = append(earlier[key], w)
				continue
			}
			before := earlier[key][at]
			found.add(false, func() Finding {
				f := p.atAddress(w)
				f.Message = w.named() + " is asked for already" + p.elsewhere(w, before)
				f.Remedy = "leave one of the two out, or write another address"
				return f
			})
		}
		return found.list()
	},
}

// together says whether two requests for one address end in the same place. Those in
// one list of the flat network are left to its grammar.
func (p *Pod) together(w, before *wanted) bool {
	switch {
	case w.flat != nil && w.flat == before.flat:
		return false
	case w.iface != nil && w.iface == before.iface, w.claim.Network != (Reference{}) && w.claim.Network == before.claim.Network:
		return true
	default:
		link := p.link(w)
		return link != "" && link == p.link(before)
	}
}

// elsewhere says where an address stood before, as the end of a sentence.
func (p *Pod) elsewhere(w, before *wanted) string {
	switch {
	case before.iface != nil && before.iface == w.iface:
		return " for the same interface"
	case before.iface != nil:
		return " for interface " + quote.Value(before.iface.Name) + ", on the same link of the node"
	default:
		return " in " + before.list.Annotation + ", on the same link of the node"
	}
}
