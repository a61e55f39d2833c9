package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/macvlan-webhook/macvlan-webhook/policy/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/spiderpool"
)

// misfitCheck makes the check of a rule that reports pools which cannot serve an
// interface, for some of the reasons that there are.
//
// A pool that is missing fails the pod whatever else is in the list. With any
// other reason it is only left out: that fails the pod when no pool of the family
// is left, and is worth a warning when the pool was named for the pod.
func misfitCheck(reasons ...spiderpool.Misfit) func(*Pod) []Finding {
	return func(p *Pod) []Finding {
		var found findings
		p.misfits(&found, reasons...)
		return found.list()
	}
}

// misfits adds what [misfitCheck] reports.
func (p *Pod) misfits(found *findings, reasons ...spiderpool.Misfit) {
	of := func(c *candidate) bool { return slices.Contains(reasons, c.misfit) }
	add := func(s *supply, l *poolList, c *candidate) {
		// On a template a pool that is missing may still be applied, like the
		// networks.
		softened := len(l.usable) > 0
		if c.misfit == spiderpool.MisfitMissing {
			softened = p.Subject.Template()
		}
		found.add(softened, func() Finding { return p.misfitFinding(s, l, c) })
	}
	var serving map[string]bool
	for n := range p.supplies {
		s := &p.supplies[n]
		for f := range s.lists {
			l := &s.lists[f]
			switch exhausted := len(l.usable) == 0; {
			case l.named:
				for c := range l.candidates {
					c := &l.candidates[c]
					if !of(c) {
						continue
					}
					// A pool that is named for all interfaces at once, and can serve
					// another one, is not named in vain.
					if !exhausted && c.misfit != spiderpool.MisfitMissing && s.choice.Element < 0 {
						if serving == nil {
							serving = p.servingPools()
						}
						if serving[c.name] {
							continue
						}
					}
					add(s, l, c)
				}
			case exhausted && len(l.candidates) > 0 && of(&l.candidates[0]):
				found.add(false, func() Finding { return p.unsuppliedFinding(s, l) })
			default:
				for c := range l.candidates {
					if c := &l.candidates[c]; of(c) && c.misfit == spiderpool.MisfitMissing {
						add(s, l, c)
					}
				}
			}
		}
	}
}

// findings collects those of one rule, within reason.
type findings struct {
	kept []Finding
	more int
}

// add takes one more finding. It is made only when it is kept: to say where it
// stands, the annotation is read again. What is softened makes room for what is not,
// so that a row of warnings does not hide the reason to refuse the pod.
func (f *findings) add(softened bool, find func() Finding) {
	if len(f.kept) == maxFaults {
		f.more++
		last := maxFaults - 1
		for last >= 0 && (softened || !f.kept[last].softened) {
			last--
		}
		if last < 0 {
			return
		}
		f.kept = slices.Delete(f.kept, last, last+1)
	}
	one := find()
	one.softened = softened
	f.kept = append(f.kept, one)
}

func (f *findings) list() []Finding {
	if f.more > 0 {
		f.kept[maxFaults-1].Message += fmt.Sprintf(" (and %d more of the kind)", f.more)
	}
	return f.kept
}

// servingPools are the names of the pools that can serve an interface.
func (p *Pod) servingPools() map[string]bool {
	names := map[string]bool{}
	for n := range p.supplies {
		for f := range p.supplies[n].lists {
			l := &p.supplies[n].lists[f]
			for _, c := range l.usable {
				names[l.candidates[c].name] = true
			}
		}
	}
	return names
}

// misfitFinding reports one pool of a list.
func (p *Pod) misfitFinding(s *supply, l *poolList, c *candidate) Finding {
	f := p.at(s, l, c.name)
	f.Message = fmt.Sprintf("pool %s, %s, %s", quote.Value(c.name), p.namedFor(s, l), c.detail)
	switch {
	case c.misfit == spiderpool.MisfitMissing:
	case len(l.usable) > 0:
		f.Message += "; it is left out, and another pool of the list serves the interface"
	case len(l.candidates) > 1:
		f.Message += "; no other pool of the list can serve the interface either"
	}
	f.Remedy = p.poolRemedy(s, l)
	return f
}

// unsuppliedFinding reports a list that nobody wrote for the pod and none of whose
// pools can serve the interface.
func (p *Pod) unsuppliedFinding(s *supply, l *poolList) Finding {
	const most = 3
	var reasons []string
	for _, c := range l.candidates[:min(most, len(l.candidates))] {
		reasons = append(reasons, quote.Value(c.name)+" "+c.detail)
	}
	if n := len(l.candidates) - most; n > 0 {
		reasons = append(reasons, fmt.Sprintf("and %d more", n))
	}
	f := p.at(s, l, "")
	f.Message = fmt.Sprintf("no pool can serve interface %s with an IPv%d address: of the pools, %s, %s",
		quote.Value(s.iface.Name), l.family, p.namedFor(s, l), strings.Join(reasons, "; "))
	f.Remedy = p.poolRemedy(s, l)
	return f
}

// at is a finding at the place where a pool is named: in the pod's annotation, or
// else where the interface is asked for. Without a pool it is at the list.
func (p *Pod) at(s *supply, l *poolList, pool string) Finding {
	if s.choice.Source != spiderpool.SourcePod {
		return p.atInterface(s.iface)
	}
	annotation, element := spiderpool.PoolAnnotation, -1
	if p.pools.HasPools {
		annotation, element = spiderpool.PoolsAnnotation, s.choice.Element
	}
	f := Finding{Annotation: annotation}
	if l != nil {
		index := -1
		if pool != "" {
			index = s.choice.WrittenAs(l.family, pool)
		}
		f.Offset = spiderpool.Locate(annotation, p.Subject.Annotations[annotation], element, fmt.Sprintf("ipv%d", l.family), index)
	} else {
		f.Offset = spiderpool.Locate(annotation, p.Subject.Annotations[annotation], element, "", -1)
	}
	return f
}

// atInterface is a finding at the place where an interface is asked for. The
// cluster's own network is asked for nowhere.
func (p *Pod) atInterface(i *Interface) Finding {
	if i.annotation == "" {
		return Finding{Field: "metadata.annotations"}
	}
	return Finding{Annotation: i.annotation, Offset: p.locateNetwork(i)}
}

// namedFor continues "pool ..., " and says who names the pools of a list, and for
// which interface.
func (p *Pod) namedFor(s *supply, l *poolList) string {
	iface := "interface " + quote.Value(s.iface.Name)
	switch s.choice.Source {
	case spiderpool.SourceNamespace:
		return fmt.Sprintf("which namespace %s names for %s (its annotation %s)", quote.Value(p.Subject.Namespace), iface,
			[]string{spiderpool.NamespaceIPv4Annotation, spiderpool.NamespaceIPv6Annotation}[familyIndex(l)])
	case spiderpool.SourceNetwork:
		return fmt.Sprintf("which network %s names for %s (default_ipv%d_ippool)", s.iface.label(), iface, l.family)
	case spiderpool.SourceDefault:
		return "which are the cluster's default pools (spec.default) and would serve " + iface
	case spiderpool.SourceConfig:
		_, origin := p.ownDefault(s.iface)
		return "which " + origin + " names for " + iface
	default:
		return "named for " + iface
	}
}

func familyIndex(l *poolList) int {
	if l.family == spiderpool.IPv4 {
		return 0
	}
	return 1
}

// poolRemedy names pools that can serve the interface, if there are any.
func (p *Pod) poolRemedy(s *supply, l *poolList) string {
	who := "name"
	if s.choice.Source != spiderpool.SourcePod {
		who = "name, in " + spiderpool.PoolsAnnotation + ", or ask the platform team to name,"
	}
	such := "; there is none now"
	if fitting := p.fittingPools(s.iface, l.family, nil); len(fitting) > 0 {
		for n := range fitting {
			fitting[n] = quote.Value(fitting[n])
		}
		such = ", such as " + strings.Join(fitting, ", ")
	}
	return fmt.Sprintf("%s an IPv%d pool that can serve the interface%s. This lists the pools:\n  kubectl get spiderippools", who, l.family, such)
}

// fittingPools are the names of the first pools that can serve an interface, have
// room and are not taken: those that are bound to its network, or else those that
// are bound to none.
func (p *Pod) fittingPools(i *Interface, family int, taken map[string]bool) []string {
	const most = 3
	var bound, free []string
	pools := p.facts.Pools.Index
	request := p.request(family, p.multusName(i))
	names := pools.Names(family)
	for _, name := range names[:min(len(names), maxCandidates)] {
		pool := pools.Pool(name)
		if misfit, _ := pool.Misfit(request); misfit != spiderpool.MisfitNone || pool.Exhausted() || taken[name] {
			continue
		}
		switch {
		case len(pool.MultusNames) == 0 && len(free) < most:
			free = append(free, name)
		case len(pool.MultusNames) > 0:
			if bound = append(bound, name); len(bound) == most {
				return bound
			}
		}
	}
	if len(bound) > 0 {
		return bound
	}
	return free
}

// spiderFaultCheck makes the check of a rule that reports what is wrong with some
// of Spiderpool's annotations. What Spiderpool does not read is left to
// spiderpool-annotation-ignored.
func spiderFaultCheck(softened bool, remedy string, problem spiderpool.Problem, annotations ...string) func(*Pod) []Finding {
	return func(p *Pod) []Finding {
		var found findings
		p.spiderFaults(&found, softened, remedy, problem, annotations...)
		return found.list()
	}
}

// spiderFaults adds what [spiderFaultCheck] reports.
func (p *Pod) spiderFaults(found *findings, softened bool, remedy string, problem spiderpool.Problem, annotations ...string) {
	if len(p.poolFaults) == 0 {
		return
	}
	u := p.spiderpoolUse()
	for i := range p.poolFaults {
		f := &p.poolFaults[i]
		if f.Problem != problem || !slices.Contains(annotations, f.Annotation) || u == unused || !p.reads(f.Annotation) {
			continue
		}
		found.add(softened || u == maybeUsed, func() Finding {
			return Finding{Annotation: f.Annotation, Offset: f.Offset, Message: f.Message(), Remedy: remedy}
		})
	}
}

// reads says whether Spiderpool, asked for an address of the pod, looks at one of
// its annotations.
func (p *Pod) reads(annotation string) bool {
	return p.pools.Reads(annotation, p.config.Spiderpool.Subnets)
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

func (p *Pod) spiderpoolUse() use {
	u := unused
	for n := range p.interfaces {
		i := &p.interfaces[n]
		switch yes, known := p.fromSpiderpool(i); {
		case yes || !known && i.annotation != "":
			return used
		case !known:
			u = maybeUsed
		}
	}
	return u
}
