package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/multus"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/spiderpool"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// misfitCheck makes the check of a rule that reports pools which cannot serve an
// interface, for some of the reasons that there are.
//
// A pool that is missing fails the pod whatever else is in the list. With any
// other reason it is only left out: that fails the pod when no pool of the family
// is left, and is worth a warning when the pool was named for the pod.
func misfitCheck(reasons ...spiderpool.Misfit) func(*pod.View) []verdict.Finding {
	return func(p *pod.View) []verdict.Finding {
		var found verdict.Collector
		misfits(p, &found, reasons...)
		return found.List()
	}
}

// misfits adds what [misfitCheck] reports.
func misfits(p *pod.View, found *verdict.Collector, reasons ...spiderpool.Misfit) {
	of := func(c *pod.Candidate) bool { return slices.Contains(reasons, c.Misfit) }
	remedies := poolRemedies{p: p}
	add := func(s *pod.InterfacePools, l *pod.PoolList, c *pod.Candidate) {
		// On a template a pool that is missing may still be applied, like the
		// networks.
		softened := len(l.Usable) > 0
		if c.Misfit == spiderpool.MisfitMissing {
			softened = p.Subject.Template()
		}
		found.Add(softened, func() verdict.Finding { return misfitFinding(&remedies, s, l, c) })
	}
	var serving map[string]bool
	for n := range p.Supplies() {
		s := &p.Supplies()[n]
		for f := range s.Lists {
			l := &s.Lists[f]
			switch exhausted := len(l.Usable) == 0; {
			case l.Named:
				for c := range l.Candidates {
					c := &l.Candidates[c]
					if !of(c) {
						continue
					}
					// A pool that is named for all interfaces at once, and can serve
					// another one, is not named in vain.
					if !exhausted && c.Misfit != spiderpool.MisfitMissing && s.Choice.Element < 0 {
						if serving == nil {
							serving = servingPools(p)
						}
						if serving[c.Name] {
							continue
						}
					}
					add(s, l, c)
				}
			case exhausted && len(l.Candidates) > 0 && of(&l.Candidates[0]):
				applied := p.Subject.Template() && !slices.ContainsFunc(l.Candidates, func(c pod.Candidate) bool { return c.Misfit != spiderpool.MisfitMissing })
				found.Add(applied, func() verdict.Finding { return unsuppliedFinding(&remedies, s, l) })
			default:
				for c := range l.Candidates {
					if c := &l.Candidates[c]; of(c) && c.Misfit == spiderpool.MisfitMissing {
						add(s, l, c)
					}
				}
			}
		}
	}
}

// servingPools are the names of the pools that can serve an interface.
func servingPools(p *pod.View) map[string]bool {
	names := map[string]bool{}
	for n := range p.Supplies() {
		for f := range p.Supplies()[n].Lists {
			l := &p.Supplies()[n].Lists[f]
			for _, c := range l.Usable {
				names[l.Candidates[c].Name] = true
			}
		}
	}
	return names
}

// misfitFinding reports one pool of a list.
func misfitFinding(remedies *poolRemedies, s *pod.InterfacePools, l *pod.PoolList, c *pod.Candidate) verdict.Finding {
	p := remedies.p
	f := at(p, s, l, c.Name)
	f.Message = fmt.Sprintf("pool %s, %s, %s", quote.Value(c.Name), namedFor(p, s, l), c.Detail)
	counted := c.Misfit == spiderpool.MisfitNetwork && s.Interface.Annotation != multus.DefaultNetworkAnnotation
	switch name := p.MultusName(s.Interface); {
	case c.Misfit != spiderpool.MisfitNetwork || name.String() == s.Interface.Reference.String():
		counted = false
	case counted:
		f.Message += "; Multus gives every pod networks of its own (multus.defaultNetworks), which Spiderpool does not count: it takes "
		if name == spiderpool.NoNetwork {
			f.Message += "no network of the annotation for that of this interface"
		} else {
			f.Message += quote.Value(name.String()) + " for the network of this interface"
		}
	default:
		f.Message += fmt.Sprintf("; Spiderpool uses its own namespace for a default-network without one, so it reads this one as %s", quote.Value(name.String()))
	}
	switch {
	case c.Misfit == spiderpool.MisfitMissing:
	case len(l.Usable) > 0:
		f.Message += "; it is left out, and another pool of the list serves the interface"
	case len(l.Candidates) > 1:
		f.Message += "; no other pool of the list can serve the interface either"
	}
	f.Remedy = remedies.of(s, l)
	switch {
	case counted && s.Interface.Element != nil:
		f.Remedy = fmt.Sprintf("write the name of every interface into %s, as in %s@%s: Spiderpool then finds their networks",
			multus.NetworksAnnotation, s.Interface.Reference, s.Interface.Name)
	case counted:
	case c.Misfit == spiderpool.MisfitNetwork && p.MultusName(s.Interface).String() != s.Interface.Reference.String():
		f.Remedy = "write the namespace of the network:" + indent + qualified(p, s.Interface)
	case len(l.Usable) > 0 && s.Choice.Source == spiderpool.SourcePod && origin(p, s) == "":
		f.Remedy = "leave the pool out: others of the list can serve the interface"
	}
	return f
}

// unsuppliedFinding reports a list that nobody wrote for the pod and none of whose
// pools can serve the interface.
func unsuppliedFinding(remedies *poolRemedies, s *pod.InterfacePools, l *pod.PoolList) verdict.Finding {
	p := remedies.p
	const most = 3
	var reasons []string
	for _, c := range l.Candidates[:min(most, len(l.Candidates))] {
		reasons = append(reasons, quote.Value(c.Name)+" "+c.Detail)
	}
	if n := len(l.Candidates) - most; n > 0 {
		reasons = append(reasons, fmt.Sprintf("and %d more", n))
	}
	f := at(p, s, l, "")
	f.Message = fmt.Sprintf("no pool can serve interface %s with an IPv%d address: of the pools, %s, %s",
		quote.Value(s.Interface.Name), l.Family, namedFor(p, s, l), strings.Join(reasons, "; "))
	f.Remedy = remedies.of(s, l)
	return f
}

// at is a finding at the place where a pool is named: in the pod's annotation, or
// else where the interface is asked for. Without a pool it is at the list.
func at(p *pod.View, s *pod.InterfacePools, l *pod.PoolList, pool string) verdict.Finding {
	// What was filled in stands in nobody's file.
	if s.Choice.Source != spiderpool.SourcePod || p.Subject.FilledIn != nil {
		return atInterface(p, s.Interface)
	}
	annotation, element := spiderpool.PoolAnnotation, -1
	if p.PoolAnnotations().HasPools {
		annotation, element = spiderpool.PoolsAnnotation, s.Choice.Element
	}
	f := verdict.Finding{Place: object.AtAnnotation(annotation, 0)}
	if l != nil {
		index := -1
		if pool != "" {
			index = s.Choice.WrittenAs(l.Family, pool)
		}
		f.Place.Offset = spiderpool.Locate(annotation, p.Subject.Annotations[annotation], element, fmt.Sprintf("ipv%d", l.Family), index)
	} else {
		f.Place.Offset = spiderpool.Locate(annotation, p.Subject.Annotations[annotation], element, "", -1)
	}
	return f
}

// atInterface is a finding at the place where an interface is asked for. The
// cluster's own network is asked for nowhere.
func atInterface(p *pod.View, i *pod.Interface) verdict.Finding {
	if i.Annotation == "" {
		return verdict.Finding{Place: object.AtField("metadata.annotations")}
	}
	return verdict.Finding{Place: object.AtAnnotation(i.Annotation, p.LocateNetwork(i))}
}

// namedFor continues "pool ..., " and says who names the pools of a list, and for
// which interface.
func namedFor(p *pod.View, s *pod.InterfacePools, l *pod.PoolList) string {
	iface := "interface " + quote.Value(s.Interface.Name)
	switch s.Choice.Source {
	case spiderpool.SourceNamespace:
		return fmt.Sprintf("which namespace %s names for %s (its annotation %s)", quote.Value(p.Subject.Namespace), iface,
			map[int]string{spiderpool.IPv4: spiderpool.NamespaceIPv4Annotation, spiderpool.IPv6: spiderpool.NamespaceIPv6Annotation}[l.Family])
	case spiderpool.SourceNetwork:
		return fmt.Sprintf("which network %s names for %s (default_ipv%d_ippool)", s.Interface.Label(), iface, l.Family)
	case spiderpool.SourceDefault:
		return "which are the cluster's default pools (spec.default) and would serve " + iface
	case spiderpool.SourceConfig:
		_, origin := p.OwnDefault(s.Interface)
		return "which " + origin + " names for " + iface
	}
	if origin := origin(p, s); origin != "" {
		return "which " + origin + " names for " + iface
	}
	return "named for " + iface
}

// origin names the default of ours that the pod's annotation repeats for an
// interface, as it does when it was filled in; it is empty for pools of the pod's own
// choice.
func origin(p *pod.View, s *pod.InterfacePools) string {
	if s.Choice.Element < 0 {
		return ""
	}
	own, origin := p.OwnDefault(s.Interface)
	if slices.Equal(own.IPv4, s.Choice.WrittenIPv4) && slices.Equal(own.IPv6, s.Choice.WrittenIPv6) {
		return origin
	}
	return ""
}

// spiderFaultCheck makes the check of a rule that reports what is wrong with some
// of Spiderpool's annotations. What Spiderpool does not read is left to
// spiderpool-annotation-ignored.
func spiderFaultCheck(softened bool, remedy string, problem spiderpool.Problem, annotations ...string) func(*pod.View) []verdict.Finding {
	return func(p *pod.View) []verdict.Finding {
		var found verdict.Collector
		spiderFaults(p, &found, softened, remedy, problem, annotations...)
		return found.List()
	}
}

// spiderFaults adds what [spiderFaultCheck] reports.
func spiderFaults(p *pod.View, found *verdict.Collector, softened bool, remedy string, problem spiderpool.Problem, annotations ...string) {
	if len(p.PoolFaults()) == 0 {
		return
	}
	u := spiderpoolUse(p)
	for i := range p.PoolFaults() {
		f := &p.PoolFaults()[i]
		if f.Problem != problem || !slices.Contains(annotations, f.Annotation) || u == unused || !reads(p, f.Annotation) {
			continue
		}
		found.AddOf(softened || u == maybeUsed, f.More, func() verdict.Finding {
			return verdict.Finding{Place: object.AtAnnotation(f.Annotation, f.Offset), Message: f.Message(), Remedy: remedy}
		})
	}
}

// reads says whether Spiderpool, asked for an address of the pod, looks at one of
// its annotations.
func reads(p *pod.View, annotation string) bool {
	return p.PoolAnnotations().Reads(annotation, p.Config.Spiderpool.Subnets)
}

// use says whether Spiderpool is asked for an address of a pod.
type use int

const (
	// unused: every interface gets its addresses from elsewhere.
	unused use = iota
	// maybeUsed: the first interface is on the cluster's own network, and what
	// that is stands in a file on the nodes.
	maybeUsed
	// used: an interface that the annotations ask for gets its addresses from
	// Spiderpool, or may do so: its network is not known.
	used
)

func spiderpoolUse(p *pod.View) use {
	u := unused
	for n := range p.Interfaces() {
		i := &p.Interfaces()[n]
		switch yes, known := p.FromSpiderpool(i); {
		case yes || !known && i.Annotation != "":
			return used
		case !known:
			u = maybeUsed
		}
	}
	return u
}
