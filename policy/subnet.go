package policy

import (
	"iter"
	"slices"

	"github.com/macvlan-webhook/macvlan-webhook/policy/flatnetwork"
)

// SubnetSubject is a subnet of Rancher's flat network that is written: a MacvlanSubnet
// or a FlatNetworkSubnet. The API server takes anything for one.
type SubnetSubject struct {
	Generation flatnetwork.Generation
	Namespace  string
	// Name of the object; its generateName with a trailing * when the name is not
	// known yet.
	Name string

	compiled *flatnetwork.Subnet
	// old is what the object said before; nil when there was none, or when it could not
	// be read.
	old *flatnetwork.Subnet
}

// DecodeSubnet reads a subnet in JSON: the object that is written, and the one that it
// replaces, nil for none. The namespace given stands in for an object that has none.
//
// It is a [*FieldError] when a field that rules read has the wrong type.
func DecodeSubnet(g flatnetwork.Generation, namespace string, object, old []byte) (*SubnetSubject, error) {
	compiled, err := flatnetwork.CompileSubnet(g, namespace, object)
	if err != nil {
		return nil, decodeError(err)
	}
	s := &SubnetSubject{Generation: g, Namespace: compiled.Namespace, Name: compiled.Reference.Name, compiled: compiled}
	if compiled.Generated {
		s.Name += "*"
	}
	if old != nil {
		// From what cannot be read nothing is inherited.
		s.old, _ = flatnetwork.CompileSubnet(g, namespace, old)
	}
	return s, nil
}

// SubnetFacts are an inventory's answers about a subnet that is written.
type SubnetFacts struct {
	// Subnets are those that there are, of both generations, in any order; the one that
	// is judged may be among them as it was before. Nil where they are not known.
	Subnets iter.Seq[*flatnetwork.Subnet]
}

// subnet is a subject with what rules need to judge it.
type subnet struct {
	*SubnetSubject
	facts SubnetFacts
}

// subnetRule is a rule of subnets.
type subnetRule = Rule[*subnet]

// subnetRules holds every rule of subnets, in the order in which findings are reported.
var subnetRules = []subnetRule{
	ruleFlatNetworkSubnetInvalid,
	ruleFlatNetworkSubnetOverlap,
}

// Judge runs the rules over the subnet. No namespace exempts it: subnets live in those
// whose pods are not judged.
//
// What stood in the object before an update keeps nobody from changing something else:
// it is a warning, as in [Verdict.Inherit].
func (s *SubnetSubject) Judge(f SubnetFacts, c *Config) Verdict {
	v := s.judge(f, c)
	if s.old == nil || v.Decision() != Deny {
		return v
	}
	old := &SubnetSubject{Generation: s.Generation, Namespace: s.Namespace, Name: s.Name, compiled: s.old}
	before := old.judge(f, c)
	v.inherit("this subnet has what a new one is refused for", func(f *Finding) bool { return slices.ContainsFunc(before.Findings, f.sameAs) })
	return v
}

func (s *SubnetSubject) judge(f SubnetFacts, c *Config) Verdict {
	var v Verdict
	for i := range subnetRules {
		r := &subnetRules[i]
		if action := c.action(r.ID, r.Default); action != Off {
			v.add(r.ID, action, 0, r.Check(&subnet{s, f}), "")
		}
	}
	return v
}
