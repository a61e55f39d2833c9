package policy

import (
	"fmt"

	"github.com/macvlan-webhook/macvlan-webhook/policy/cniconf/ipam"
	"github.com/macvlan-webhook/macvlan-webhook/policy/flatnetwork"
	"github.com/macvlan-webhook/macvlan-webhook/policy/multus"
	"github.com/macvlan-webhook/macvlan-webhook/policy/quote"
)

// The flat network: checks of V1 and V2 when the pod is made, and what neither checks
// (is_valid_ether_addr in the kernel, the ranges in V2, broadcast addresses by the
// prefix length in V1). host-local and static 1.9.1: measured with the plugins
// themselves.
var ruleAddressNotAssignable = Rule{
	ID:      "address-not-assignable",
	Title:   "An address cannot be given to a pod",
	Group:   groupAddresses,
	Default: Deny,
	Since:   "v0.1.0",
	Doc: "Addresses of Rancher's flat network must be in the subnet and, where it has any, in its ranges; they must not be its gateway, nor its network or broadcast address by its real prefix length. " +
		"A MAC address has six bytes, is not a group's (its first byte is even) and not all zero: the kernel refuses others.\n\n" +
		"The `ips` of a network in a Multus annotation are handed to its IPAM plugin. host-local gives one address of its ranges, which is not the gateway, and fails with more than one; static gives any, " +
		"written with a prefix length. Where a plugin fails the pod is denied; where the address has no effect, as with Spiderpool, it is a warning. The whole table is in docs/addresses.md.",
	Remedy: "Write an address that the subnet or the network hands out.",
	Wrong: "k8s.v1.cni.cncf.io/networks: '[{\"name\":\"rancher-flat-network\",\"interface\":\"eth1\"}]'\n" +
		"flatnetwork.pandaria.io/subnet: vlan300\nflatnetwork.pandaria.io/ip: 10.30.0.1\n",
	Right: "k8s.v1.cni.cncf.io/networks: '[{\"name\":\"rancher-flat-network\",\"interface\":\"eth1\"}]'\n" +
		"flatnetwork.pandaria.io/subnet: vlan300\nflatnetwork.pandaria.io/ip: 10.30.0.21\n",
	restsOn: onNetworks | onSubnets,
	check: func(p *Pod) []Finding {
		var found findings
		p.flatFaults(&found, flatnetwork.ProblemNotAssignable)
		for n := range p.wants {
			w := &p.wants[n]
			if w.flat == nil || !w.claim.IP.IsValid() {
				continue
			}
			s := p.subnetOf(w.flat)
			if s == nil {
				continue
			}
			detail := s.Refuses(w.claim.IP)
			if detail == "" {
				continue
			}
			found.add(w.flat.inert(), func() Finding {
				f := p.atAddress(w)
				f.Message = w.named() + " " + detail
				f.Remedy = fmt.Sprintf("write an address that the subnet hands out; this shows it:\n  kubectl get %s -n %s %s -o yaml",
					w.flat.Generation.SubnetResource(), w.flat.Generation.SubnetNamespace(), s.Reference.Name)
				return f
			})
		}
		for n := range p.interfaces {
			p.unassignable(&found, &p.interfaces[n])
		}
		return found.list()
	},
}

// unassignable adds what the IPAM plugin of an interface's network makes of the
// addresses that its element asks for.
func (p *Pod) unassignable(found *findings, i *Interface) {
	if i.network == nil || i.element == nil || len(i.element.IPs) == 0 {
		return
	}
	for _, fault := range i.network.AddressFaults(i.element.IPs, i.annotation == multus.DefaultNetworkAnnotation) {
		if fault.Duplicate {
			continue // a rule of its own
		}
		found.add(fault.Effect == ipam.EffectIgnored, func() Finding {
			f := p.atElement(i, "ips", fault.Index)
			f.Message = "the addresses that interface " + quote.Value(i.Name) + " asks for"
			if fault.Index >= 0 {
				f.Message = "address " + quote.Value(i.element.IPs[fault.Index]) + " of interface " + quote.Value(i.Name)
			}
			f.Message += " (network " + i.label() + ") " + fault.Detail + "; accepted: " + fault.Want
			f.Remedy = "write what is accepted, or leave \"ips\" out"
			return f
		})
	}
}
