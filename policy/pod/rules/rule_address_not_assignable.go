package rules

import (
	"fmt"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/cniconf/ipam"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/flatnetwork"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// The flat network: checks of V1 and V2 when the pod is made, and what neither checks
// (is_valid_ether_addr in the kernel, the ranges in V2, broadcast addresses by the
// prefix length in V1). host-local and static 1.10.0: measured with the plugins
// themselves.
var ruleAddressNotAssignable = pod.Rule{
	ID:      "address-not-assignable",
	Default: verdict.Deny,
	Check: func(p *pod.View) []verdict.Finding {
		var found verdict.Collector
		flatFaults(p, &found, flatnetwork.ProblemNotAssignable)
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
			found.Add(flat.Unattached(), func() verdict.Finding {
				f := p.AtAddress(w)
				f.Message = w.Named() + " " + detail
				f.Remedy = fmt.Sprintf("write an address that the subnet hands out; this shows it:\n  kubectl get %s -n %s %s -o yaml",
					flat.Generation.SubnetResource(), flat.Generation.SubnetNamespace(), s.Reference.Name)
				return f
			})
		}
		for n := range p.Interfaces() {
			unassignable(p, &found, &p.Interfaces()[n])
		}
		if i, why := p.Shortage(); i != nil {
			found.Add(false, func() verdict.Finding {
				f := verdict.Finding{Place: object.AtAnnotation(i.Annotation, p.LocateNetwork(i))}
				f.Message = "interface " + quote.Value(i.Name) + " (network " + i.Label() + ") gets no address: " + why + ", which the pod's interfaces before it take"
				f.Remedy = "attach the network less often, or use one with a larger range"
				return f
			})
		}
		return found.List()
	},
}

// unassignable adds what the IPAM plugin of an interface's network makes of the
// addresses that its element asks for.
func unassignable(p *pod.View, found *verdict.Collector, i *pod.Interface) {
	if i.Network() == nil || i.Element == nil {
		return
	}
	if fault := i.Element.ArgIPsFault; fault != "" {
		found.Add(!i.Network().ReadsArgs(), func() verdict.Finding {
			f := p.AtElement(i, "cni-args", -1)
			f.Message = `"ips" in the cni-args of interface ` + quote.Value(i.Name) + " (network " + i.Label() + ") " + fault + ", so its IPAM plugin cannot read it; accepted: a list of addresses in quotes"
			f.Remedy = `write "cni-args": {"ips": ["…"]}, or remove it`
			return f
		})
		return
	}
	if i.Element.MAC != "" {
		if why := i.Network().MACIgnored(); why != "" {
			found.Add(true, func() verdict.Finding {
				f := p.AtElement(i, "mac", -1)
				f.Message = "mac " + quote.Value(i.Element.MAC) + " of interface " + quote.Value(i.Name) + " (network " + i.Label() + ") has no effect: " + why
				f.Remedy = `remove "mac", or chain the plugin tuning with the capability "mac" to the network`
				return f
			})
		}
	}
	if len(i.Element.IPs)+len(i.Element.ArgIPs) == 0 {
		return
	}
	for _, fault := range i.Network().AddressFaults(i.Ask()) {
		if fault.Duplicate {
			continue // a rule of its own
		}
		found.Add(fault.Effect != ipam.EffectFails, func() verdict.Finding {
			field, ips, member := "ips", i.Element.IPs, fault.Index
			if fault.Args {
				field, ips, member = "cni-args", i.Element.ArgIPs, -1
			}
			f := p.AtElement(i, field, member)
			f.Message = "the addresses that interface " + quote.Value(i.Name) + " asks for"
			if fault.Args {
				f.Message += " in cni-args"
			}
			if fault.Index >= 0 {
				f.Message = "address " + quote.Value(ips[fault.Index]) + " of interface " + quote.Value(i.Name)
			}
			f.Message += " (network " + i.Label() + ") " + fault.Detail + "; accepted: " + fault.Want
			f.Remedy = fmt.Sprintf("change %q to what is accepted", field)
			if fault.Instead != "" {
				f.Remedy = "write " + quote.Value(fault.Instead)
			}
			if !lacksAddressWithout(i, fault.Args) {
				f.Remedy += fmt.Sprintf(", or remove %q", field)
			}
			return f
		})
	}
}

// lacksAddressWithout says that the network fails an interface whose element asks for no "ips",
// or with args for none in "cni-args", as static does that has no address of its own.
func lacksAddressWithout(i *pod.Interface, args bool) bool {
	ask := i.Ask()
	if args {
		ask.ArgIPs = nil
	} else {
		ask.IPs = nil
	}
	why, _ := i.Network().Fails(ask)
	return why != ""
}
