package policy

import (
	"net/netip"
	"strings"

	"github.com/macvlan-webhook/macvlan-webhook/policy/flatnetwork"
	"github.com/macvlan-webhook/macvlan-webhook/policy/mac"
)

// Claims stands in until the addresses that a subject asks for are read.
func (s *Subject) Claims() []Claim {
	if s.HostNetwork {
		return nil
	}
	var claims []Claim
	for _, g := range flatnetwork.Generations {
		subnet := flatnetwork.SubnetReference{Generation: g, Name: s.Annotations[g.SubnetAnnotation()]}
		for text := range strings.SplitSeq(s.Annotations[g.IPAnnotation()], "-") {
			if ip, err := netip.ParseAddr(text); err == nil {
				claims = append(claims, Claim{IP: ip, Subnet: subnet})
			}
		}
		for text := range strings.SplitSeq(s.Annotations[g.MACAnnotation()], "-") {
			if address, fault := mac.Parse(text); fault == "" {
				claims = append(claims, Claim{MAC: address, Subnet: subnet})
			}
		}
	}
	return claims
}

func init() {
	for _, g := range flatnetwork.Generations {
		annotationKeys = append(annotationKeys, g.Annotations()...)
	}
}
