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
var ruleAddressNotAssignable = podRule{
	ID:      "address-not-assignable",
	Default: Deny,
	Check: func(p *View) []Finding {
		var found findings
		p.flatFaults(&found, flatnetwork.ProblemNotAssignable)
		for n := range p.Addresses() {
			w := &p.Addresses()[n]
			flat := p.FlatRequestOf(w)
			if flat == nil || !w.Claim.IP.IsValid() {
				continue
			}
			s := p.Subnet(flat)
			if s == nil {
				continue
			}
			detail := s.Refuses(w.Claim.IP)
			if detail == "" {
				continue
			}
			found.add(flat.Unattached(), func() Finding {
				f := p.AtAddress(w)
				f.Message = w.Named() + " " + detail
				f.Remedy = fmt.Sprintf("write an address that the subnet hands out; this shows it:\n  kubectl get %s -n %s %s -o yaml",
					flat.Generation.SubnetResource(), flat.Generation.SubnetNamespace(), s.Reference.Name)
				return f
			})
		}
		for n := range p.Interfaces() {
			p.unassignable(&found, &p.Interfaces()[n])
		}
		return found.list()
	},
}

// unassignable adds what the IPAM plugin of an interface's network makes of the
// addresses that its element asks for.
func (p *View) unassignable(found *findings, i *Interface) {
	if i.Network() == nil || i.Element == nil || len(i.Element.IPs) == 0 {
		return
	}
	for _, fault := range i.Network().AddressFaults(i.Element.IPs, i.Annotation == multus.DefaultNetworkAnnotation) {
		if fault.Duplicate {
			continue // a rule of its own
		}
		found.add(fault.Effect == ipam.EffectIgnored, func() Finding {
			f := p.AtElement(i, "ips", fault.Index)
			f.Message = "the addresses that interface " + quote.Value(i.Name) + " asks for"
			if fault.Index >= 0 {
				f.Message = "address " + quote.Value(i.Element.IPs[fault.Index]) + " of interface " + quote.Value(i.Name)
			}
			f.Message += " (network " + i.Label() + ") " + fault.Detail + "; accepted: " + fault.Want
			f.Remedy = "write what is accepted, or leave \"ips\" out"
			return f
		})
	}
}
