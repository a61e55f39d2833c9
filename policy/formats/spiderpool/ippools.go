package spiderpool

import (
	"encoding/json"
	"fmt"

	"github.com/macvlan-webhook/macvlan-webhook/policy/text/jsonplace"
)

const (
	wantPool    = "the name of a SpiderIPPool, or a pattern with *, ? or [...]"
	wantOnce    = "each pool at most once for one interface"
	wantAllName = `"interface" in every element, or in none`
)

// readPool reads [PoolAnnotation]. One that names no pool is no fault here: it
// harms only a pod that has an interface of Spiderpool's, see [Choice.Empty].
func readPool(a *Annotations, r *reading) {
	a.HasPool, a.NamesPools = true, true
	var s struct {
		IPv4 []string `json:"ipv4"`
		IPv6 []string `json:"ipv6"`
	}
	if !decode(r, &s) {
		return
	}
	a.Pool = &Selection{IPv4: s.IPv4, IPv6: s.IPv6, broken: r.broken(-1)}
	r.checkPools(-1, a.Pool)
}

// ParsePool reads a value that is written like [PoolAnnotation] and stands in
// another annotation. Without faults the result is not nil.
func ParsePool(annotation, value string) (*Selection, []Fault) {
	var a Annotations
	r := reading{annotation: annotation, value: value, shape: &poolShape}
	readPool(&a, &r)
	return a.Pool, inOrder(r.faults)
}

// readPools reads [PoolsAnnotation] and checks the list as
// validateAndMutateMultipleNICAnnotations in pkg/ipam/utils.go does. That the
// listed interfaces are those of the pod is not known here.
func readPools(a *Annotations, r *reading) {
	a.HasPools, a.NamesPools = true, true
	if !decode(r, &a.Pools) {
		a.Pools = nil
		return
	}
	if len(a.Pools) == 0 {
		r.refuse(-1, "", r.root().Start, "", "has no element", r.shape.want)
		return
	}
	for i := range a.Pools {
		a.Pools[i].broken = r.broken(i)
		r.checkPools(i, &a.Pools[i])
	}
	a.Named, a.unclear = r.checkInterfaces(a.Pools)
}

// checkPools reports the names that no pool has, the patterns that cannot be
// read and the names that stand twice in one list.
func (r *reading) checkPools(index int, s *Selection) {
	for _, list := range [...]struct {
		field string
		names []string
	}{{ipv4Field, s.IPv4}, {ipv6Field, s.IPv6}} {
		if !soundList(list.names) && r.readable(index, list.field) {
			r.checkList(index, list.field, list.names)
		}
	}
}

// soundList says that a list of names is without faults. It is for the many
// lists of one or two names: longer ones are looked at more closely.
func soundList(names []string) bool {
	if len(names) > 2 || len(names) == 2 && names[0] == names[1] {
		return false
	}
	for _, name := range names {
		if name == "" || IsPattern(name) && badPattern(name) {
			return false
		}
	}
	return true
}

func (r *reading) checkList(index int, field string, names []string) {
	var list jsonplace.Value
	var members []jsonplace.Value
	eachFault(names, func(i int, detail, want string) {
		if list.Kind() == jsonplace.None {
			list = r.field(index, field)
			for _, member := range list.Members() {
				members = append(members, member)
			}
		}
		at := list
		if i < len(members) {
			at = members[i]
		}
		r.refuse(index, field, at.Start, names[i], detail, want)
	})
}

// eachFault calls report for each name of a list that is wrong.
func eachFault(names []string, report func(i int, detail, want string)) {
	seen := make(map[string]bool, len(names))
	for i, name := range names {
		switch {
		case name == "":
			report(i, "is an empty name", wantPool)
		case IsPattern(name) && badPattern(name):
			report(i, "is a pattern that cannot be read", wantPool)
		case seen[name] && !IsPattern(name):
			report(i, "is named twice for one interface", wantOnce)
		default:
			seen[name] = true
		}
	}
}

// CheckNames says what is wrong with the first name of a list of pools that no
// annotation could hold: an empty one, a pattern that cannot be read, or one that
// stands there twice. The problem continues a sentence that begins with the name;
// it is empty for a list that is right.
func CheckNames(names []string) (index int, problem string) {
	eachFault(names, func(i int, detail, want string) {
		if problem == "" {
			index, problem = i, detail+"; accepted: "+want
		}
	})
	return index, problem
}

// checkInterfaces reports elements that do not name their interfaces as the
// first one does, and interfaces that are named twice. It says whether the first
// one is named, and whether that leaves in doubt which interfaces the others are
// for.
func (r *reading) checkInterfaces(list []Selection) (named, unclear bool) {
	first := -1
	holder := make(map[string]int, len(list))
	for i := range list {
		if !r.readable(i, ifaceField) {
			unclear = true
			continue
		}
		name := list[i].Interface
		if first < 0 {
			first, named = i, name != ""
		}
		before, taken := holder[name]
		switch {
		case name != "" && !named:
			unclear = true
			r.refuse(i, ifaceField, r.field(i, ifaceField).Start, name, "is named, and the elements before it name no interface", wantAllName)
		case name == "" && named:
			unclear = true
			r.refuse(i, ifaceField, r.field(i, ifaceField).Start, "", "is missing, and the elements before it name their interfaces", wantAllName)
		case name != "" && taken:
			r.refuse(i, ifaceField, r.field(i, ifaceField).Start, name,
				fmt.Sprintf("is already the interface of element %d", before+1), "one element for each interface")
		default:
			holder[name] = i
		}
	}
	return named, unclear
}

// Locate is where something stands in a well-formed value of one of the
// annotations of [Parse], in bytes: the field ("interface", "ipv4", "ipv6") of
// the element-th element, -1 in an annotation that holds a single object, and
// for index >= 0 the index-th member of a field that is a list. Where there is
// no such field, or field is "", it is the element, and where there is no such
// element the value.
//
// It reads the whole value, so it is for reports only.
func Locate(annotation, value string, element int, field string, index int) int {
	for i := range readers {
		if readers[i].annotation == annotation && readers[i].shape != nil && json.Valid([]byte(value)) {
			at := jsonplace.Root(value)
			if element >= 0 {
				at = at.Member(element)
			}
			if found, given := readers[i].shape.find(at, field); given {
				at = found.Member(index)
			}
			return at.Start
		}
	}
	return 0
}
