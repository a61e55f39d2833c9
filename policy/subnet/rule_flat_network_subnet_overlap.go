package subnet

import (
	"cmp"
	"slices"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/flatnetwork"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// V2 compares a subnet with others of the same mode until the first one that it does
// not collide with (pkg/common/common.go); V1 since June 2023.
var ruleFlatNetworkSubnetOverlap = Rule{
	ID:      "flat-network-subnet-overlap",
	Default: verdict.Deny,
	Check: func(s *view) []verdict.Finding {
		if s.facts.Subnets == nil {
			return nil
		}
		var overlaps []verdict.Finding
		for other := range s.facts.Subnets {
			if f, ok := s.overlap(other); ok {
				overlaps = append(overlaps, f)
			}
		}
		slices.SortFunc(overlaps, func(a, b verdict.Finding) int {
			return cmp.Or(cmp.Compare(a.Path(), b.Path()), cmp.Compare(a.Message, b.Message))
		})
		var found verdict.Collector
		for _, f := range overlaps {
			found.Add(f.Softened, func() verdict.Finding { return f })
		}
		return found.List()
	},
}

// overlap is what is wrong with two subnets on one link, if anything.
func (s *Subject) overlap(other *flatnetwork.Subnet) (verdict.Finding, bool) {
	kind, name := other.Reference.Generation.SubnetKind(), quote.Value(other.Reference.Name)
	if detail := s.compiled.Overlap(other); detail != "" {
		f := verdict.Finding{
			Place: object.AtField("spec.cidr"), Message: "the subnet " + detail,
			Remedy: "choose addresses outside " + kind + " " + name + ", give both subnets ranges that do not overlap, or use another VLAN",
		}
		// Rancher's migrator copies the subnets of V1 and leaves the old ones to be deleted
		// by hand (pkg/migrate/subnet.go of rancher-flat-network).
		if s.compiled.Migrated(other) && s.compiled.Mixes(other) == "" {
			f.Softened = true
			f.Remedy = "when all workloads are migrated, delete the " + flatnetwork.V1.SubnetKind() + " " + name
		}
		return f, true
	}
	if detail := s.compiled.Mixes(other); detail != "" {
		return verdict.Finding{
			Place: object.AtField("spec.flatMode"), Message: "the subnet " + detail,
			Remedy: "write flatMode: " + other.FlatMode + ", or choose another master or VLAN",
		}, true
	}
	return verdict.Finding{}, false
}

// mostConfirmedSubnets is how many of them are confirmed: of more, nobody would read.
const mostConfirmedSubnets = 64

// Colliding are those of the subnets that the subject does not go together with, as many
// as are worth confirming.
func (s *Subject) Colliding(f Facts) []*flatnetwork.Subnet {
	var found []*flatnetwork.Subnet
	if f.Subnets == nil {
		return nil
	}
	for other := range f.Subnets {
		if _, ok := s.overlap(other); ok && len(found) < mostConfirmedSubnets {
			found = append(found, other)
		}
	}
	return found
}
