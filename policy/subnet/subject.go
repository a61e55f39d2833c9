package subnet

import (
	"iter"
	"slices"

	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/flatnetwork"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// Subject is a subnet of Rancher's flat network that is written: a MacvlanSubnet
// or a FlatNetworkSubnet. The API server takes anything for one.
type Subject struct {
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

// Decode reads a subnet in JSON: the object that is written, and the one that it
// replaces, nil for none. The namespace given is the one that counts; where it is empty, that
// of the object does.
//
// It is a [*object.FieldError] when a field that rules read has the wrong type.
func Decode(g flatnetwork.Generation, namespace string, text, old []byte) (*Subject, error) {
	compiled, err := flatnetwork.CompileSubnet(g, namespace, text)
	if err != nil {
		return nil, object.DecodeError(err)
	}
	if namespace != "" {
		compiled.Namespace = namespace
	}
	s := &Subject{Generation: g, Namespace: compiled.Namespace, Name: compiled.Reference.Name, compiled: compiled}
	if compiled.Generated {
		s.Name += "*"
	}
	if old != nil {
		// From what cannot be read nothing is inherited.
		if s.old, _ = flatnetwork.CompileSubnet(g, namespace, old); s.old != nil {
			s.old.Namespace = compiled.Namespace
		}
	}
	return s, nil
}

// Facts are an inventory's answers about a subnet that is written.
type Facts struct {
	// Subnets are those that there are, of both generations, in any order; the one that
	// is judged may be among them as it was before. Nil where they are not known.
	Subnets iter.Seq[*flatnetwork.Subnet]
}

// view is a subject with what rules need to judge it.
type view struct {
	*Subject
	facts Facts
}

// Judge runs the rules over the subnet. No namespace exempts it: subnets live in those
// whose pods are not judged. The mode is the usual one, as for networks.
//
// What stood in the object before an update keeps nobody from changing something else:
// it is a warning, as in [verdict.Verdict.Inherit].
func (s *Subject) Judge(f Facts, c *config.Config) verdict.Verdict {
	v := s.judge(f, c)
	if s.old == nil || !v.Refuses() {
		return v
	}
	old := &Subject{Generation: s.Generation, Namespace: s.Namespace, Name: s.Name, compiled: s.old}
	before := old.judge(f, c)
	v.Inherit("this subnet already violates rules that refuse a new one", func(f *verdict.Finding) bool {
		return slices.ContainsFunc(before.Findings, f.SameAs) || before.Crowded(f.Rule, &v)
	})
	return v
}

func (s *Subject) judge(f Facts, c *config.Config) verdict.Verdict {
	v := verdict.Verdict{Mode: c.UsualMode(s.Namespace)}
	if v.Mode == verdict.ModeOff {
		v.Exempt = c.Off(s.Namespace)
		return v
	}
	for i := range Rules {
		r := &Rules[i]
		if action := c.Action(r.ID, r.Default); action != verdict.Off {
			v.Add(r.ID, action, 0, r.Check(&view{s, f}), "")
		}
	}
	return v
}
